"""Reading and writing our own files: private, atomic, under a lock. Reading is on the path of `lkr export`.

A write goes to a temporary file in the same folder, is synced, renamed over the old one, and the folder is
synced: a kill at any instant leaves the old content or the new one.
"""

import os
import stat

from lkrshell.core.errors import LkrError
from lkrshell.core.text import quoted, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

_TMP = ".tmp-"


def check_private(path: str, info: os.stat_result) -> None:
    """LkrError when somebody else owns `path` or can write or read it."""
    if not hasattr(os, "getuid"):
        return
    if info.st_uid != os.getuid():
        raise LkrError(f"{show(path)} belongs to another user", f"chown {os.getuid()} {quoted(path)}")
    if info.st_mode & 0o077:
        mode = "700" if stat.S_ISDIR(info.st_mode) else "600"
        raise LkrError(f"{show(path)} is open to other users", f"chmod {mode} {quoted(path)}")


def read_private(path: str, limit: int = 1 << 24) -> bytes | None:
    """The whole file, or None when there is none. LkrError when it is not private, or not readable.

    The checks are made on the open file, so nothing can be swapped in between.
    """
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LkrError(f"cannot read {show(path)}: {error.strerror}") from None
    try:
        info = os.fstat(fd)
        check_private(path, info)
        if not stat.S_ISREG(info.st_mode) or info.st_size > limit:
            raise LkrError(f"{show(path)} is not a file of ours")
        chunks = []
        while chunk := os.read(fd, 1 << 16):
            chunks.append(chunk)
        return b"".join(chunks)
    except OSError as error:
        raise LkrError(f"cannot read {show(path)}: {error.strerror}") from None
    finally:
        os.close(fd)


def make_private_dir(path: str) -> None:
    """Makes `path` and what is missing above it, 0700; refuses one that is not ours alone."""
    try:
        missing, parent = [], path
        while not os.path.isdir(parent):
            missing.append(parent)
            parent = os.path.dirname(parent)
        for folder in reversed(missing):  # os.makedirs gives the mode to the last one only
            try:
                os.mkdir(folder, 0o700)
            except FileExistsError:
                pass  # another lkr was faster
            sync_dir(os.path.dirname(folder))
        check_private(path, os.stat(path))
    except OSError as error:
        raise LkrError(f"cannot make {show(path)}: {error.strerror}") from None


def write_private(path: str, data: bytes) -> None:
    """Replaces `path` by `data`, 0600, atomically and durably. LkrError when the disk says no."""
    folder, name = os.path.split(path)
    make_private_dir(folder)
    try:
        replace_file(path, data, 0o600, folder, name)
    except OSError as error:
        raise LkrError(f"cannot write {show(path)}: {error.strerror}", "see to the disk, then do it again") from None


def replace_file(path: str, data: bytes, mode: int, folder: str, name: str, dir_fd: int | None = None) -> None:
    """The atomic write itself, for our files and for the user's manifest. OSError as it comes.

    With `dir_fd`, an open folder, `path` and `folder` are relative to it (`folder` is empty): no link leads elsewhere.
    """
    temporary = os.path.join(folder, f"{_TMP}{os.getpid()}-{name}"[:250])
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode, dir_fd=dir_fd)
    try:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except BaseException:
        os.unlink(temporary, dir_fd=dir_fd)
        raise
    if dir_fd is None:
        sync_dir(folder)
    else:
        os.fsync(dir_fd)


def remove_private(path: str) -> bool:
    """Removes the file; False when there was none."""
    try:
        os.unlink(path)
        sync_dir(os.path.dirname(path))
    except FileNotFoundError:
        return False
    except OSError as error:
        hint = "see to the disk, then do it again"
        raise LkrError(f"cannot remove {show(path)}: {error.strerror}", hint) from None
    return True


def sync_dir(folder: str) -> None:
    if os.name != "posix":
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def locked(folder: str) -> "AbstractContextManager[object]":
    """One writer at a time in `folder`; waits a minute for the others. Never needed for reading."""
    import contextlib

    import filelock

    @contextlib.contextmanager
    def hold() -> "Iterator[None]":
        make_private_dir(folder)
        try:
            lock = filelock.FileLock(os.path.join(folder, ".lock"), timeout=60, mode=0o600)
            lock.acquire()
        except filelock.Timeout:
            raise LkrError(f"{show(folder)} is being written by another lkr", "try again") from None
        except OSError as error:
            raise LkrError(f"cannot lock {show(folder)}: {error.strerror}") from None
        try:
            sweep(folder)
            yield
        finally:
            lock.release()

    return hold()


def sweep(folder: str) -> None:
    """Removes the temporary files of writers that are no more."""
    for path in leftovers(folder):
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass


def leftovers(folder: str) -> list[str]:
    """The temporary files below `folder` whose writer has died."""
    return [
        os.path.join(parent, name)
        for parent, _, names in os.walk(folder)
        for name in names
        if name.startswith(_TMP) and not _alive(name.removeprefix(_TMP).partition("-")[0])
    ]


def _alive(pid: str) -> bool:
    if not pid.isdigit() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
