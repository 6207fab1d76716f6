"""Reading and writing our own files: private, atomic, under a lock.

A write goes to a temporary file in the same folder, is synced, renamed over the old one, and the folder is
synced: a kill at any instant leaves the old content or the new one.
"""

import os
import stat

from lkrshell.core.errors import LkrError
from lkrshell.core.text import quoted, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_TMP = ".tmp-"
_SWEPT_EVERY = 86400.0  # seconds
_MOMENT = 10.0  # seconds; a younger temporary file may be between its making and its lock
_ABANDONED = 3600.0  # seconds; an older one has no writer, where a file system knows no locks
_PATIENCE = 60.0  # seconds for another writer
_writing: set[str] = set()  # the temporary files of this process, of all its threads


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
    """The whole file, or None when there is none. LkrError when it is not private, or not readable."""
    return read_checked(path, check_private, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0), limit)


def read_checked(path: str, check: "Callable[[str, os.stat_result], None]", flags: int, limit: int) -> bytes | None:
    """The whole file, once `check` has passed the open file, so that nothing can be swapped in between.

    None when there is no file. LkrError when it is larger than `limit`, no regular file, or not readable. It never
    waits, not for the writer of a pipe either.
    """
    try:
        fd = os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LkrError(f"cannot read {show(path)}: {error.strerror}") from None
    try:
        info = os.fstat(fd)
        check(path, info)
        if not stat.S_ISREG(info.st_mode):
            raise LkrError(f"{show(path)} is not a regular file", "move it away")
        chunks, size = [], 0
        while chunk := os.read(fd, 1 << 16):
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise LkrError(f"{show(path)} is larger than {limit >> 10} KiB", "make it smaller or remove it")
        return b"".join(chunks)
    except OSError as error:
        raise LkrError(f"cannot read {show(path)}: {error.strerror}") from None
    finally:
        os.close(fd)


def make_private_dir(path: str) -> None:
    """Makes `path` and what is missing above it, 0700; refuses one that is not ours alone."""
    try:
        make_dirs(path, 0o700)
        check_private(path, os.stat(path))
    except OSError as error:
        raise LkrError(f"cannot create {show(path)}: {error.strerror}") from None


