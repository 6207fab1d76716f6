"""Finds parts of values in a text that somebody shortened: the beginning of a value before `...`, and the end of one
after it.

pytest, reprlib and pandas shorten long texts like that, before lkr sees them. Pure; prints and keeps no value.
"""

import bisect
import re

from lkrshell.scan.values import GAPS, SHORTEST, Values, squeezed

_MARK = re.compile(rb"\.{3,}|\xe2\x80\xa6")  # the latter is the ellipsis in UTF-8
_GLANCE = 64  # bytes next to a mark that show whether a part of a value stands there
_LONGEST = 4096  # bytes of a part; shortened texts show less
_FAR = 2 * _LONGEST + _GLANCE  # bytes next to a mark that a part is searched in, with what stands between its bytes


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
        parts = self._beginnings.get(glance, ())
        near = self.of.without_breaks(data[max(low, mark - _FAR) : mark]) if parts else b""
        text = squeezed(near)
        longest = max((end for needle, end in parts if text.endswith(needle[:end])), default=0)
        if not longest or near[-1] in GAPS:
            return None
        starts = range(len(near), 0, -1)
        return mark - bisect.bisect_left(starts, longest, key=lambda start: len(squeezed(near[start:])))

    def _after(self, data: bytes, mark: int) -> int | None:
        """Returns where the longest part after the mark ends."""
        glance = squeezed(data[mark : mark + _GLANCE])[:SHORTEST]
        parts = self._ends.get(glance, ())
        near = self.of.without_breaks(data[mark : mark + _FAR]) if parts else b""
        text = squeezed(near)
        longest = max((len(needle) - start for needle, start in parts if text.startswith(needle[start:])), default=0)
        if not longest or near[0] in GAPS:
            return None
        return mark + bisect.bisect_left(range(len(near)), longest, key=lambda size: len(squeezed(near[:size])))
