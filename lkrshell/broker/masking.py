"""Takes the real key out of what a vendor sends, should a vendor echo it. The length of a body stays the same. Pure."""


class Mask:
    """For one answer. A key that is spread over chunks is found: what may be its beginning waits for the next chunk."""

    __slots__ = ("_held", "_key", "found")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._held = b""
        self.found = False

    def feed(self, chunk: bytes) -> bytes:
        """What can be sent on now."""
        key = self._key
        data = self._held + chunk if self._held else chunk
        if key in data:
            self.found = True
            data = data.replace(key, b"*" * len(key))
        start = data.find(key[:1], max(0, len(data) - len(key) + 1))
        while start >= 0 and not key.startswith(data[start:]):
            start = data.find(key[:1], start + 1)
        if start < 0:
            self._held = b""
            return data
        self._held = data[start:]
        return data[:start]

    def rest(self) -> bytes:
        """What waited, at the end of the answer."""
        held, self._held = self._held, b""
        return held

    def text(self, value: str) -> str:
        """The value of a header, or a reason phrase."""
        return value.replace(self._key.decode("ascii"), "****")
