"""The audit log: one line a use, hash-chained, never a value nor a hash of one.

Fields, parted by tabs and escaped as in records: time, event, project, keys, variables, process, its ancestors'
names, terminal, agent, and the BLAKE2b of the line before and this one. A changed, removed or inserted line breaks
the chain; who may write the file can make a new one, so it is evidence against slips and simple tampering only.
"""

import os
import stat
from _thread import allocate_lock

from lkrshell.core import clock, records
from lkrshell.core.text import show
from lkrshell.state import files, paths

MAX_BYTES = 1 << 20  # then the log is put aside
KEPT = 9  # logs put aside
FIELDS = ("time", "event", "project", "keys", "variables", "process", "ancestors", "terminal", "agent")
PATIENCE = 2.0  # seconds for other writers, where no prompt waits
CUT = "cut"  # stands for the hash of a line that was not written to its end
# Held by the thread that writes. The lock on the file is the whole process's, and goes when any of its threads closes
# the log: a program with threads holds this too while it reads the log.
turn = allocate_lock()
_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


def path() -> str:
    return os.path.join(paths.state_dir(), "audit")


def record(
    event: str,
    keys: list[str],
    variables: list[str] | None = None,
    project: str = "",
    ancestors: list[str] | None = None,
    agent: str | None = None,
    program: str = "lkr",
    patience: float = PATIENCE,
) -> str | None:
    """Adds a line; returns what went wrong, in words, when it could not.

    `ancestors` are the names of the processes above us; `program` is what we are or become. Never raises, and waits at
    most `patience` seconds for another writer.
    """
    log = ""
    try:
        # A name may have spaces in it, and then would be taken for two.
        above = "\0".join(ancestors or ()).replace(" ", "_").replace("\0", " ")
        row = (
            clock.now(), event, project, " ".join(keys), " ".join(variables or ()),
            f"{os.getpid()} {program}".rstrip(), above, _terminal(), agent or "",
        )  # fmt: skip
        log = path()
        _append(log, "\t".join(map(records.escape, row)), patience)
    except Exception as error:
        reason = f"{show(log)}: {error.strerror}" if isinstance(error, OSError) else str(error)
        return f"the audit log cannot be written: {reason}"
    return None


def _terminal() -> str:
    for fd in (2, 0, 1):
        try:
            return os.ttyname(fd)
        except OSError:
            pass
    return ""


def _append(log: str, line: str, patience: float) -> None:
    """Waits at most `patience` seconds for other writers. OSError, LkrError when the log cannot be written."""
    if not turn.acquire(timeout=patience):
        raise OSError(11, "another thread holds it")
    try:
        _append_locked(log, line, patience)
    finally:
        turn.release()


def _append_locked(log: str, line: str, patience: float) -> None:
    end = 0.0
    while True:
        try:
            fd = os.open(log, os.O_RDWR | os.O_APPEND | os.O_CREAT | _FLAGS, 0o600)
        except FileNotFoundError:
            files.make_private_dir(os.path.dirname(log))
            fd = os.open(log, os.O_RDWR | os.O_APPEND | os.O_CREAT | _FLAGS, 0o600)
        try:
            if _is_ours(fd, log):
                info = os.fstat(fd)
                files.check_private(log, info)
                if not stat.S_ISREG(info.st_mode):
                    raise OSError(22, "it is not a file")
                if info.st_mode & 0o600 != 0o600:
                    os.fchmod(fd, 0o600)  # made under a umask that takes our own rights away
                if info.st_size <= MAX_BYTES:
                    _write(fd, log, line, info.st_size)
                    return
                _put_aside(log)
                continue
        finally:
            os.close(fd)  # and the lock is gone
        import time

        now = time.monotonic()
        end = end or now + patience
        if now >= end:
            raise OSError(11, "another process holds it")
        time.sleep(0.002)


def _is_ours(fd: int, log: str) -> bool:
    """True when we have the lock, and `fd` is the log still: it may have been put aside while we waited."""
    try:
        os.lockf(fd, os.F_TLOCK, 0)  # os has it built in: fcntl would be a module more
        return os.path.samestat(os.fstat(fd), os.lstat(log))
    except (BlockingIOError, PermissionError, FileNotFoundError):
        return False


def _write(fd: int, log: str, line: str, size: int) -> None:
    end = _end(fd, size) if size else _end_of(f"{log}.1")
    data = f"{line}\t{link(end, line)}\n".encode("utf-8", "surrogateescape")
    if size and end == CUT:
        data = b"\n" + data  # a writer was killed; verify names the place
    try:
        while data:
            data = data[os.write(fd, data) :]
    except OSError:
        os.ftruncate(fd, size)  # half a line, when the disk is full
        raise


def _end(fd: int, size: int) -> str:
    """The hash that ends the last line, CUT when the line has no end."""
    tail = os.pread(fd, 512, max(0, size - 512))
    if not tail.endswith(b"\n"):
        return CUT
    return tail[:-1].rpartition(b"\n")[2].rpartition(b"\t")[2].decode("utf-8", "surrogateescape")


def _end_of(log: str) -> str:
    """The same of a log put aside, empty without one: a new log goes on from there."""
    try:
        fd = os.open(log, os.O_RDONLY | _FLAGS)
    except FileNotFoundError:
        return ""
    try:
        size = os.fstat(fd).st_size
        return _end(fd, size) if size else ""
    finally:
        os.close(fd)


def link(before: str, line: str) -> str:
    """The hash that ends `line`, when the line before ended in `before`."""
    return records.digest(f"{before}\t{line}".encode("utf-8", "surrogateescape"))


def _put_aside(log: str) -> None:
    """audit becomes audit.1, that audit.2, and so on. A kill leaves a gap in the numbers, which the next one fills."""
    free = next((number for number in range(1, KEPT) if not os.path.lexists(f"{log}.{number}")), KEPT)
    for number in range(free, 1, -1):
        os.replace(f"{log}.{number - 1}", f"{log}.{number}")
    os.replace(log, f"{log}.1")


def logs() -> list[str]:
    """The paths that a log may have, newest first."""
    return [path(), *(f"{path()}.{number}" for number in range(1, KEPT + 1))]
