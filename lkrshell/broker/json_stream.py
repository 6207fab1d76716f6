"""Extracts a few values from JSON text that arrives in pieces, without keeping the text.

An answer may have many megabytes, and the last event of a stream repeats all of it. So only values at known places are
kept, up to a size. Places count, not names: a model can write JSON too (the arguments of a tool), and that must never
pass for the vendor's own count.
"""

import json
import re
from collections.abc import Collection, Iterator

MAX_VALUE = 1 << 16  # bytes of one value that is kept
MAX_DEPTH = 200
Path = tuple[str, ...]

_IN_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
_SPACE = re.compile(rb"[ \t\r\n]*")
_WORD = re.compile(rb"[^\s\"{}\[\],:]+")
_NAME, _VALUE, _ITEM = range(3)
_KEY = 128  # bytes of a name; none of ours is longer


class Scanner:
    """Reads one JSON value after another. `found` has the last value at each of `places`.

    A place is the names of the objects around a value; items of a list have the name `*`. Text that is not JSON, or is
    nested deeper than MAX_DEPTH, sets `bad`, and nothing more is read until `reset`.
    """

    __slots__ = ("_awaits", "_capture", "_capture_depth", "_escape", "_in_string", "_name", "_path", "_places",
                 "_since", "bad", "found")  # fmt: skip

    def __init__(self, places: Collection[Path]) -> None:
        self._places = frozenset(places)
        self.found: dict[Path, bytes] = {}
        self.reset()

    def reset(self) -> None:
        """Begins a new text. What was found stays."""
        self.bad = False
        self._path: list[str] = []  # the name in each open object, `*` in a list
        self._awaits: list[int] = []  # what comes next in each open object; _ITEM in a list
        self._in_string = self._escape = False
        self._name: bytearray | None = None  # a name that is being read
        self._capture: bytearray | None = None
        self._capture_depth = 0
        self._since = 0  # where the value to keep begins in the present piece

    def feed(self, data: bytes) -> None:
        """Reads a piece. The result does not depend on where the text is split."""
        self._since, at, end = 0, 0, len(data)
        while at < end and not self.bad:
            char = data[at]
            if self._in_string:
                at = self._string(data, at)
            elif char in b" \t\r\n":
                at = _SPACE.match(data, at).end()  # type: ignore[union-attr]
            elif char in b"}],:":
                at = self._mark(data, at, char)
            else:
                at = self._value(data, at, char)
        if self._capture is not None:
            self._capture += data[self._since : min(end, self._since + MAX_VALUE + 1)]
            if len(self._capture) > MAX_VALUE:
                del self._capture[MAX_VALUE + 1 :]

    @property
    def is_fresh(self) -> bool:
        """True until a text has begun."""
        return not (self._path or self._in_string or self.found or self.bad) and self._capture is None

    def take(self, value: object) -> None:
        """Reads a value that is parsed already, as `feed` reads its text."""
        for place in self._places:
            for found in _at(value, place):
                self.found[place] = json.dumps(found).encode("ascii")

    def close(self) -> None:
        """Ends the text, and with it a value that nothing follows."""
        if self._capture is not None and not self._path and not self._in_string:
            self._end(b"")

    def _value(self, data: bytes, at: int, char: int) -> int:
        """Reads the beginning of a name or value, or a whole number or word. Returns where to go on."""
        if char == 0x22 and self._awaits and self._awaits[-1] == _NAME:
            self._name = bytearray()
        elif self._capture is None and tuple(self._path) in self._places:
            self._since, self._capture, self._capture_depth = at, bytearray(), len(self._path)
        if char == 0x22:  # a quotation mark
            self._in_string = True
        elif char in b"{[":
            self._path.append("*" if char == 0x5B else "")
            self._awaits.append(_NAME if char == 0x7B else _ITEM)
            self.bad = len(self._path) > MAX_DEPTH
        else:
            return _WORD.match(data, at).end()  # type: ignore[union-attr]
        return at + 1

    def _mark(self, data: bytes, at: int, char: int) -> int:
        """Reads a colon, or the end of a value: a comma, or the end of an object or a list. Returns where to go on."""
        if char == 0x3A:  # a colon
            if self._awaits and self._awaits[-1] == _NAME:
                self._awaits[-1] = _VALUE
            return at + 1
        if char != 0x2C and not self._path:  # an end without a beginning
            self.bad = True
            return at
        self._end_here(data, at)
        if char != 0x2C:
            self._path.pop()
            self._awaits.pop()
            self._end_here(data, at + 1)
        elif self._awaits and self._awaits[-1] == _VALUE:
            self._awaits[-1] = _NAME
        return at + 1

    def _string(self, data: bytes, at: int) -> int:
        """Reads a string to its end, or to the end of `data`. Returns where to go on."""
        begin = at
        if self._escape:
            self._escape = False
            at += 1
        at = _IN_STRING.match(data, at).end()  # type: ignore[union-attr]
        if self._name is not None and len(self._name) <= _KEY:
            self._name += data[begin:at]
        if at < len(data):
            if data[at] == 0x22:
                self._in_string = False
                if self._name is not None:
                    self._path[-1] = self._name.decode("utf-8", "replace") if len(self._name) <= _KEY else ""
                    self._name = None
            else:  # a backslash whose character is in the next piece
                self._escape = True
            at += 1
        return at

    def _end_here(self, data: bytes, at: int) -> None:
        """Keeps the value that ends at `at`, if its place is wanted."""
        if self._capture is not None and len(self._path) == self._capture_depth:
            self._end(data[self._since : at])
            self._since = 0

    def _end(self, rest: bytes) -> None:
        whole = bytes((self._capture or bytearray()) + rest)
        if len(whole) <= MAX_VALUE:
            self.found[tuple(self._path)] = whole
        self._capture = None


def _at(value: object, place: Path) -> Iterator[object]:
    """Yields the values at this place, in order."""
    if not place:
        yield value
    elif place[0] == "*" and isinstance(value, list):
        for item in value:
            yield from _at(item, place[1:])
    elif isinstance(value, dict) and place[0] in value:
        yield from _at(value[place[0]], place[1:])
