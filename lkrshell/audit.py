"""The audit log: one line a use, hash-chained, never a value nor a hash of one. On the path of `lkr export`.

Fields, parted by tabs and escaped as in records: time, event, project, keys, variables, process, its ancestors'
names, terminal, agent, and the BLAKE2b of the line before and this one. A changed, removed or inserted line breaks
the chain; who may write the file can make a new one, so it is evidence against slips and simple tampering only.
"""

import os

from lkrshell import files, paths, records

MAX_BYTES = 1 << 20  # then the log is put aside
KEPT = 9  # logs put aside
FIELDS = ("time", "event", "project", "keys", "variables", "process", "ancestors", "terminal", "agent")


def path() -> str:
    return os.path.join(paths.state_dir(), "audit")


def record(
    event: str,
    keys: list[str],
    variables: list[str] | None = None,
    project: str = "",
    line: list[str] | None = None,
    agent: str | None = None,
) -> str | None:
    """Adds a line; returns what went wrong, in words, when it could not.

    Never raises: no use of a key waits for its log.
    """
    import time

    try:
        terminal = os.ttyname(2)
    except OSError:
        terminal = ""
    row = (
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), event, project, " ".join(keys), " ".join(variables or ()),
        str(os.getpid()), " ".join(line or ()), terminal, agent or "",
    )  # fmt: skip
    try:
        _append("\t".join(map(records.escape, row)))
    except Exception as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return f"the audit log cannot be written: {reason}"
    return None


def _append(line: str) -> None:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    for attempt in range(50):
        try:
            fd = os.open(path(), flags, 0o600)
        except FileNotFoundError:
            files.make_private_dir(paths.state_dir())
            continue
        try:
            try:
                os.lockf(fd, os.F_TLOCK, 0)  # os has it built in: fcntl would be a module more
            except (BlockingIOError, PermissionError):
                import time

                time.sleep(0.002 * min(attempt + 1, 5))
                continue
            info = os.fstat(fd)
            files.check_private(path(), info)
            if not info.st_nlink:
                continue  # put aside while we waited
            size = info.st_size
            tail = os.pread(fd, 8192, max(0, size - 8192)) if size else b""
            before = tail.rstrip(b"\n").rpartition(b"\t")[2].decode("ascii", "replace")
            if size and not tail.endswith(b"\n"):
                line, before = "\n" + line, "cut"  # a writer was killed; verify names the place
            if size > MAX_BYTES:
                _put_aside()
                os.close(fd)
                fd = os.open(path(), flags | os.O_EXCL, 0o600)
            os.write(fd, f"{line}\t{link(before, line.lstrip(chr(10)))}\n".encode("utf-8", "surrogateescape"))
            return
        finally:
            os.close(fd)
    raise OSError(11, "it is being written by others")


def link(before: str, line: str) -> str:
    """The hash that ends `line`, when the line before ended in `before`."""
    try:
        from _blake2 import blake2b
    except ImportError:
        from hashlib import blake2b

    return blake2b(f"{before}\t{line}".encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _put_aside() -> None:
    """audit becomes audit.1, that audit.2, and so on; the new log goes on from the old one's last hash."""
    for number in range(KEPT, 0, -1):
        older = path() if number == 1 else f"{path()}.{number - 1}"
        if os.path.exists(older):
            os.replace(older, f"{path()}.{number}")


def logs() -> list[str]:
    """The paths of the logs there are, oldest first."""
    candidates = [*(f"{path()}.{number}" for number in range(KEPT, 0, -1)), path()]
    return [each for each in candidates if os.path.exists(each)]
