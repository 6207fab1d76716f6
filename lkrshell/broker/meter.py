"""Reads from a vendor's answer, as it passes, what the request used. Keeps no answer.

`Meter` takes an answer in pieces of any size: one JSON document, a list of them (Gemini), or server-sent events; plain,
or compressed by gzip, deflate, br or zstd. Its memory is bounded, whatever the vendor sends. Only `TakeOut` changes an
answer: it removes the event that the vendor sent because lkr asked for the usage.
"""

import json
import re

from lkrshell.broker import encodings, usage
from lkrshell.broker.json_stream import MAX_VALUE, Path, Scanner
from lkrshell.broker.usage import Usage

_EVENT = 1 << 16  # most bytes of an event that `TakeOut` holds back
_LINE_END = re.compile(rb"[\r\n]")
_EVENT_END = re.compile(rb"\n\n|\n\r\n|\r\r")
_MARK = b"\xef\xbb\xbf"  # a byte order mark
_HEAD = 8  # bytes: the mark, and `data:`
_COUNT = re.compile(rb'"(?:usage\w*|meta)"\s*:\s*\{')
_COUNT_OR_PART = re.compile(rb'"(?:usage\w*|meta)"(?!\s*:\s*null)')  # in an event that may be split over lines
_FIELDS = (b"data", b"event", b"id", b"retry", b":")


class Meter:
    """Finds the usage in one answer of an API of `family`. `encoding` is its Content-Encoding, `kind` its Content-Type.
    Without a `kind`, the beginning of the answer tells events from JSON."""

    __slots__ = ("_begun", "_decoder", "_events", "_family", "_scanner", "blind")

    def __init__(self, family: str, kind: str = "", encoding: str = "") -> None:
        self._family = family
        self._scanner = Scanner(usage.places(family))
        self._events: _Events | None = None
        self.blind = self._begun = False  # `blind` is true if lkr cannot read the answer
        self.expect(kind, encoding)

    def expect(self, kind: str, encoding: str) -> None:
        """Takes the answer's headers, before the first `feed`."""
        self._decoder = encodings.decoder(encoding)
        self.blind = self._decoder is None
        if "event-stream" in kind.lower():
            self._events = _Events(self._scanner, self._family)

    def feed(self, chunk: bytes) -> None:
        if self.blind or self._decoder is None or not chunk:
            return
        try:
            for piece in self._decoder.feed(chunk):
                self._read(piece)
        except encodings.Damaged:
            self.blind = True

    def result(self) -> tuple[Usage | None, bool]:
        """Returns the usage so far, None when the vendor reported none; and whether it is final."""
        if self._events is not None:
            self._events.end()
            return usage.read(self._family, self._events.found)
        self._scanner.close()
        return usage.read(self._family, self._scanner.found)

    def _read(self, piece: bytes) -> None:
        if self._events is None and not self._begun:
            start = piece.lstrip(_MARK + b" \t\r\n")
            self._begun = bool(start)
            if start and start[:1] not in b"{[":
                self._events = _Events(self._scanner, self._family)
        if self._events is not None:
            self._events.feed(piece)
        else:
            self._scanner.feed(piece)


