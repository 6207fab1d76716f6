"""Starts the process that remembers for lkr on macOS, and talks to it; see `macos_memory_process`.

It uses `_socket`, since importing `socket` would delay an export.

The socket is in the folder that macOS makes for each user's temporary files (0700), as confstr(3) names it, whatever
TMPDIR says. Nothing secret is sent before the folder and the process behind the socket are known to be this user's.
"""

import os

from lkrshell.core.errors import StoreUnreachable
from lkrshell.state import files, native, peer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

_USER_TEMP_DIR = 65537  # unistd.h: _CS_DARWIN_USER_TEMP_DIR
_LONGEST = 1024  # bytes of that path: PATH_MAX
_WAIT = 2.0  # seconds


def put(name: str, data: bytes, seconds: int) -> str:
    """Has `data` remembered under `name` for `seconds`; returns where. StoreUnreachable if that fails."""
    request = f"put {name} {seconds}\n".encode() + data
    if _ask(request) != b"+":
        _start()
        if _ask(request) != b"+":
            raise StoreUnreachable("the process that remembers for lkr does not answer", "try again")
    return "a process"


def get(name: str) -> bytes | None:
    """What `put` stored; None if it was forgotten."""
    answer = _ask(f"get {name}\n".encode())
    return answer[1:] if answer[:1] == b"+" else None


def renew(name: str, seconds: int) -> None:
    """Restarts the time."""
    _ask(f"renew {name} {seconds}\n".encode())


def forget(name: str) -> None:
    _ask(f"forget {name}\n".encode())


def folder() -> str:
    """The folder of the socket. Other users cannot enter it."""
    buffer = native.buffer(_LONGEST)
    size: int = native.call("confstr", "LiPL", _USER_TEMP_DIR, native.byref(buffer), _LONGEST)
    if not 1 < size <= _LONGEST:
        raise StoreUnreachable("macOS names no folder for this user's temporary files", "log in again")
    return os.path.join(os.fsdecode(bytes(memoryview(buffer))[: size - 1]), "lkr")


def _ask(request: bytes) -> bytes:
    """The answer; empty if nobody answers."""
    import _socket

    try:
        place = folder()
        files.check_private(place, os.lstat(place))
        with _connected(_socket, os.path.join(place, "memory")) as connection:
            if peer.credentials(connection)[0] != os.getuid():
                return b""
            connection.sendall(request)
            connection.shutdown(_socket.SHUT_WR)
            answer = b""
            while chunk := connection.recv(1 << 16):
                answer += chunk
            return answer
    except OSError:
        return b""


class _connected:
    """A connection that closes at the end of the block. The class in `_socket` is not a context manager."""

    def __init__(self, module: "object", path: str) -> None:
        import _socket

        self._socket: socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        try:
            self._socket.settimeout(_WAIT)
            self._socket.connect(path)
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> "socket":
        return self._socket

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def _start() -> None:
    """Starts the process, unless another lkr just did. It gets the socket from us, so it can be asked at once."""
    import socket
    import subprocess

    from lkrshell.core import own_python

    place = folder()
    files.make_private_dir(place)
    with files.locked(place):
        if _ask(b"get -\n"):
            return
        path = os.path.join(place, "memory")
        if os.path.lexists(path):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            before = os.umask(0o177)
            try:
                listener.bind(path)
            finally:
                os.umask(before)
            listener.listen(16)
            program = own_python.command("lkrshell.state.macos_memory_process", str(listener.fileno()))
            subprocess.Popen(
                program, pass_fds=[listener.fileno()], start_new_session=True, cwd="/", env={},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
