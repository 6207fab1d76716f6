"""Reads the audit log and checks its chain, for `lkr audit` and `lkr report`."""

import os
import stat
import time
from collections.abc import Iterator

from lkrshell.core import records
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.state import audit, files

Row = dict[str, str]
_POLL = 0.25  # seconds between two checks for new lines


def row(line: str) -> Row:
    """The fields of a line by name; those of a line that cannot be read are empty."""
    try:
        values = [records.unescape(field) for field in line.split("\t")[:-1]]
    except ValueError:
        values = []
    return dict(zip(audit.FIELDS, values + [""] * len(audit.FIELDS), strict=False))


class _Log:
    """An open log. It stays the same file when it is renamed."""

    def __init__(self, path: str, fd: int) -> None:
        self.path, self.stream, self.rest = path, os.fdopen(fd, "rb"), b""
        info = os.fstat(fd)
        self.identity = (info.st_dev, info.st_ino)

    def lines(self) -> list[str]:
        """The complete lines that were added since the last call. `rest` is an incomplete one."""
        if os.fstat(self.stream.fileno()).st_size < self.stream.tell():  # emptied
            self.stream.seek(0)
        *whole, self.rest = (self.rest + self.stream.read()).split(b"\n")
        return [line.decode("utf-8", "surrogateescape") for line in whole]


def _open(until: tuple[int, int] | None = None) -> list[_Log]:
    """The logs, oldest first, from the one after `until` on. LkrError when one is not private.

    Opened newest first, so that a log that is renamed meanwhile is found twice rather than missed.
    """
    found: list[_Log] = []
    for path in audit.logs():
        try:
            fd = os.open(path, os.O_RDONLY | audit.FLAGS)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise LkrError(f"cannot read {show(path)}: {error.strerror}") from None
        info = os.fstat(fd)
        files.check_private(path, info)
        if not stat.S_ISREG(info.st_mode):
            raise LkrError(f"{show(path)} is not a file of ours", "remove it")
        log = _Log(path, fd)
        if log.identity == until:
            break
        if found and log.identity == found[-1].identity:
            found[-1].path = path
        else:
            found.append(log)
    return found[::-1]


def lines(follow: bool) -> Iterator[str]:
    """The lines of the log, oldest first; with `follow`, new lines too, without end."""
    last: _Log | None = None
    while True:
        logs = _open(last.identity if last else None)
        if last and not os.fstat(last.stream.fileno()).st_nlink:  # somebody removed it
            logs = logs[-1:]
        for log in logs:
            last = log
            yield from log.lines()
        while follow:
            time.sleep(_POLL)
            try:
                now = os.lstat(audit.path())
            except FileNotFoundError:
                continue
            if last:
                yield from last.lines()  # read now, since nobody writes to a renamed log
            if not last or (now.st_dev, now.st_ino) != last.identity:
                break
        if not follow:
            return


def check() -> tuple[int, list[str]]:
    """The number of lines, and the places (file:line) of lines that were changed or do not continue the previous
    one."""
    end, count = "", 0
    broken: list[str] = []
    logs = _open()
    for log in logs:
        lines = log.lines()
        if log.rest and log is logs[-1]:
            time.sleep(0.1)  # somebody may be writing to it
            lines += log.lines()
        for number, line in enumerate(lines + [log.rest.decode("utf-8", "surrogateescape")] * bool(log.rest), 1):
            content, _, claimed = line.rpartition("\t")
            # The log before the oldest one may be gone, so its first line is not checked.
            is_whole = (not count and log.path.endswith(f".{audit.KEPT}")) or claimed == audit.link(end, content)
            # A killed writer may have left half a line, after which the next writer began a new one.
            after_cut = bool(broken) and claimed == audit.link(audit.CUT, content)
            if not (is_whole or after_cut) or (number > len(lines)):
                broken.append(f"{log.path}:{number}")
            end, count = claimed, count + 1
    return count, broken
