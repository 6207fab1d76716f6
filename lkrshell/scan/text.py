"""Looks for keys in one piece of text, wherever it came from."""

import codecs
from collections.abc import Callable, Iterator
from typing import Any

from lkrshell.core.secret import Secret
from lkrshell.scan import marks, shapes
from lkrshell.scan.findings import Finding
from lkrshell.scan.values import Values

_BINARY = 8192  # bytes; git looks as far for a NUL
_NEAR = 400  # bytes of a line that may name a variable before a value


class Search:
    """What one scan looks for. `stored` are the values to find, by key; `shaped` has it look for shapes as well."""

    def __init__(self, stored: "dict[str, Secret]", shaped: bool = True) -> None:
        self._stored, self._values, self._shaped = stored, Values(stored), shaped

    def hits(self, data: bytes) -> "Iterator[tuple[int, int, Finding]]":
        """Where keys are in `data`, from and to, with a finding that names no place yet. No order."""
        taken = []
        for match in self._values.find(data):
            taken.append((match.start, match.end))
            found = Finding("stored", match.key, self._stored[match.key], "", form=match.form)
            found.named = _variable(data, match.start)
            yield match.start, match.end, found
        if not self._shaped:
            return
        for shape in shapes.find(data):
            if any(start < shape.end and shape.start < end for start, end in taken):
                continue
            if not marks.marked(data, shape.start, shape.end):
                yield (
                    shape.start,
                    shape.end,
                    Finding("shape", shape.provider, shape.value, "", 0, shape.form, shape.named),
                )


def in_strings(thing: Any, change: Callable[[str], str]) -> Any:
    """A piece of JSON with `change` made to every string in it, names included."""
    if isinstance(thing, str):
        return change(thing)
    if isinstance(thing, list):
        return [in_strings(each, change) for each in thing]
    if isinstance(thing, dict):
        return {change(name): in_strings(each, change) for name, each in thing.items()}
    return thing


def readable(data: bytes) -> bytes:
    """`data` in UTF-8 where a byte order mark says that it is UTF-16."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace").encode("utf-8", "replace")
    return data


def binary(data: bytes) -> bool:
    """True for what git would call binary: shapes are not looked for in it."""
    return b"\0" in data[:_BINARY]


def _variable(data: bytes, start: int) -> str:
    """The variable that the line gives a value to, in front of the value; empty when none is to be seen."""
    import re

    line = data[max(0, start - _NEAR) : start].rpartition(b"\n")[2]
    match = re.search(rb"([A-Z][A-Z0-9_]{2,99})[\\\"'`\])\s]*(?:[:=,]|\s)[\\\"'`\s]*(?:Bearer )?$", line)
    return match[1].decode() if match else ""
