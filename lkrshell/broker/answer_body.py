"""Passes the body of a vendor's answer to the client, and takes out the real key, in case the vendor repeats it.

A plain body is masked. A compressed error is decompressed and masked. Any other compressed answer passes byte for byte
while lkr reads along. If the key is in its first piece, the answer is masked and goes on uncompressed. If it is in a
later piece, the answer ends there.
"""

from collections.abc import Iterator

from lkrshell.broker import encodings
from lkrshell.broker.interfaces import Reservation
from lkrshell.broker.masking import Mask

_MOST = 1 << 28  # most decompressed bytes to search
_MOST_AT_ONCE = 1 << 24  # most decompressed bytes to send on for one chunk


class Echo(Exception):
    """A compressed answer repeats the key, and its first bytes have already been sent."""


class Bomb(Exception):
    """A compressed answer that has to be sent decompressed is a decompression bomb."""


class AnswerBody:
    """One answer. `changed`: lkr asked the vendor for more than the client did, and removes that again."""

    __slots__ = (
        "_decoder",
        "_decodes",
        "_encoding",
        "_filters",
        "_held",
        "_mask",
        "_plain",
        "_reservation",
        "_seen",
        "watches",
    )

    def __init__(self, status: int, encoding: str, changed: bool, reservation: Reservation, mask: Mask) -> None:
        self._encoding, self._reservation, self._mask = encoding, reservation, mask
        self._plain, self._decoder = encodings.is_plain(encoding), encodings.decoder(encoding)
        packed = self._decoder is not None and not self._plain
        self._decodes = packed and status >= 400
        self._filters = changed and self._plain and status < 400
        self.watches = packed and not self._decodes  # `rewrites` then needs the first piece
        self._held, self._seen = b"", 0

    def rewrites(self, first: bytes) -> bool:
        """True when the client gets different bytes from those that the vendor sent, so that length and encoding
        change, too."""
        if self.watches:
            mask = self._mask.anew()
            for piece in self._read(encodings.decoder(self._encoding), first):
                mask.feed(piece)
            self._decodes = mask.found
            self.watches = not mask.found
        return self._decodes or self._filters

    def feed(self, chunk: bytes) -> bytes:
        """Returns what can be sent on now. Raises Echo or Bomb when the answer has to end."""
        self._reservation.feed(chunk)
        if self._decodes:
            return self._decoded(chunk)
        if self.watches:
            return self._watched(chunk)
        if not self._plain:  # an encoding that nobody asked for
            return chunk
        return self._mask.feed(self._reservation.filter(chunk) if self._filters else chunk)

    def _decoded(self, chunk: bytes) -> bytes:
        out = bytearray()
        for piece in self._read(self._decoder, chunk):
            out += self._mask.feed(piece)
            if len(out) > _MOST_AT_ONCE:
                raise Bomb
        return bytes(out)

    def _watched(self, chunk: bytes) -> bytes:
        for piece in self._read(self._decoder, chunk):
            self._mask.feed(piece)
            self._seen += len(piece)
            if self._mask.found:
                raise Echo
            if self._seen > _MOST:
                self.watches = False
                self._mask.rest()  # decompressed text, which must not follow the compressed answer
                break
        if self.watches and self._mask.waits:  # the key may begin in this chunk
            self._held += chunk
            return b""
        chunk, self._held = self._held + chunk, b""
        return chunk

    @staticmethod
    def _read(decoder: encodings.Decoder | None, chunk: bytes) -> Iterator[bytes]:
        return encodings.readable(decoder, chunk) if decoder else iter(())

    def rest(self) -> bytes:
        """Returns what is still held back, at the end of the answer."""
        if self.watches:
            return self._held
        out = self._mask.feed(self._reservation.rest()) if self._filters else b""
        return out + self._mask.rest()
