"""Starts the broker: binds its sockets, and hands them to a background process with a clean environment.

Programs can send requests at once: they wait in the sockets' backlog. Nothing here reads a key or a store.
"""

import os

from lkrshell.core.errors import UNREACHABLE, LkrError
from lkrshell.runtime import background
from lkrshell.state import run_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable

INSTALL = "in a checkout of lkrshell: pipx install --force '.[broker]'"
_LOG_MOST = 1 << 20  # bytes
# The broker's environment: where things are, but nothing that changes how programs run.
_KEPT = (
    "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR", "XDG_CURRENT_DESKTOP", "DBUS_SESSION_BUS_ADDRESS", "LKR_BACKEND",
)  # fmt: skip


def is_installed() -> bool:
    """True if the broker's dependencies are installed. Does not load them."""
    return any(os.path.isdir(f"{folder}/aiohttp") for folder in background.import_path())


def check_installed() -> None:
    """LkrError if the broker cannot run."""
    if not is_installed():
        raise LkrError("the broker is not installed", INSTALL, UNREACHABLE)


def start(folder: int, run: "Callable[[int, list[int], int], None] | None" = None) -> str:
    """Binds the broker's sockets and starts it with them, unless another lkr is doing so.

    Returns at once, with a line for the person, or an empty text. LkrError when it cannot start. `run` takes the
    control socket, the listening sockets and the folder, and starts the broker; by default as a background process.
    """
    check_installed()
    import _socket

    lock = _locked(folder)
    try:
        control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        where = run_folder.path_in(folder, run_folder.CONTROL)
        try:
            control.connect(where)
            control.close()
            return ""  # another process was quicker
        except OSError:
            control.close()
        note = ""
        if run_folder.read(folder, run_folder.PORT) is not None and not run_folder.is_ready(folder):
            note = "the broker ended while it started; lkr broker log"
        for name in (run_folder.CONTROL, run_folder.READY):
            try:
                os.unlink(name, dir_fd=folder)
            except FileNotFoundError:
                pass
        sockets, moved = listeners()
        run_folder.write(folder, run_folder.PORT, f"{sockets[0].getsockname()[1]}\n".encode())
        control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        control.bind(where)
        os.chmod(where, 0o600)
        control.listen(128)
        (run or _spawn)(control.fileno(), [each.fileno() for each in sockets], folder)
        for each in (control, *sockets):
            each.close()
        return moved or note
    finally:
        os.close(lock)


def _locked(folder: int) -> int:
    """Takes the lock of those who start the broker. Returns the file, which holds the lock until it is closed."""
    import time

    lock = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    end = time.monotonic() + 0.5
    while True:
        try:
            os.lockf(lock, os.F_TLOCK, 0)
            return lock
        except OSError:
            if time.monotonic() > end:
                os.close(lock)
                raise LkrError("another lkr is still starting the broker", "try again", UNREACHABLE) from None
            time.sleep(0.005)


def listeners() -> "tuple[list[_socket.socket], str]":
    """Returns TCP sockets on the remembered port, or on a new one when it is taken; and a line that says so.

    Listens on ::1 too, if it exists, so that nobody else gets that port under the name localhost.
    """
    import _socket
    import errno

    note = ""
    for port in [int(run_folder.kept_port() or 0), 0, 0, 0]:
        found = []
        try:
            found.append(_listening(_socket.AF_INET, "127.0.0.1", port))
            if _socket.has_ipv6:
                found.append(_listening(_socket.AF_INET6, "::1", found[0].getsockname()[1]))
        except OSError as error:
            if not found and port == 0:
                raise LkrError(f"cannot listen on 127.0.0.1: {error.strerror}", "lkr doctor", UNREACHABLE) from None
            if not found or error.errno == errno.EADDRINUSE:
                for each in found:
                    each.close()
                if port:
                    note = (
                        f"port {port} is taken, so the broker uses another one; restart programs that use the old port"
                    )
                continue
        if port == 0:
            run_folder.keep_port(found[0].getsockname()[1])
        return found, note
    raise LkrError("no port is free on both 127.0.0.1 and ::1", "lkr doctor", UNREACHABLE)


def _listening(family: int, host: str, port: int) -> "_socket.socket":
    import _socket

    sock = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return sock


def _spawn(control: int, listeners: list[int], folder: int) -> None:
    """Starts the broker as a background process with only these two sockets."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    log = os.open(run_folder.LOG, flags, 0o600, dir_fd=folder)
    if os.fstat(log).st_size > _LOG_MOST:
        os.ftruncate(log, 0)
    words, environment = _command(len(listeners))
    background.start(words, environment, log, [control, *listeners])
    os.close(log)


def run(control: int, listeners: list[int], folder: int) -> None:
    """Becomes the broker on this terminal."""
    background.become(*_command(len(listeners)), [0, 1, 2, control, *listeners])


def run_and_stay(control: int, listeners: list[int], folder: int) -> None:
    """Does the same, and the broker does not end by itself."""
    background.become(*_command(len(listeners), "--stay"), [0, 1, 2, control, *listeners])


def _command(listeners: int, *more: str) -> tuple[list[str], dict[str, str]]:
    """The broker's command line and environment. Its files 3, 4, ... are the control socket and the listening ones."""
    given = ("--control", "3", "--listen", ",".join(str(4 + place) for place in range(listeners)), *more)
    words = background.command("lkrshell.broker.__main__", *given)
    return words, {name: os.environ[name] for name in _KEPT if name in os.environ}
