"""Reads env files as python-dotenv does, but within limits and without the person's environment.

`${NAME}` is another variable of the same file, never one of the environment, since a project's file must not read that.
Shells, docker compose and libraries read some values differently. Such a value is marked, since nobody knows which one
is the key. A removed line stays as a comment that names the key.
"""

import io
import re
from dataclasses import dataclass, field

from lkrshell.core import names
from lkrshell.core.errors import LkrError
from lkrshell.core.secret import MAX_VALUE
from lkrshell.core.text import show
from lkrshell.core.time_limit import TimeLimit
from lkrshell.project import project_files

_TIME_LIMIT = 5.0  # seconds, in case a file is slow to read for an unforeseen reason
_MOST_SPACE = 1000  # in a row; python-dotenv's time grows with the square of their number
_MOST_EXPANDED = 1 << 22  # characters that all references of a file may expand to
_HEAD = re.compile(r"(\s*)(?:export[^\S\r\n]+)?['\"]?[^=\s'\"]+['\"]?[^\S\r\n]*=")  # a line up to the value
_REFERENCE = re.compile(r"\$\{\w+(?::-[^${}]*)?\}")
# What some readers expand, drop, or take for the end of a value, by the quote around the value.
_DISPUTED = {
    "'": re.compile(r"\$(?=\{)"),
    '"': re.compile(r"\$(?=[\w({$@*#?!-])|`"),
    "": re.compile(r"\$(?=[\w({$@*#?!-])|[\s\\'\"`;&|<>()#]"),
}


@dataclass
class EnvFile:
    """A file's text, the values that it sets, and what it holds that lkr cannot use."""

    folder: str
    name: str
    text: str
    values: dict[str, str] = field(default_factory=dict)
    uncertain: dict[str, str] = field(default_factory=dict)  # variable → why programs may read another value
    ambiguous: set[str] = field(default_factory=set)  # variables that several lines set, to different values
    unread: list[int] = field(default_factory=list)  # the numbers of lines that set no variable


def read(path: str) -> EnvFile:
    """Reads a file. LkrError if it cannot be read, leads elsewhere (2), is not UTF-8, or exceeds the limits."""
    folder, name = project_files.root_of(path)
    data = project_files.read(folder, name, alone=True)
    if data is None:
        raise LkrError(f"cannot read {show(path)}: No such file or directory")
    try:
        found = EnvFile(folder, name, data.decode("utf-8"))
    except UnicodeDecodeError:
        raise LkrError(f"{show(path)} is not UTF-8", "save it as UTF-8 and run this again") from None
    if any(len(run) > _MOST_SPACE for run in re.findall(r"[^\S\r\n]+", found.text)):
        raise LkrError(f"{show(path)} has more than {_MOST_SPACE} spaces in a row", "take them out")
    from dotenv.parser import parse_stream

    budget = _MOST_EXPANDED
    with TimeLimit(_TIME_LIMIT):
        for binding in parse_stream(io.StringIO(found.text)):
            if binding.error or _is_no_assignment(binding.key, binding.value):
                text = binding.original.string
                blank = text[: len(text) - len(text.lstrip())]
                found.unread.append(binding.original.line + blank.count("\n"))
            if binding.key is None or binding.value is None:
                continue
            value, why = _read_value(found, binding.value, _quote(binding.original.string))
            budget -= len(value) if value != binding.value else 0
            if budget < 0:
                raise LkrError(f"{show(path)}: its references expand to too much text", "write the values themselves")
            if found.values.get(binding.key, "") not in ("", value):
                found.ambiguous.add(binding.key)
            found.values[binding.key] = value
            found.uncertain.pop(binding.key, None)
            if why:
                found.uncertain[binding.key] = why
    return found


def _is_no_assignment(key: str | None, value: str | None) -> bool:
    """True for a line that sets no variable. Other tools allow dots in names."""
    return key is not None and (value is None or not re.fullmatch(r"[\w.]+", key))


def _quote(line: str) -> str:
    """The quote around the value that a line sets; empty if there is none."""
    head = _HEAD.match(line)
    first = line[head.end() :].lstrip()[:1] if head else ""
    return first if first in ("'", '"') else ""


def _read_value(found: EnvFile, text: str, quote: str) -> tuple[str, str]:
    """The value that `text` means after the lines in `found`, and why programs may read another; empty if none does."""
    # `$NAME` alone is a reference to shells and to docker compose, though not to python-dotenv.
    text = text if quote == "'" else re.sub(r"\A\$([A-Za-z_]\w*)\Z", r"${\1}", text)
    value, missing = _expanded(text, found.values)
    if missing:
        return value, f"it uses {_shown(missing)}, which the file does not set"
    if used := next((each for each in re.findall(r"\$\{(\w+)", text) if each in found.uncertain), ""):
        return value, f"it uses {_shown(used)}, whose own value is not certain"
    if sign := _DISPUTED[quote].search(text if quote == "'" else _REFERENCE.sub("", text)):
        what = "space" if sign[0].isspace() else sign[0]
        return value, "without single quotes, " * (quote != "'") + f"programs read the {what} in its value differently"
    return value, ""


def _shown(name: str) -> str:
    """A name for a message. A file may name a variable anything, even by a key."""
    return name if names.is_variable(name) else names.redacted(name)


def _expanded(text: str, known: dict[str, str]) -> tuple[str, str]:
    """`text` with `${NAME}` and `${NAME:-DEFAULT}` filled in, and the first unknown name, or an empty text.

    It stops soon after the result is longer than a key's value may be.
    """
    out, at, missing = "", 0, ""
    while (start := text.find("${", at)) >= 0 and (end := text.find("}", start)) >= 0 and len(out) <= MAX_VALUE:
        name, dash, default = text[start + 2 : end].partition(":-")
        out += text[at:start]
        if name in known or dash:
            out += known.get(name, default)
        else:
            missing, out = missing or name, out + text[start : end + 1]
        at = end + 1
    return out + text[at:], missing


def without(file: EnvFile, keys: dict[str, str]) -> str:
    """The file's text with the lines of these variables commented out; each comment names the variable's key."""
    from dotenv.parser import parse_stream

    out = []
    for binding in parse_stream(io.StringIO(file.text)):
        line = binding.original.string
        head = _HEAD.match(line)
        if binding.key in keys and head:
            # Keep a comment at the end, unless it contains a quote and so may be part of the value.
            tail = re.search(r"((?:[ \t]+#[^'\"\r\n]*)?)(\r?\n|\r)?\Z", line[head.end() :])
            comment, end = (tail[1], tail[2] or "") if tail else ("", "")
            out.append(f"{head[1]}# {binding.key}= moved to lkr: {keys[binding.key]}{comment}{end}")
        else:
            out.append(line)
    return "".join(out)
