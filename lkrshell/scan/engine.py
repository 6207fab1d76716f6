"""Finds secrets that are not keys of LLM providers, with betterleaks (the extra `scan`), a library in this process.

It gets text in memory and returns findings in memory. It reads no file, and therefore no settings of a project. It does
not use the network, since lkr never asks it to validate what it finds.
"""

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lkrshell.core.secret import Secret
from lkrshell.scan import marks, shapes
from lkrshell.scan.findings import Finding

if TYPE_CHECKING:
    from concurrent.futures import Future

_MISSING = "other kinds of secrets were not searched for"
_PART = 96 << 10  # bytes that the engine gets at once; it is slower with more
_OVERLAP = 4 << 10  # bytes; a private key can be that long
_UNSURE = 16  # bytes; betterleaks reports any password in an example as a secret, with low confidence
_MOST_AT_ONCE = 4
Part = tuple[int, bytes, "Future[Any]"]  # where it begins in the data, its text, and the findings to come


class Engine:
    """betterleaks, ready to search. ImportError or OSError where it is not installed or cannot be loaded."""

    def __init__(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        import betterleaks
        from betterleaks._lib import get_binding

        get_binding()  # loads the library
        self._search = betterleaks.scan_string
        self._pool = ThreadPoolExecutor(min(_MOST_AT_ONCE, os.cpu_count() or 1))
        self._pool.submit(self._search, "")  # prepares its rules, while lkr reads the store

    def start(self, data: bytes) -> "list[Part]":
        """Starts a search of `data` in parallel with what the caller does next. `found` returns the results."""
        parts: list[Part] = []
        at = 0
        while at < len(data):
            end = at + _PART
            end = (data.rfind(b"\n", at + _PART // 2, end) + 1 or end) if end < len(data) else len(data)
            start = max(0, at - _OVERLAP)
            text = data[start:end].replace(b"\0", b"\n")
            parts.append((start, text, self._pool.submit(self._search, text.decode("latin-1"))))
            at = end
        return parts


def missing() -> str:
    """Says that betterleaks is not installed, and what to do."""
    if sys.version_info >= (3, 14):  # as in pyproject.toml
        return f"{_MISSING}: betterleaks, which finds them, has no release for Python 3.14 yet"
    return f"{_MISSING}; the extra lkrshell[scan] finds them"


def found(data: bytes, parts: "list[Part]") -> "Iterator[tuple[int, int, Finding]]":
    """Yields (start, end, finding) for each secret that the search of `data` found. The finding names no place yet."""
    seen: set[tuple[int, bytes]] = set()
    for offset, text, part in parts:
        for each in part.result():
            value = each.secret.encode("latin-1", "replace")
            line = _line(text, each.location.start_line)
            start = text.find(value, line)
            end = offset + (line if start < 0 else start + len(value))  # it is not in the text if it was encoded
            start = offset + (line if start < 0 else start)
            if not value or (start, value) in seen or marks.marked(data, start, end):
                continue
            seen.add((start, value))
            if each.confidence != "low" or (len(value) >= _UNSURE and shapes.is_random(value)):
                secret = Secret(value.decode("utf-8", "surrogateescape"))
                yield start, end, Finding("engine", each.rule_id, secret, "", form="" if start < end else "encoded")


def _line(text: bytes, number: int) -> int:
    """Returns where a line begins. Lines count from 1."""
    at = 0
    for _ in range(number - 1):
        at = text.find(b"\n", at) + 1
    return at
