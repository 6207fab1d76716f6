"""Reading and writing our own files: private, atomic, under a lock.

A write goes to a temporary file in the same folder, which is synced and renamed over the old file; then the folder is
synced. If lkr is killed at any moment, the file has either the old content or the new one.
"""

import os
import stat

from lkrshell.core import platform
from lkrshell.core.errors import LkrError
from lkrshell.core.text import quoted, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_TMP = ".tmp-"
_SWEPT_EVERY = 86400.0  # seconds
_MOMENT = 10.0  # seconds; the writer of a younger temporary file may not have locked it yet
_ABANDONED = 3600.0  # seconds; on a file system without locks, an older one has no writer
_PATIENCE = 60.0  # seconds to wait for another writer
_writing: set[str] = set()  # the temporary files of all threads of this process
_changed = False


def note_change() -> None:
    """Notes that this process is about to change something. Called before each change, except to caches."""
    global _changed
    _changed = True


def may_have_changed() -> bool:
    """False if this process has certainly changed nothing yet: no file, and no key in a store."""
    return _changed


def check_private(path: str, info: os.stat_result) -> None:
    """LkrError if another user owns `path`, or can read or write it."""
    if not hasattr(os, "getuid"):
        return
    if info.st_uid != os.getuid():
        raise of_another_user(path, info)
    if info.st_mode & 0o077:
        mode = "700" if stat.S_ISDIR(info.st_mode) else "600"
        raise LkrError(f"{show(path)} is open to other users", f"chmod {mode} {quoted(path)}")


def of_another_user(path: str, info: os.stat_result) -> LkrError:
    """The error for a file of somebody else. With sudo, which may keep HOME, it is the person's own, and stays so."""
    hint = f"chown {os.getuid()} {quoted(path)}"
    try:
        if os.getuid() == 0 and os.stat(os.path.expanduser("~")).st_uid == info.st_uid:
            hint = "run lkr without sudo"
    except OSError:
        pass
    return LkrError(f"{show(path)} belongs to another user", hint)


def read_private(path: str, limit: int = 1 << 24) -> bytes | None:
    """The whole file, or None if it does not exist. LkrError if it is not private, or not readable."""
    return read_checked(path, check_private, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0), limit)


def read_checked(path: str, check: "Callable[[str, os.stat_result], None]", flags: int, limit: int) -> bytes | None:
    """The whole file, once `check` has passed the open file, so that nothing can be swapped in between.

    None if there is no file. LkrError if it is larger than `limit`, not a regular file, or not readable. It never
    waits, not even for the writer of a pipe.
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
    """Makes `path` and its missing parents, 0700. LkrError if others can use the folder."""
    try:
        make_dirs(path, 0o700)
        check_private(path, os.stat(path))
    except OSError as error:
        raise LkrError(f"cannot create {show(path)}: {error.strerror}") from None


def make_dirs(path: str, mode: int) -> None:
    """Makes `path` and its missing parents durably. The umask may take rights from `mode`, but not the owner's."""
    missing, parent = [], path
    while not os.path.isdir(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
    for folder in reversed(missing):  # os.makedirs gives this mode only to the last folder
        try:
            os.mkdir(folder, mode)
            if os.stat(folder).st_mode & 0o700 != 0o700:  # the umask took our own rights away
                os.chmod(folder, 0o700)
        except FileExistsError:
            pass  # another lkr was faster
        sync_dir(os.path.dirname(folder))


def write_private(path: str, data: bytes, is_cache: bool = False) -> None:
    """Replaces the content of `path` with `data`, 0600, atomically and durably. LkrError if the disk refuses.

    `is_cache`: the file only keeps what lkr can find out again.
    """
    make_private_dir(os.path.dirname(path))
    try:
        replace_file(path, data, 0o600, is_cache=is_cache)
    except OSError as error:
        raise LkrError(f"cannot write {show(path)}: {error.strerror}", _remedy(error)) from None


def replace_file(path: str, data: bytes, mode: int, dir_fd: int | None = None, is_cache: bool = False) -> None:
    """The atomic write, for our files and for the user's manifest. OSErrors pass through.

    An existing file gets exactly `mode`; a new one gets `mode` without what the umask takes away. With `dir_fd`, an
    open folder, `path` is a name in it, so no link can lead elsewhere.
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
            if not platform.WINDOWS:
                os.fchmod(fd, wanted)
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        if not is_cache:
            note_change()
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
    """Locks a temporary file while its writer lives, so that others can tell that it is in use."""
    try:
        os.lockf(fd, os.F_TLOCK, 0)  # built into os; fcntl would be one more module
    except (OSError, AttributeError):
        pass  # no locks on this system or file system: there `leftovers` judges by age


def make_private_file(path: str) -> None:
    """Makes an empty file, 0600 under any umask, unless there is one. OSErrors pass through."""
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o600)
    try:
        if not platform.WINDOWS:
            os.fchmod(fd, 0o600)
    finally:
        os.close(fd)


def _remedy(error: OSError) -> str:
    what = "the permissions of its folder" if isinstance(error, PermissionError) else "the disk"
    return f"check {what}, then try again"


def remove_private(path: str) -> bool:
    """Removes the file; False if it did not exist."""
    try:
        os.lstat(path)
        note_change()
        os.unlink(path)
        sync_dir(os.path.dirname(path))
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LkrError(f"cannot remove {show(path)}: {error.strerror}", _remedy(error)) from None
    return True


def sync_dir(folder: str) -> None:
    if platform.WINDOWS:
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def locked(folder: str, lock: str = ".lock") -> "AbstractContextManager[object]":
    """Lets one writer at a time into `folder`, and waits up to a minute for others. Reading needs no lock.

    `lock` names the file to lock in it, where writers of different things need not wait for each other.
    """
    import contextlib

    @contextlib.contextmanager
    def hold() -> "Iterator[None]":
        make_private_dir(folder)
        try:
            release = _lock(os.path.join(folder, lock))
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
    """Locks the file `path`, and returns the function that unlocks it. TimeoutError after a minute; OSErrors pass
    through.

    Uses flock(2), as filelock does. filelock itself is only used where there is no flock, since loading it takes four
    times as long as the rest of `lkr set`.
    """
    import errno
    import time

    end = time.monotonic() + _PATIENCE
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0), 0o600)
        try:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(path)):  # else the folder was renamed in the meantime
                os.fchmod(fd, 0o600)
                return lambda: os.close(fd)  # closing unlocks it, since nobody else has this descriptor
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
    """Removes what killed writers left below `folder`. Once a day, since it walks through all files."""
    import contextlib
    import time

    swept = os.path.join(folder, ".swept")
    with contextlib.suppress(FileNotFoundError):
        if abs(time.time() - os.lstat(swept).st_mtime) < _SWEPT_EVERY:
            return
    with contextlib.suppress(OSError):  # on a full disk, the next call sweeps again
        make_private_file(swept)
        os.utime(swept)
    for path in leftovers(folder):
        with contextlib.suppress(OSError):
            os.unlink(path)


def leftovers(folder: str) -> list[str]:
    """The temporary files below `folder` whose writer has ended."""
    return [
        path
        for parent, _, names in os.walk(folder)
        for name in names
        if name.startswith(_TMP) and _is_left(path := os.path.join(parent, name))
    ]


def _is_left(path: str) -> bool:
    """True when no writer uses this temporary file: no thread of ours, and no process that has locked it."""
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
