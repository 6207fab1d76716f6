"""Asks the kernel about a process: its parent, its start time, its words and its environment.

A process is identified by its id and its start time, because ids are reused. On systems other than Linux and macOS the
start time is empty, and checks that need it are impossible. Source: proc(5); for macOS see `macos_processes`.
"""

import os

from lkrshell.core import platform

if platform.DARWIN:
    from lkrshell.runtime import macos_processes

ARE_VISIBLE = platform.LINUX or platform.DARWIN  # whether the system tells us about processes
_DEEPEST = 256
_LARGEST = 1 << 20  # most bytes of an environment to read
_PIECE = 8192  # bytes of a read; most environments are smaller


def status(pid: int) -> tuple[bytes, int]:
    """The name that the kernel keeps (at most 15 bytes on Linux, 31 on macOS), and the parent's id.

    OSError, ValueError or IndexError when the process has ended or is hidden from us.
    """
    if platform.DARWIN:
        return macos_processes.status(pid)
    name, rest = _stat(pid)
    return name, int(rest.split(None, 2)[1])


def name_of(pid: int) -> str:
    """The name that the kernel keeps; empty when the process has ended."""
    try:
        return status(pid)[0].decode("utf-8", "replace")
    except (OSError, ValueError, IndexError):
        return ""


def words_of(pid: int) -> list[str]:
    """The words of its command line; empty when it has ended."""
    try:
        if platform.DARWIN:
            return macos_processes.words(pid)
        return _read(f"/proc/{pid}/cmdline", 1 << 16).decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        return []


def environment_of(pid: int) -> bytes:
    """The variables that it was started with: NAME=value, separated by NUL. OSError when they are hidden."""
    return macos_processes.environment(pid) if platform.DARWIN else _read(f"/proc/{pid}/environ", _LARGEST)


def start_time(pid: int) -> str:
    """When it started, in clock ticks since the system did (on macOS in microseconds). Empty when it has ended or the
    system does not tell."""
    if platform.DARWIN:
        try:
            return macos_processes.start_time(pid)
        except OSError:
            return ""
    fields = _fields(pid)
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""


def parent_of(pid: int) -> int:
    """Its parent's id; 0 when it has none."""
    if platform.DARWIN:
        try:
            return macos_processes.status(pid)[1]
        except OSError:
            return 0
    fields = _fields(pid)
    return int(fields[1]) if len(fields) > 19 else 0


def session_of(pid: int) -> int:
    """The id of its session; 0 when it has ended."""
    if platform.DARWIN:
        try:
            return os.getsid(pid)
        except OSError:
            return 0
    fields = _fields(pid)
    return int(fields[3]) if len(fields) > 19 else 0


def has_terminal(pid: int) -> bool:
    """True when its session has a controlling terminal."""
    if platform.DARWIN:
        try:
            return macos_processes.has_terminal(pid)
        except OSError:
            return False
    fields = _fields(pid)
    return len(fields) > 19 and fields[4] not in ("0", "-1")


def user_of(pid: int) -> int:
    """Its real user; -1 when it has ended or the system does not say."""
    try:
        if platform.DARWIN:
            return macos_processes.user_of(pid)
        lines = _read(f"/proc/{pid}/status", 1 << 12).splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(b"Uid:"))
    except (OSError, StopIteration, ValueError):
        return -1


def ancestry(pid: int) -> list[int]:
    """The process and those above it, nearest first."""
    found: list[int] = []
    while pid > 0 and pid not in found and len(found) < _DEEPEST:
        found.append(pid)
        pid = parent_of(pid)
    return found


def is_below(pid: int, top: int) -> bool:
    """True when `top` is the process itself or an ancestor."""
    for _ in range(_DEEPEST):
        if pid == top or pid <= 0:
            break
        pid = parent_of(pid)
    return pid == top > 0


def _stat(pid: int) -> tuple[bytes, bytes]:
    """Reads /proc/PID/stat: the name, and the fields after it (state, parent, group, session, ...). OSError when there
    is no such process."""
    head, _, rest = _read(f"/proc/{pid}/stat", 1).rpartition(b")")
    return head.partition(b"(")[2], rest


def _fields(pid: int) -> list[str]:
    """The fields after the name in /proc/PID/stat; empty when there is no such process."""
    try:
        return _stat(pid)[1].decode("ascii", "replace").split()
    except OSError:
        return []


def _read(path: str, most: int) -> bytes:
    """The file's bytes. It stops reading once it has `most`."""
    fd = os.open(path, os.O_RDONLY)
    try:
        data = os.read(fd, _PIECE)
        while len(data) < most and (more := os.read(fd, len(data))):
            data += more
        return data
    finally:
        os.close(fd)
