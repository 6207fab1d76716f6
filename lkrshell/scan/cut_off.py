"""Finds parts of values in a text that somebody shortened: the beginning of a value before `...`, and the end of one
after it.

pytest, reprlib and pandas shorten long texts like that, before lkr sees them. Pure; prints and keeps no value.
"""

import re

from lkrshell.scan.values import SHORTEST, Values, squeezed, with_gaps

_MARK = re.compile(rb"\.{3,}|\xe2\x80\xa6")  # the latter is the ellipsis in UTF-8
_GLANCE = 64  # bytes next to a mark that show whether a part of a value stands there
_LONGEST = 4096  # bytes of a part; shortened texts show less


class CutOff:
    """The parts of the values `of` that may stand next to a mark: at least `SHORTEST` bytes."""

    def __init__(self, of: Values) -> None:
        self.of = of
        # Beginnings by their last bytes, and ends by their first bytes: the value, and where the part ends or starts.
        self._beginnings: dict[bytes, list[tuple[bytes, int]]] = {}
        self._ends: dict[bytes, list[tuple[bytes, int]]] = {}
        for needle in of.needles():
            size = len(needle)
            for end in range(SHORTEST, min(size, _LONGEST)):
                self._beginnings.setdefault(needle[end - SHORTEST : end], []).append((needle, end))
            for start in range(max(1, size - _LONGEST), size - SHORTEST + 1):
                self._ends.setdefault(needle[start : start + SHORTEST], []).append((needle, start))

    def masked(self, data: bytes, mask: bytes) -> bytes:
        """Returns `data` with `mask` in place of each part. Each mark costs one look on either side."""
        out, at = [], 0
        for mark in _MARK.finditer(data):
            start = self._before(data, at, mark.start())
            if start is not None:
                out += [data[at:start], mask]
                at = mark.start()
            end = self._after(data, mark.end())
            if end is not None:
                out += [data[at : mark.end()], mask]
                at = end
        return b"".join([*out, data[at:]]) if out else data

    def _before(self, data: bytes, low: int, mark: int) -> int | None:
        """Returns where the longest part before the mark begins."""
        glance = squeezed(data[max(low, mark - _GLANCE) : mark])[-SHORTEST:]
        starts = []
        for needle, end in self._beginnings.get(glance, ()):
            part = re.compile(with_gaps(needle[:end]) + rb"\Z", re.S)
            if found := part.search(data, max(low, mark - 2 * end - _GLANCE), mark):
                starts.append(found.start())
        return min(starts, default=None)

    def _after(self, data: bytes, mark: int) -> int | None:
        """Returns where the longest part after the mark ends."""
        glance = squeezed(data[mark : mark + _GLANCE])[:SHORTEST]
        ends = []
        for needle, start in self._ends.get(glance, ()):
            if found := re.compile(with_gaps(needle[start:]), re.S).match(data, mark):
                ends.append(found.end())
        return max(ends, default=None)
