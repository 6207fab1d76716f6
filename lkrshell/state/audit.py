"""The audit log: one line for each use of keys, chained by hashes. It never holds a value or the hash of a value.

Fields, separated by tabs and escaped as in core.records: time, event, project, keys, variables, process, the names of
its ancestors, terminal, agent, and the BLAKE2b of the previous hash and this line. A changed, removed or inserted line
breaks the chain. Whoever can write the file can write a new chain, so it only reveals accidents and simple tampering.
"""

import os
import stat
from _thread import allocate_lock

from lkrshell.core import clock, records
from lkrshell.core.binding import shown
from lkrshell.core.text import show
from lkrshell.state import files, paths

MAX_BYTES = 1 << 20  # a larger log is renamed to audit.1
KEPT = 9  # renamed logs
FIELDS = ("time", "event", "project", "keys", "variables", "process", "ancestors", "terminal", "agent")
PATIENCE = 2.0  # seconds to wait for other writers when no prompt is waiting
CUT = "cut"  # in place of the hash of a line that was not completely written
# Held by the thread that writes. The lock on the file belongs to the whole process, and ends when any thread closes the
# log. So a program with threads also holds this while it reads the log.
turn = allocate_lock()
FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)


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
    """Adds a line. Returns None, or a sentence that says why it could not.

    `ancestors` are the names of the processes above us; `program` is what we are or become. Never raises, and waits at
    most `patience` seconds for another writer.
    """
    log = ""
    try:
        # A name with a space in it would look like two names.
        above = "\0".join(ancestors or ()).replace(" ", "_").replace("\0", " ")
        row = (
            clock.now(), event, project, " ".join(map(shown, keys)), " ".join(variables or ()),
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
            fd = os.open(log, os.O_RDWR | os.O_APPEND | os.O_CREAT | FLAGS, 0o600)
        except FileNotFoundError:
            files.make_private_dir(os.path.dirname(log))
            fd = os.open(log, os.O_RDWR | os.O_APPEND | os.O_CREAT | FLAGS, 0o600)
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
            os.close(fd)  # so we no longer hold the lock
        import time

        now = time.monotonic()
        end = end or now + patience
        if now >= end:
            raise OSError(11, "another process holds it")
        time.sleep(0.002)


def _is_ours(fd: int, log: str) -> bool:
    """True when we have the lock and `fd` is still the log: it may have been renamed while we waited."""
    try:
        os.lockf(fd, os.F_TLOCK, 0)  # built into os; fcntl would be one more module
        return os.path.samestat(os.fstat(fd), os.lstat(log))
    except (BlockingIOError, PermissionError, FileNotFoundError):
        return False


def _write(fd: int, log: str, line: str, size: int) -> None:
    end = _end(fd, size) if size else _end_of(f"{log}.1")
    data = f"{line}\t{link(end, line)}\n".encode("utf-8", "surrogateescape")
    if size and end == CUT:
        data = b"\n" + data  # a writer was killed here; `lkr audit --verify` reports the place
    try:
        while data:
            data = data[os.write(fd, data) :]
    except OSError:
        os.ftruncate(fd, size)  # remove half a line, when the disk is full
        raise


def _end(fd: int, size: int) -> str:
    """The hash at the end of the last line; CUT if that line is incomplete."""
    tail = os.pread(fd, 512, max(0, size - 512))
    if not tail.endswith(b"\n"):
        return CUT
    return tail[:-1].rpartition(b"\n")[2].rpartition(b"\t")[2].decode("utf-8", "surrogateescape")


def _end_of(log: str) -> str:
    """The last hash of a renamed log, which a new log continues from. Empty if there is no such log."""
    try:
        fd = os.open(log, os.O_RDONLY | FLAGS)
    except FileNotFoundError:
        return ""
    try:
        size = os.fstat(fd).st_size
        return _end(fd, size) if size else ""
    finally:
        os.close(fd)


def link(before: str, line: str) -> str:
    """The hash at the end of `line`, if the previous line ended in `before`."""
    return records.digest(f"{before}\t{line}".encode("utf-8", "surrogateescape"))


def _put_aside(log: str) -> None:
    """Renames audit to audit.1, audit.1 to audit.2, and so on. A kill may leave a gap, which the next renaming
    fills."""
    free = next((number for number in range(1, KEPT) if not os.path.lexists(f"{log}.{number}")), KEPT)
    for number in range(free, 1, -1):
        os.replace(f"{log}.{number - 1}", f"{log}.{number}")
    os.replace(log, f"{log}.1")


def logs() -> list[str]:
    """The possible paths of logs, newest first."""
    return [path(), *(f"{path()}.{number}" for number in range(1, KEPT + 1))]
