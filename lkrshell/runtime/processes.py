"""Processes as the kernel tells them: parents and start times.

A process is its id and its start time, for ids come again. Where there is no /proc a start time is the empty text, and
what rests on it cannot be told. Source: proc(5).
"""

import os

_DEEPEST = 256


def _fields(pid: int) -> list[str]:
    """What follows the name in /proc/PID/stat: state, parent, group, session, ...; empty for no such process."""
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return []
    try:
        return os.read(fd, 1024).decode("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return []
    finally:
        os.close(fd)


def start_time(pid: int) -> str:
    """When it started, in clock ticks since the system did. Empty when it has ended, or cannot be told."""
    fields = _fields(pid)
    return fields[19] if len(fields) > 19 and fields[0] not in "ZX" else ""


def parent_of(pid: int) -> int:
    """0 for none."""
    fields = _fields(pid)
    return int(fields[1]) if len(fields) > 19 else 0


def session_of(pid: int) -> int:
    """The id of its session, 0 when it has ended."""
    fields = _fields(pid)
    return int(fields[3]) if len(fields) > 19 else 0


def has_terminal(pid: int) -> bool:
    """True when its session has a controlling terminal."""
    fields = _fields(pid)
    return len(fields) > 19 and fields[4] not in ("0", "-1")


def ancestry(pid: int) -> list[int]:
    """The process and those above it, nearest first."""
    found: list[int] = []
    while pid > 0 and pid not in found and len(found) < _DEEPEST:
        found.append(pid)
        pid = parent_of(pid)
    return found


def name_of(pid: int) -> str:
    """The name that the kernel has for it, 15 bytes at most."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""


def words_of(pid: int) -> list[str]:
    """The words of its command line, empty when it has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read(1 << 16).decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        return []
