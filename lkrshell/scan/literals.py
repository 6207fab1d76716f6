"""Many literal byte strings in one pass: by RE2 where it is installed (the extra `scan`), else one search for each.

Both find the same. Pure: reads and writes nothing.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any


def compiled(pattern: bytes) -> Any:
    """`pattern`, without lookaround or references, by RE2 or else by `re`; both have `search(data, pos)`."""
    try:
        import re2
    except ImportError:
        return re.compile(pattern)
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 64 << 20  # bytes; with less, hundreds of needles make it fall back to a slower way
    options.log_errors = False
    return re2.compile(pattern, options)


class Literals:
    """A set of byte strings, none of them empty. Where several begin at one place, the longest counts."""

    def __init__(self, words: Iterable[bytes]) -> None:
        self._words = sorted(set(words), key=lambda word: (-len(word), word))
        pattern = compiled(b"|".join(map(re.escape, self._words))) if self._words else None
        self._pattern = None if isinstance(pattern, re.Pattern) else pattern

    def find(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where they are, from left to right, as start and end; none overlaps another."""
        if self._pattern is not None:
            for match in self._pattern.finditer(data):
                yield match.span()
            return
        found = sorted((at, at - len(word), at + len(word)) for word in self._words for at in _all(data, word))
        end = 0
        for start, _, stop in found:
            if start >= end:
                yield start, stop
                end = stop


def _all(data: bytes, word: bytes) -> Iterator[int]:
    at = data.find(word)
    while at >= 0:
        yield at
        at = data.find(word, at + 1)
