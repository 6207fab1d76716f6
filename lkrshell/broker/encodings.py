"""Decompresses a vendor's answer piece by piece: gzip, deflate, br and zstd, in bounded memory. Pure."""

import sys
import zlib
from collections.abc import Iterator
from typing import Any, Protocol

_PIECE = 1 << 16  # bytes decompressed at once
_MOST = 1 << 30  # decompressed bytes of one answer; more is treated as a bomb


class Damaged(Exception):
    """The bytes are not in the encoding that the vendor named, or they are a decompression bomb."""


class Decoder(Protocol):
    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yields the decompressed bytes, in pieces of at most 64 KiB. Raises Damaged."""


def is_plain(encoding: str) -> bool:
    """True for a Content-Encoding that changes nothing."""
    return encoding.strip().lower() in ("", "identity")


def decoder(encoding: str) -> Decoder | None:
    """Returns a decoder for this Content-Encoding; None when lkr cannot read it."""
    encoding = encoding.strip().lower()
    if is_plain(encoding):
        return _Plain()
    if encoding in ("gzip", "x-gzip", "deflate"):
        return _Zlib(encoding != "deflate")
    try:
        if encoding == "br":
            import brotli

            return _Other(brotli.Decompressor(), True)
        if encoding == "zstd":
            if sys.version_info >= (3, 14):
                from compression import zstd
            else:
                from backports import zstd
            return _Other(zstd.ZstdDecompressor(), False)
    except ImportError:
        pass
    return None


def readable(decoder: Decoder, chunk: bytes) -> Iterator[bytes]:
    """Yields what can be read of `chunk`, in pieces. In damaged bytes, that is the part before the damage."""
    try:
        yield from decoder.feed(chunk)
    except Damaged:
        pass


class _Plain:
    def feed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk


class _Zlib:
    """gzip, also with several members; or deflate, with or without its header."""

    def __init__(self, gzip: bool) -> None:
        self._gzip, self._first, self._size = gzip, not gzip, 0
        self._engine = zlib.decompressobj(31 if gzip else 15)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            if self._engine.eof:
                if not self._gzip:
                    return
                self._engine = zlib.decompressobj(31)
            try:
                piece = self._engine.decompress(chunk, _PIECE)
            except zlib.error:
                if not self._first:
                    raise Damaged from None
                self._engine, self._first = zlib.decompressobj(-15), False
                continue
            self._first = False
            self._size = _bounded(self._size + len(piece))
            chunk = self._engine.unconsumed_tail or self._engine.unused_data
            yield piece


class _Other:
    """br or zstd, through their packages."""

    def __init__(self, engine: Any, brotli: bool) -> None:
        self._engine, self._brotli, self._size = engine, brotli, 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        while True:
            try:
                if self._brotli:
                    piece = self._engine.process(chunk, output_buffer_limit=_PIECE)
                    more = not self._engine.can_accept_more_data()
                else:
                    if self._engine.eof:
                        return
                    piece = self._engine.decompress(chunk, _PIECE)
                    more = not self._engine.needs_input and not self._engine.eof
            except Exception:  # each package raises its own exceptions
                raise Damaged from None
            self._size = _bounded(self._size + len(piece))
            yield piece
            if not more:
                return
            chunk = b""


def _bounded(size: int) -> int:
    if size > _MOST:
        raise Damaged
    return size
