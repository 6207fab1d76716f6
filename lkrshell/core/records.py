"""The format of lkr's small text files: one record a line, fields separated by tabs. Also digests that name or chain
records.

Readable with `cat`, parsed without json. A backslash escapes backslash, tab, newline and carriage return, so a path
or a manifest with any bytes fits in one field.
"""

_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_PLAIN = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}


def escape(field: str) -> str:
    for raw, escaped in _ESCAPES:
        field = field.replace(raw, escaped)
    return field


def unescape(field: str) -> str:
    """The inverse of `escape`. ValueError for an escape that `escape` does not write."""
    if "\\" not in field:
        return field
    head, *rest = field.split("\\")
    out = [head]
    parts = iter(rest)
    for part in parts:
        if part:
            plain = _PLAIN.get(part[0])
            if plain is None or plain == "\\":
                raise ValueError("bad escape")
            out.append(plain + part[1:])
        else:  # two backslashes in a row
            following = next(parts, None)
            if following is None:
                raise ValueError("bad escape")
            out.append("\\" + following)
    return "".join(out)


def dump(rows: list[tuple[str, ...]]) -> bytes:
    lines = ["\t".join(map(escape, row)) + "\n" for row in rows]
    return "".join(lines).encode("utf-8", "surrogateescape")


def load(data: bytes) -> list[list[str]]:
    """The rows of a file. ValueError if it is cut short or wrongly escaped."""
    text = data.decode("utf-8", "surrogateescape")
    if not text.endswith("\n"):
        raise ValueError("cut short")
    return [[unescape(field) for field in line.split("\t")] for line in text[:-1].split("\n")]


def digest(data: bytes) -> str:
    """BLAKE2b of 16 bytes, in hexadecimal."""
    try:
        from _blake2 import blake2b  # hashlib costs more than the rest of an export
    except ImportError:
        from hashlib import blake2b

    return blake2b(data, digest_size=16).hexdigest()
