"""Searches one piece of text for keys, wherever it came from. Keeps and prints nothing."""

import bisect
import codecs
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lkrshell.core.secret import Secret
from lkrshell.scan import engine, literals, marks, shapes
from lkrshell.scan.findings import Finding
from lkrshell.scan.values import Values

if TYPE_CHECKING:
    from lkrshell.scan.engine import Engine

_BINARY = 8192  # bytes in which we look for a NUL, as git does
_NEAR = 400  # bytes of a line, before a value, that may name a variable


class Search:
    """What one scan searches for: `stored` values by key, shapes if `shaped`, other secrets if there is an `engine`."""

    def __init__(self, stored: "dict[str, Secret]", shaped: bool = True, engine: "Engine | None" = None) -> None:
        self._values, self._shaped, self._engine = Values(stored), shaped, engine
        self.fast = engine is None and literals.has_re2()  # hundreds of MiB in a second

    def hits(self, data: bytes, binary: bool = False) -> "Iterator[tuple[int, int, Finding]]":
        """Yields (start, end, finding) for each key in `data`, in no order. The finding does not name a place yet.

        Binary data is searched only for stored values.
        """
        others = self._engine.start(data) if self._engine and not binary else []
        taken = []
        for match in self._values.find(data):
            taken.append((match.start, match.end))
            hit = Finding("stored", match.key, match.secret, "", form=match.form)
            hit.named = _variable(data, match.start)
            yield match.start, match.end, hit
        shaped = [each for each in self._shapes(data) if not _overlaps(taken, each[0], each[1])] if not binary else []
        yield from shaped
        taken = sorted([*taken, *((start, end) for start, end, _ in shaped)])
        for start, end, hit in engine.found(data, others) if others else ():
            if not _overlaps(taken, start, end):
                hit.named = _variable(data, start)
                yield start, end, hit

    def hidden(self, name: str) -> str:
        """Returns a file's or a branch's name, with `[lkr]` in place of each key in it."""
        return os.fsdecode(self.masked(os.fsencode(name), b"[lkr]"))

    def masked(self, data: bytes, mask: bytes) -> bytes:
        """Returns `data` with `mask` in place of each key."""
        out, at = [], 0
        for start, end in sorted(hit[:2] for hit in self.hits(data)):
            if start >= at:
                out += [data[at:start], mask]
            at = max(at, end)
        return b"".join([*out, data[at:]])

    def _shapes(self, data: bytes) -> "Iterator[tuple[int, int, Finding]]":
        for each in shapes.find(data) if self._shaped else ():
            if not marks.marked(data, each.start, each.end):
                yield each.start, each.end, Finding("shape", each.provider, each.value, "", 0, each.form, each.named)


def _overlaps(taken: "list[tuple[int, int]]", start: int, end: int) -> bool:
    """True if one of these sorted spans overlaps the span from `start` to `end`."""
    before = bisect.bisect_left(taken, (max(end, start + 1),))
    return before > 0 and taken[before - 1][1] > start


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
    """True for what git calls binary. Shapes are not searched for there."""
    return b"\0" in data[:_BINARY]


def _variable(data: bytes, start: int) -> str:
    """Returns the variable that the line assigns the value to; empty if there is no variable."""
    import re

    line = data[max(0, start - _NEAR) : start].rpartition(b"\n")[2]
    match = re.search(rb"([A-Z][A-Z0-9_]{2,99})[\\\"'`\])\s]*(?:[:=,]|\s)[\\\"'`\s]*(?:Bearer )?$", line)
    return match[1].decode() if match else ""