def make_dirs(path: str, mode: int) -> None:
    """Makes `path` and what is missing above it, durably, each with `mode` less what the umask takes from others."""
    missing, parent = [], path
    while not os.path.isdir(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
    for folder in reversed(missing):  # os.makedirs gives the mode to the last one only
        try:
            os.mkdir(folder, mode)
            if os.stat(folder).st_mode & 0o700 != 0o700:  # the umask took our own rights away
                os.chmod(folder, 0o700)
        except FileExistsError:
            pass  # another lkr was faster
        sync_dir(os.path.dirname(folder))


def write_private(path: str, data: bytes) -> None:
    """Replaces `path` by `data`, 0600, atomically and durably. LkrError when the disk says no."""
    make_private_dir(os.path.dirname(path))
    try:
        replace_file(path, data, 0o600)
    except OSError as error:
        raise LkrError(f"cannot write {show(path)}: {error.strerror}", "check the disk, then try again") from None


def replace_file(path: str, data: bytes, mode: int, dir_fd: int | None = None) -> None:
    """The atomic write itself, for our files and for the user's manifest. OSError as it comes.

    A file that is there gets exactly `mode`. A new one gets `mode` less what the umask takes away. `dir_fd` is an open
    folder, and `path` then a name in it, so that no link leads elsewhere.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f"{_TMP}{os.urandom(8).hex()}-{name}"[:250])
    kept = _exists(path, dir_fd)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), mode, dir_fd=dir_fd)
    _writing.add(temporary)
    try:
        try:
            _mark(fd)
            wanted = mode if kept else os.fstat(fd).st_mode & 0o777 | mode & 0o700
            if os.name == "posix":
                os.fchmod(fd, wanted)
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        os.replace(temporary, path, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except BaseException:
        if _exists(temporary, dir_fd):
            os.unlink(temporary, dir_fd=dir_fd)
        raise
    finally:
        _writing.discard(temporary)
    if dir_fd is None:
        sync_dir(folder)
    else:
        os.fsync(dir_fd)


def _exists(path: str, dir_fd: int | None) -> bool:
    try:
        os.stat(path, dir_fd=dir_fd, follow_symlinks=False)
    except OSError:
        return False
    return True


def _mark(fd: int) -> None:
    """Locks a temporary file for as long as its writer lives, so that others can tell."""
    try:
        os.lockf(fd, os.F_TLOCK, 0)  # os has it built in: fcntl would be a module more
    except (OSError, AttributeError):
        pass  # a file system or a system without locks: `leftovers` goes by age there


def make_private_file(path: str) -> None:
    """Makes an empty file, 0600 under any umask, where there is none. OSError as it comes."""
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600)
    try:
        if os.name == "posix":
            os.fchmod(fd, 0o600)
    finally:
        os.close(fd)


def remove_private(path: str) -> bool:
    """Removes the file; False when there was none."""
    try:
        os.unlink(path)
        sync_dir(os.path.dirname(path))
    except FileNotFoundError:
        return False
    except OSError as error:
        hint = "check the disk, then try again"
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

    @contextlib.contextmanager
    def hold() -> "Iterator[None]":
        make_private_dir(folder)
        try:
            release = _lock(os.path.join(folder, ".lock"))
        except TimeoutError:
            raise LkrError(f"{show(folder)} is being written by another lkr", "try again") from None
        except OSError as error:
            raise LkrError(f"cannot lock {show(folder)}: {error.strerror}") from None
        try:
            _sweep(folder)
            yield
        finally:
            release()

    return hold()


def _lock(path: str) -> "Callable[[], object]":
    """Locks the file `path`, and returns what unlocks it. TimeoutError after a minute; OSError as it comes.

    By flock(2), as filelock does. filelock itself serves where there is no flock: loading it takes four times as long
    as the rest of `lkr set`.
    """
    import errno
    import time

    end = time.monotonic() + _PATIENCE
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(path)):  # else the folder was put aside in the meantime
                os.fchmod(fd, 0o600)
                return lambda: os.close(fd)  # which unlocks it: nobody else has this descriptor
        except (ImportError, OSError) as error:
            code = error.errno if isinstance(error, OSError) else errno.ENOSYS
            if code == errno.ENOSYS:
                os.close(fd)
                return _lock_without_flock(path)
            if code not in (errno.EAGAIN, errno.EACCES, errno.ENOENT):
                os.close(fd)
                raise
        os.close(fd)
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def _lock_without_flock(path: str) -> "Callable[[], object]":
    import filelock

    lock = filelock.FileLock(path, timeout=_PATIENCE, mode=0o600)
    lock.acquire()  # its Timeout is a TimeoutError
    return lock.release


def _sweep(folder: str) -> None:
    """Removes what killed writers left below `folder`, once a day: a walk through 10,000 keys takes its time."""
    import contextlib
    import time

    swept = os.path.join(folder, ".swept")
    with contextlib.suppress(FileNotFoundError):
        if abs(time.time() - os.lstat(swept).st_mtime) < _SWEPT_EVERY:
            return
    with contextlib.suppress(OSError):  # a full disk: swept again the next time
        make_private_file(swept)
        os.utime(swept)
    for path in leftovers(folder):
        with contextlib.suppress(OSError):
            os.unlink(path)


def leftovers(folder: str) -> list[str]:
    """The temporary files below `folder` whose writer is no more."""
    return [
        path
        for parent, _, names in os.walk(folder)
        for name in names
        if name.startswith(_TMP) and _is_left(path := os.path.join(parent, name))
    ]


def _is_left(path: str) -> bool:
    """True when no writer holds this temporary file: no thread of ours, and no process that has it locked."""
    import time

    if path in _writing:
        return False
    try:
        age = abs(time.time() - os.lstat(path).st_mtime)  # abs: the clock may have been put back
        fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except (OSError, AttributeError):
        return age > _ABANDONED
    try:
        os.lockf(fd, os.F_TEST, 0)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return age > _ABANDONED
    finally:
        os.close(fd)
    return age > _MOMENT
