"""The folder of the broker's control socket and its table of virtual keys, which live as long as the broker.

It is in the session's runtime folder, else in the state folder. Other users can write to neither, so nobody else can
create it first. It is named after the folders that the broker serves, so another HOME has another broker.
"""

import os
import stat
import time

from lkrshell.core import records
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.state import files, paths

CONTROL, READY, PORT, LOG, TABLE = "control", "ready", "port", "log", "keys"  # the files in it
_KEPT_PORT = "broker-port"  # in the state folder
_LOCKED = "broker-locked"  # in the state folder; was last changed by `lkr lock`


def path() -> str:
    served = (paths.data_dir(), paths.state_dir(), paths.config_file(), os.environ.get("LKR_BACKEND", ""))
    name = f"lkr-{records.digest(os.fsencode(chr(10).join(served)))[:12]}"
    return os.path.join(_session_folder() or os.path.join(paths.state_dir(), "run"), name)


def _session_folder() -> str:
    """The runtime folder of this user's session; empty if there is none that only the user can access."""
    if not hasattr(os, "getuid"):
        return ""
    for folder in (os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.getuid()}"):
        try:
            info = os.lstat(folder)
        except OSError:
            continue
        ours = stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid() and not info.st_mode & 0o077
        if ours and folder.startswith("/"):
            return folder
    return ""


def open_folder(make: bool = True) -> int:
    """Opens the folder and returns its descriptor. What happens through it stays inside, even if the path changes.

    LkrError if it is a link, or if other users can access it. Without `make`, FileNotFoundError if it does not exist.
    """
    folder = path()
    flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        fd = os.open(folder, flags)
    except FileNotFoundError:
        if not make:
            raise
        files.make_private_dir(folder)
        return open_folder(make=False)
    except OSError as error:
        raise LkrError(f"{show(folder)} is not a folder that lkr made: {error.strerror}", "remove it") from None
    try:
        files.check_private(folder, os.fstat(fd))
    except BaseException:
        os.close(fd)
        raise
    return fd


def path_in(fd: int, name: str) -> str:
    """A path to `name` in the open folder that is short enough for a socket."""
    through = f"/proc/self/fd/{fd}"
    return f"{through if os.path.isdir(through) else path()}/{name}"


def is_ready(folder: int) -> bool:
    try:
        os.stat(READY, dir_fd=folder)
    except OSError:
        return False
    return True


def kept_port() -> str:
    """The port that the broker takes each time; empty if it has not chosen one yet."""
    kept = (files.read_private(os.path.join(paths.state_dir(), _KEPT_PORT)) or b"").decode("ascii", "replace").strip()
    return kept if kept.isdecimal() and 1023 < int(kept) < 65536 else ""


def keep_port(port: int) -> None:
    files.write_private(os.path.join(paths.state_dir(), _KEPT_PORT), f"{port}\n".encode())


def last_lock() -> int:
    """When `lkr lock` last ended all virtual keys, in nanoseconds since the epoch; 0 if it never did."""
    try:
        return os.stat(os.path.join(paths.state_dir(), _LOCKED)).st_mtime_ns
    except OSError:
        return 0


def mark_lock() -> None:
    """Ends the virtual keys of every broker of this user, even of one that runs in another session's folder."""
    place = os.path.join(paths.state_dir(), _LOCKED)
    files.make_private_dir(paths.state_dir())
    try:
        files.make_private_file(place)
        os.utime(place, ns=(time.time_ns(),) * 2)
    except OSError as error:
        why = f"virtual keys of another session may still work: cannot write {show(place)}: {error.strerror}"
        raise LkrError(why, "check that path, then lock again") from None


def read(folder: int, name: str, most: int = 4096) -> bytes | None:
    """The end of a small file in the run folder; None if there is no such file."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    try:
        os.lseek(fd, max(0, os.fstat(fd).st_size - most), os.SEEK_SET)
        return os.read(fd, most)
    finally:
        os.close(fd)


def write(folder: int, name: str, data: bytes) -> None:
    """Writes a small file in the run folder, 0600, atomically, and without following a link."""
    temporary = f".{name}-{os.getpid()}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
