"""Masks the real key in a vendor's answer, in case the vendor repeats it. The body keeps its length. Pure."""


class Mask:
    """Masks one answer. It also finds a key that is split over chunks, by holding back what may be its beginning."""

    __slots__ = ("_first", "_held", "_key", "_text", "found")

    def __init__(self, key: str) -> None:
        self._text, self._key = key, key.encode("ascii")
        self._first = self._key[:1]
        self._held = b""
        self.found = False

    def anew(self) -> "Mask":
        """Returns a new mask for the same key."""
        return Mask(self._text)

    @property
    def waits(self) -> bool:
        """True while the bytes held back may be the beginning of the key."""
        return bool(self._held)

    def feed(self, chunk: bytes) -> bytes:
        """Returns what can be sent on now."""
        key = self._key
        data = self._held + chunk if self._held else chunk
        if key in data:
            self.found = True
            data = data.replace(key, b"*" * len(key))
        start = data.find(self._first, max(0, len(data) - len(key) + 1))
        while start >= 0 and not key.startswith(data[start:]):
            start = data.find(self._first, start + 1)
        if start < 0:
            self._held = b""
            return data
        self._held = data[start:]
        return data[:start]

    def rest(self) -> bytes:
        """Returns what is still held back, at the end of the answer."""
        held, self._held = self._held, b""
        return held

    def text(self, value: str) -> str:
        """Masks the value of a header, or a reason phrase."""
        return value.replace(self._text, "****")
