"""The process that remembers the vault's identity and confirmations on macOS, which has no kernel keyring.

It keeps them in locked memory, each until it expires or is forgotten, and ends when nothing is left.
It writes nothing to disk. It answers only processes of its own user, at a socket in that user's own folder, and lets
no debugger attach. `lkrshell.state.macos_memory` starts it, and tells `main` the descriptor of the listening socket.
See docs/decisions/0006-macos-memory.md.

Requests are one line, `VERB NAME [SECONDS]`, and for `put` the data after it; the answer is "+" and data, or "-".
"""

import os
import select
import socket
import time

from lkrshell.core import platform
from lkrshell.state import native, peer

_FIRST = 10.0  # seconds to wait for the first record
_PATIENCE = 2.0  # seconds for one request
_MOST = 1 << 16  # bytes of a request
_KEPT = 64  # the largest number of records
_PT_DENY_ATTACH = 31  # sys/ptrace.h


class Kept:
    """Bytes that are never swapped and are overwritten before they are freed, and the time when that happens
    (epoch)."""

    def __init__(self, data: bytes, end: float) -> None:
        self.end, self.size = end, len(data)
        self._buffer = native.buffer(data or b"\0")
        native.call("mlock", "iPL", native.byref(self._buffer), len(data))

    def read(self) -> bytes:
        return bytes(memoryview(self._buffer).cast("B")[: self.size])

    def wipe(self) -> None:
        view = memoryview(self._buffer).cast("B")
        view[:] = bytes(len(view))
        native.call("munlock", "iPL", native.byref(self._buffer), self.size)


class Holder:
    """What is remembered, by name. `now` is the clock, which goes on while the Mac sleeps."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}

    def answer(self, request: bytes, now: float) -> bytes:
        """Carries out a request and returns the answer."""
        line, _, data = request.partition(b"\n")
        words = line.decode("utf-8", "replace").split(" ")
        self.drop_old(now)
        match words:
            case ["put", name, seconds] if seconds.isdigit() and (name in self.kept or len(self.kept) < _KEPT):
                self._forget(name)
                self.kept[name] = Kept(data, now + int(seconds))
                return b"+"
            case ["get", name] if name in self.kept:
                return b"+" + self.kept[name].read()
            case ["renew", name, seconds] if seconds.isdigit() and name in self.kept:
                self.kept[name].end = now + int(seconds)
                return b"+"
            case ["forget", name]:
                self._forget(name)
                return b"+"
        return b"-"

    def drop_old(self, now: float) -> None:
        for name in [name for name, kept in self.kept.items() if kept.end <= now]:
            self._forget(name)

    def _forget(self, name: str) -> None:
        if kept := self.kept.pop(name, None):
            kept.wipe()

    def wait(self, now: float) -> float:
        """Seconds until the next record expires. At most a minute, since the clock may be changed."""
        return min([max(0.0, kept.end - now) for kept in self.kept.values()] + [60.0])


def serve(listener: socket.socket) -> None:
    """Answers requests until there is nothing left to remember."""
    holder, ready = Holder(), time.monotonic() + _FIRST
    while holder.kept or time.monotonic() < ready:
        wait = holder.wait(time.time()) if holder.kept else max(0.0, ready - time.monotonic())
        if select.select([listener], [], [], wait)[0]:
            _one(listener, holder)
            ready = 0.0 if holder.kept else ready
        holder.drop_old(time.time())


def _one(listener: socket.socket, holder: Holder) -> None:
    try:
        connection, _ = listener.accept()
    except OSError:
        return
    with connection:
        try:
            connection.settimeout(_PATIENCE)
            if peer.credentials(connection)[0] != os.getuid():
                return
            request, end = b"", time.monotonic() + _PATIENCE
            while chunk := connection.recv(_MOST):
                request += chunk
                if len(request) > _MOST or time.monotonic() > end:
                    return
            connection.sendall(holder.answer(request, time.time()))
        except OSError:
            return


def main(listener: str) -> None:
    if platform.DARWIN:
        native.call("ptrace", "iiiPi", _PT_DENY_ATTACH, 0, None, 0)
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(socket.socket(fileno=int(listener)))
