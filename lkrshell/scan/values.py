"""Finds stored values in a text: as they are, and in the ways that base64, URLs, JSON, shells and line breaks write
them.

One matcher serves `lkr scan`, `lkr redact` and `lkr exec --redact`. Quotes, backslashes, line breaks and the like may
stand between any two bytes of a value. So a value that is split over lines or strings is found, too. Encodings that are
not listed here (hexadecimal, compression, encryption) hide a value. Pure; prints and keeps no value.
"""

import base64
import functools
import json
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lkrshell.core.binding import shown
from lkrshell.core.secret import Secret
from lkrshell.scan.literals import Literals, compiled

SHORTEST = 8  # bytes; a shorter value would be found everywhere
_SHORT = 16  # bytes; a shorter value must be a whole word in one piece
_SECRET_FROM = 8  # bytes of a value that may appear before the rest has arrived
GAPS = b" \t\r\n\0\\\"'`+"  # what may stand between two parts of a value; NUL for UTF-16
_GAP = rb"(?:\\n|[" + re.escape(GAPS) + rb"])*"
_GLANCE = 64  # bytes that show which value may begin here
_TAIL = 4096  # bytes; a stream does not find a value that spans more white space than this
# What Go, Gson and .NET also escape in JSON, and how.
_ESCAPED_IN_JSON = (("<>&", "\\u%04x"), ("<>&='\"", "\\u%04x"), ("<>&+'\"`", "\\u%04X"))
_WORD = re.compile(rb"[A-Za-z0-9_-]")


@dataclass(frozen=True)
class Match:
    """A value's place in a text, its key as a manifest names it, and its form: "" for plain, "base64", "URL", "JSON",
    "split"."""

    start: int
    end: int
    key: str
    secret: Secret
    form: str


def squeezed(data: bytes) -> bytes:
    """Returns `data` without what may stand between two parts of a value."""
    return data.replace(b"\\n", b"").translate(None, GAPS)


def _forms(value: bytes) -> Iterable[tuple[bytes, str]]:
    """Yields the forms of a value, the plain form first."""
    yield value, ""
    text = value.decode("utf-8", "surrogateescape")
    yield json.dumps(text)[1:-1].encode(), "JSON"
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape"), "JSON"
    for special, code in _ESCAPED_IN_JSON:
        escaped = text.translate({ord(each): code % ord(each) for each in special})
        yield escaped.encode("utf-8", "surrogateescape"), "JSON"
    quoted = urllib.parse.quote(value, safe="")
    for each in (quoted, urllib.parse.quote(value), re.sub("%..", lambda code: code[0].lower(), quoted)):
        yield each.encode(), "URL"
    if len(value) < SHORTEST + 4:
        return
    for before in range(3):  # bytes before the value in a group of three of the encoded text
        first, end = (before * 8 + 5) // 6, (before + len(value)) * 8 // 6  # characters that encode nothing else
        encoded = base64.b64encode(bytes(before) + value)[first:end]
        yield encoded, "base64"
        yield encoded.translate(bytes.maketrans(b"+/", b"-_")), "base64"