class _Events:
    """Passes the `data` fields of server-sent events to the scanner. `found` collects what the events with a usage say.

    Most events report no usage. A whole line without usage is not scanned.
    """

    __slots__ = ("_counts", "_field", "_fresh", "_in_data", "_scanner", "_skip_lf", "found")

    def __init__(self, scanner: Scanner, family: str) -> None:
        self._scanner, self._counts = scanner, usage.counts(family)
        self.found: dict[Path, bytes] = {}
        self._field: bytes | None = b""  # the start of a line; None once its field is known
        self._in_data = self._skip_lf = False
        self._fresh = True  # nothing of the present event has arrived

    def feed(self, data: bytes) -> None:
        at = _silent(data) if self._field == b"" and not self._skip_lf and self._fresh else 0
        while at < len(data):
            if self._skip_lf:
                self._skip_lf = False
                if data[at] == 0x0A:
                    at += 1
                    continue
            end = _LINE_END.search(data, at)
            stop = end.start() if end else len(data)
            if end and self._field == b"" and self._is_read(data[at:stop]):
                self._field = None
            else:
                self._line(data[at:stop])
            at = stop
            if end:
                if self._field == b"":  # an empty line ends the event
                    self.end()
                self._field, self._in_data = b"", False
                self._skip_lf = data[at] == 0x0D
                at += 1

    def _is_read(self, line: bytes) -> bool:
        """True for a whole line that needs no scanning: it names no usage, or it is all of an event's data."""
        if line[-1:] != b"}":
            return False
        if not _COUNT.search(line):
            return True
        if len(line) > MAX_VALUE or not line.startswith(b"data:") or not self._scanner.is_fresh:
            return False
        try:
            content = json.loads(line[5:])
        except (ValueError, RecursionError):
            return False
        self._scanner.take(content)
        return True

    def end(self) -> None:
        """Ends the event."""
        self._scanner.close()
        if any(self._scanner.found.get(place, b"")[:1] == b"{" for place in self._counts):
            self.found |= self._scanner.found
        self._scanner.found = {}
        self._scanner.reset()
        self._fresh = True

    def _line(self, part: bytes) -> None:
        """Reads a part of one line."""
        self._fresh = self._fresh and not part
        if self._field is None:
            if self._in_data:
                self._scanner.feed(part)
            return
        taken = _HEAD - len(self._field)
        self._field += part[:taken]
        name, colon, value = self._field.removeprefix(_MARK).partition(b":")
        if colon or len(self._field) == _HEAD:
            self._field = None
            self._in_data = bool(colon) and name == b"data"
            if self._in_data:
                self._scanner.feed(value)
                self._scanner.feed(part[taken:])


def _silent(data: bytes) -> int:
    """Returns how many bytes at the start are whole events in the common form, without a usage."""
    if b"\r" in data:
        return 0
    end, first = len(data), max(data.find(b'"usage'), data.find(b'"meta"'))
    if first >= 0 and (found := _COUNT_OR_PART.search(data)):
        end = found.start()
    whole = data.rfind(b"\n\n", 0, end)
    return whole + 2 if whole >= 0 else 0


class TakeOut:
    """Removes the event of a Chat Completions stream that holds only the usage, which the client did not ask for.

    All other bytes stay as they are. An event is held back until it is complete, or larger than 64 KiB.
    """

    __slots__ = ("_held", "_looks", "_passing", "_searched")

    def __init__(self) -> None:
        self._held = bytearray()
        self._looks: bool | None = None  # whether it looks like events; None until enough has arrived
        self._passing = False  # inside an event that is too large to hold back
        self._searched = 0

    def feed(self, chunk: bytes) -> bytes:
        """Returns what may go on to the client now."""
        if self._looks is None:
            self._held += chunk
            self._looks = self._guess()
            if self._looks is None:
                return b""
            chunk = self.rest()
        if not self._looks:
            return chunk
        silent = _silent(chunk) if not self._held and not self._passing else 0
        if silent == len(chunk):
            return chunk
        self._held += chunk[silent:]
        out = bytearray(chunk[:silent])
        begin = 0
        while end := _EVENT_END.search(self._held, max(begin, self._searched)):
            event = bytes(self._held[begin : end.end()])
            if self._passing or not _is_extra(event):
                out += event
            self._passing, begin = False, end.end()
            self._searched = begin
        del self._held[:begin]
        self._searched = max(0, len(self._held) - 2)
        if self._passing or len(self._held) > _EVENT:
            keep = 2  # the end of the event may be split
            out += self._held[:-keep]
            del self._held[:-keep]
            self._passing, self._searched = True, 0
        return bytes(out)

    def rest(self) -> bytes:
        """Returns what is still held back, at the end of the answer."""
        held = bytes(self._held)
        self._held.clear()
        self._searched = 0
        return held

    def _guess(self) -> bool | None:
        start = bytes(self._held[:32]).removeprefix(_MARK).lstrip(b"\r\n")
        if not start:
            return None if len(self._held) < 32 else False
        if any(start.startswith(field) for field in _FIELDS):
            return True
        return None if any(field.startswith(start) for field in _FIELDS) else False


def _is_extra(event: bytes) -> bool:
    """True for the event that the vendor sent only because `include_usage` was added."""
    if not _COUNT.search(event) or b'"choices"' not in event:
        return False
    lines = re.split(rb"\r\n|\r|\n", event)
    data = b"\n".join(line[5:] for line in lines if line.startswith(b"data:"))
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.get("choices") == [] and isinstance(content.get("usage"), dict)
