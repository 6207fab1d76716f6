"""Finds many byte strings in one text: in one pass with RE2, if it is installed (the extra `scan`), or else one by one.

Pure: reads and writes nothing.
"""

import importlib.util
import re
from collections.abc import Iterable, Iterator
from typing import Any


def compiled(pattern: bytes) -> Any:
    """Compiles `pattern`, which has no lookaround or references, with RE2 or else `re`. Both have `search(data,
    pos)`."""
    try:
        import re2
    except ImportError:
        return re.compile(pattern)
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 64 << 20  # bytes of memory; with less, RE2 becomes slower with hundreds of strings
    options.log_errors = False
    return re2.compile(pattern, options)


def has_re2() -> bool:
    """True if RE2 is installed."""
    return importlib.util.find_spec("re2") is not None


class Literals:
    """A set of byte strings that are not empty. If several match at one place, the longest counts."""

    def __init__(self, words: Iterable[bytes]) -> None:
        self._words = sorted(set(words), key=lambda word: (-len(word), word))

    def find(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yields the start and end of each match, from left to right, without overlaps."""
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