class Values:
    """The values to search for, by the names of their keys. Values below `SHORTEST` are left out."""

    def __init__(self, values: Mapping[str, Secret]) -> None:
        self._needles: dict[bytes, tuple[str, Secret, str, int]] = {}
        self._written: set[bytes] = set()  # the unsplit forms, which may contain bytes of `GAPS` themselves
        for key, secret in values.items():
            value = secret.reveal().encode("utf-8", "surrogateescape")
            if len(squeezed(value)) < SHORTEST:
                continue
            for form, how in _forms(value):
                self._written.add(form.strip(GAPS))
                self._needles.setdefault(squeezed(form), (shown(key), secret, how, len(form)))
        # Behind a backslash, the first letter of these looks like a line break in JSON.
        self._with_n = {form[:SHORTEST] for form in self._written if form.startswith(b"n")}
        with_n = [needle for needle in self._needles if needle.startswith(b"n")]
        self._beginnings_with_n = {needle[:size] for needle in with_n for size in range(1, SHORTEST + 1)}
        self.longest = max(map(len, self._needles), default=0)  # bytes
        self._heads: dict[bytes, list[bytes]] = {}
        for needle in sorted(self._needles, key=len, reverse=True):
            self._heads.setdefault(needle[:SHORTEST], []).append(needle)
        self._pattern = compiled(b"|".join(map(with_gaps, self._heads)))
        self._literals = Literals(self._needles) if isinstance(self._pattern, re.Pattern) else None

    def __bool__(self) -> bool:
        return bool(self._needles)

    def needles(self) -> list[bytes]:
        """Returns every form of every value, without gaps."""
        return list(self._needles)

    def without_breaks(self, data: bytes) -> bytes:
        """Returns `data` with spaces in place of each `\\n`, except for the n of a value behind a backslash."""
        for head in self._with_n:
            data = data.replace(b"\\" + head, b" " + head)
        return data.replace(b"\\n", b"  ")

    def find(self, data: bytes) -> list[Match]:
        """Returns where the values are, from left to right."""
        found: list[Match] = []
        at = 0
        for needle, start, end in self._spans(data) if self else ():
            if start < at:
                continue  # inside a match of another value
            key, secret, how, size = self._needles[needle]
            whole = data[start:end] in self._written
            if size < _SHORT and not (whole and _stands_alone(data, start, end)):
                continue
            at = end
            found.append(Match(start, end, key, secret, how or ("" if whole else "split")))
        return found

    def _spans(self, data: bytes) -> Iterator[tuple[bytes, int, int]]:
        """Yields each value's form with its start and end, from left to right. They may overlap.

        RE2 finds the beginnings of values in one pass over the text. Without RE2, a copy of the text without gaps is
        searched for each form.
        """
        if self._literals is not None:
            at = 0
            data = self.without_breaks(data)
            text = squeezed(data)
            for start, end in self._literals.find(text):
                if span := _spread(text[start:end]).search(data, max(at, start)):
                    at = span.end()
                    yield text[start:end], span.start(), at
            return
        at = 0
        while match := self._pattern.search(data, at):
            start = match.start()
            text = squeezed(data[start : start + _GLANCE])
            for needle in self._heads.get(text[:SHORTEST], ()):
                if needle.startswith(text[: len(needle)]) and (span := _spread(needle).match(data, start)):
                    yield needle, start, span.end()
                    break
            at = start + 1

    def pending(self, data: bytes) -> int:
        """Returns how many bytes at the end of `data` may be the beginning of a value."""
        tail = data[-_TAIL:]
        most = self._pending(tail)
        if self._with_n:
            most = max(most, self._pending(tail.replace(b"\\n", b" n")), self._pending_behind_backslash(tail))
        return most

    def _pending_behind_backslash(self, tail: bytes) -> int:
        """Returns the same for a value that begins with the n of a `\\n`. Each later `\\n` is a line break."""
        for match in re.finditer(rb"\\n", tail):
            start = match.start() + 1
            if squeezed(tail[start : start + _GLANCE])[:SHORTEST] in self._beginnings_with_n:
                text = squeezed(tail[start:])
                if any(needle.startswith(text) for needle in self._needles):
                    return len(tail) - start
        return 0

    def _pending(self, tail: bytes) -> int:
        text = squeezed(tail)
        most = 0
        for needle in self._needles:
            window = text[max(0, len(text) - len(needle) + 1) :]
            at = window.find(needle[:1])
            while at >= 0 and len(window) - at > most:
                if needle.startswith(window[at:]):
                    most = len(window) - at
                    break
                at = window.find(needle[:1], at + 1)
        if not most:
            return 1 if tail.endswith(b"\\") else 0  # a backslash may be half of a line break in JSON
        low, high = 0, len(tail)  # the last place that leaves enough bytes of the value
        while high - low > 1:
            middle = (low + high) // 2
            end_of_break = tail[middle - 1 : middle + 1] == b"\\n"
            low, high = (middle, high) if len(squeezed(tail[middle + end_of_break :])) >= most else (low, middle)
        return len(tail) - low


def _stands_alone(data: bytes, start: int, end: int) -> bool:
    return not (_WORD.match(data, end) or (start and _WORD.match(data, start - 1)))


@functools.lru_cache(maxsize=64)
def _spread(needle: bytes) -> re.Pattern[bytes]:
    """Compiles the value with anything that may stand between its parts."""
    return re.compile(with_gaps(needle), re.S)


def with_gaps(needle: bytes) -> bytes:
    """Returns a pattern for the value with anything that may stand between its parts."""
    return _GAP.join(re.escape(needle[at : at + 1]) for at in range(len(needle)))


class Redactor:
    """Redacts one stream: replaces each value with `[lkr NAME]`, and passes the rest on as soon as that is safe.

    With `even`, the same length always waits. Otherwise, only the beginning of a value waits, so somebody who sees when
    output arrives could guess a value byte by byte.
    """

    def __init__(self, values: Values, even: bool = False) -> None:
        self._values, self._even = values, even
        self._held = b""
        self.found: set[str] = set()

    @property
    def holds(self) -> bool:
        """True while bytes wait for the next ones."""
        return bool(self._held)

    def feed(self, chunk: bytes) -> bytes:
        """Returns what can be passed on now."""
        data = self._held + chunk if self._held else chunk
        waiting = max(_TAIL, self._values.longest) if self._even else self._values.pending(data)
        end = max(0, len(data) - waiting)
        matches = self._values.find(data)
        for match in matches:
            if match.start < end < match.end:  # the end of one value may be the beginning of another
                end = match.end
        self._held = data[end:]
        return self._replaced(data[:end], [match for match in matches if match.end <= end])

    def idle(self) -> bytes:
        """Returns what can be passed on when nothing follows for a moment.

        A prompt must not wait, but the beginning of a key must not pass.
        """
        return b"" if self._even or len(squeezed(self._held)) >= _SECRET_FROM else self.rest()

    def rest(self) -> bytes:
        """Returns what still waits, at the end of the stream."""
        held, self._held = self._held, b""
        return self._replaced(held, self._values.find(held))

    def _replaced(self, data: bytes, matches: list[Match]) -> bytes:
        if not matches:
            return data
        out, at = [], 0
        for match in matches:
            self.found.add(match.key)
            out += [data[at : match.start], f"[lkr {match.key}]".encode()]
            at = match.end
        return b"".join([*out, data[at:]])
