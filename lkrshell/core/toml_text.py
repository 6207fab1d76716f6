"""Parses TOML after checking its size and depth: our files are small, and anybody may have written one in a repository.

A dotted key of 30,000 parts took tomllib 24 s and 5 GB. The check is one pass over the text, without recursion.
"""

import re

MAX_BYTES = 65536
_MAX_DEPTH, _MAX_PARTS, _MAX_WORD, _MAX_TABLES = 8, 16, 256, 1024
_TOKEN = re.compile(r"\"\"\"|'''|[\"'#\n,=.\[\]{}]|[A-Za-z0-9_+:-]+")
# What ends a string or escapes the next character. A long string may have two more quotes before its end.
_DELIMITER = {
    '"': re.compile(r'[\\"\n]'), "'": re.compile(r"['\n]"),
    '"""': re.compile(r'\\|"{3,5}'), "'''": re.compile(r"'{3,5}"),
}  # fmt: skip


class TomlError(ValueError):
    """Says what is wrong and where. It quotes nothing of the text, which may contain a key."""


def parse(text: str) -> dict[str, object]:
    """The document. TomlError if it is not valid TOML, or larger or deeper than any file of lkr."""
    import tomllib

    check(text)
    if text.startswith("\ufeff"):
        raise TomlError("line 1 begins with a byte order mark (BOM), which must not be there")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TomlError(f"not TOML: {_set_twice(text, error) or _without_quotes(error)}") from None
    except (RecursionError, ValueError):  # a number that Python does not take
        raise TomlError("not TOML: a value that cannot be read") from None


def check(text: str) -> None:
    """TomlError if the text exceeds a limit: bytes, nesting, parts of a key, length of a word, number of tables."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise TomlError(f"larger than {MAX_BYTES // 1024} KiB")
    at = depth = parts = tables = 0
    fresh = True  # at the start of a line
    while match := _TOKEN.search(text, at):
        found, at = match[0], match.end()
        if found in _DELIMITER:
            at = _end(text, at, found)
        elif found == "#":
            at = (text.find("\n", at) + 1 or len(text) + 1) - 1
        elif found == ".":
            parts += 1
        elif found in ",=\n{":
            parts = 0
        if found in "[{":
            tables += fresh
            depth += 1
        elif found in "]}":
            depth -= 1
        fresh = found == "\n" or (fresh and found == "[")
        if parts > _MAX_PARTS or depth > _MAX_DEPTH or len(found) > _MAX_WORD or tables > _MAX_TABLES:
            line = text.count("\n", 0, match.start()) + 1
            raise TomlError(f"line {line}: too deep, too long, or too many tables for one of lkr's files")


def _end(text: str, at: int, quote: str) -> int:
    """Where the string that begins at `at` ends; the end of the text if it does not."""
    found = _DELIMITER[quote].search(text, at)
    while found and found[0] == "\\":
        found = _DELIMITER[quote].search(text, found.end() + 1)
    return found.end() if found else len(text)


def _set_twice(text: str, error: Exception) -> str:
    """Names the variable that is in the same table twice; empty if something else is wrong."""
    place = re.search(r"Cannot overwrite a value \(at line (\d+)", str(error))
    found = place and re.match(r"\s*([A-Z][A-Z0-9_]*)\s*=", text.split("\n")[int(place[1]) - 1])
    return f"line {place[1]}: {found[1]} is there twice" if place and found else ""


def _without_quotes(error: Exception) -> str:
    """tomllib's message, with line and column first, and without what it quotes from the text."""
    message = str(error)
    place = re.search(r"\(at line (\d+), column (\d+)\)", message)
    what = re.sub(r"'[^'\]}]{2,}'|\"[^\"\]}]{2,}\"", "…", message.partition(" (at ")[0])
    return f"line {place[1]}, column {place[2]}: {what}" if place else f"at the end of the file: {what}"
