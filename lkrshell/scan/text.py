"""Searches one piece of text for keys, wherever it came from. Keeps and prints nothing."""

import codecs
from collections.abc import Callable, Iterator
from typing import Any

from lkrshell.core.secret import Secret
from lkrshell.scan import marks, shapes
from lkrshell.scan.findings import Finding
from lkrshell.scan.values import Values

_BINARY = 8192  # bytes in which git, too, looks for a NUL
_NEAR = 400  # bytes of a line, before a value, that may name a variable


class Search:
    """What one scan searches for. `stored` are values by key; `shaped` also searches for shapes."""

    def __init__(self, stored: "dict[str, Secret]", shaped: bool = True) -> None:
        self._stored, self._values, self._shaped = stored, Values(stored), shaped

    def hits(self, data: bytes) -> "Iterator[tuple[int, int, Finding]]":
        """Yields (start, end, finding) for each key in `data`, in no order. The finding does not name a place yet."""
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
    """Returns a piece of JSON with `change` applied to every string in it, names included."""
    if isinstance(thing, str):
        return change(thing)
    if isinstance(thing, list):
        return [in_strings(each, change) for each in thing]
    if isinstance(thing, dict):
        return {change(name): in_strings(each, change) for name, each in thing.items()}
    return thing


def readable(data: bytes) -> bytes:
    """Returns `data` in UTF-8, if a byte order mark says that it is UTF-16."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace").encode("utf-8", "replace")
    return data


def binary(data: bytes) -> bool:
    """True for what git calls binary. Shapes are not searched there."""
    return b"\0" in data[:_BINARY]


def _variable(data: bytes, start: int) -> str:
    """Returns the variable that the line assigns the value to; empty when there is none."""
    import re

    line = data[max(0, start - _NEAR) : start].rpartition(b"\n")[2]
    match = re.search(rb"([A-Z][A-Z0-9_]{2,99})[\\\"'`\])\s]*(?:[:=,]|\s)[\\\"'`\s]*(?:Bearer )?$", line)
    return match[1].decode() if match else ""
