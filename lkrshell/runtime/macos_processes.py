"""Asks macOS about a process: its name, parent, user, start, words and environment.

The kernel answers for every process of this user. For other users' processes, such as the `login` that Terminal starts,
it gives only the name, the parent, the user, and whether there is a terminal. It hides the environment of Apple's own
programs, such as /bin/zsh, unless System Integrity Protection is off. Programs that a person installs (node, python,
claude) show it.

Source: xnu as published: bsd/sys/proc_info.h (struct proc_bsdinfo, struct proc_bsdshortinfo), bsd/kern/proc_info.c
(proc_pidinfo, which asks for the same user), libsyscall/wrappers/libproc/libproc.h, bsd/sys/sysctl.h, and
bsd/kern/kern_sysctl.c (sysctl_procargsx).
"""

import os

from lkrshell.state import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_PIDTBSDINFO, _BSDINFO = 3, 136  # PROC_PIDTBSDINFO, and the bytes of its structure
_NAME, _START = 64, 120  # offsets in it: a name of 32 bytes, and the time
_PPID, _RUID, _FLAGS, _COMM = 16, 28, 0, 48  # also in it; MAXCOMLEN, the length of the short name, is 16
_PIDT_SHORTBSDINFO, _SHORTINFO = 13, 64  # PROC_PIDT_SHORTBSDINFO, which needs no privilege, and its structure's bytes
_SHORT = {_PPID: 4, _RUID: 44, _FLAGS: 32, _COMM: 16}  # the same fields in it
_CONTROLT = 0x80  # PROC_FLAG_CONTROLT
_KERN, _PROCARGS2, _ARGMAX = 1, 49, 8  # CTL_KERN, KERN_PROCARGS2, KERN_ARGMAX
_room: "list[Any]" = []  # a buffer of a megabyte, reused for the words and environment of each process


def status(pid: int) -> tuple[bytes, int]:
    """A process's name, cut at 31 bytes (at 15 for another user's), and its parent's id. For a script, the name is that
    of its interpreter. OSError if the process has ended."""
    data, where = _told(pid)
    name = data[_NAME : _NAME + 32].partition(b"\0")[0] if len(data) == _BSDINFO else b""
    start = where(_COMM)
    return name or data[start : start + 16].partition(b"\0")[0], _number(data, where(_PPID))


def start_time(pid: int) -> str:
    """When it started, in microseconds since the epoch. OSError as for `status`, and for another user's process."""
    data = _information(pid, _PIDTBSDINFO, _BSDINFO)
    seconds, microseconds = (int.from_bytes(data[at : at + 8], "little") for at in (_START, _START + 8))
    return str(seconds * 1000000 + microseconds)


def user_of(pid: int) -> int:
    """The real user. OSError as for `status`."""
    data, where = _told(pid)
    return _number(data, where(_RUID))


def has_terminal(pid: int) -> bool:
    """True when its session has a controlling terminal. OSError as for `status`."""
    data, where = _told(pid)
    return bool(_number(data, where(_FLAGS)) & _CONTROLT)


def _told(pid: int) -> "tuple[bytes, Callable[[int], int]]":
    """struct proc_bsdinfo, or struct proc_bsdshortinfo for another user's process; and where its fields are."""
    try:
        return _information(pid, _PIDTBSDINFO, _BSDINFO), int
    except PermissionError:
        return _information(pid, _PIDT_SHORTBSDINFO, _SHORTINFO), _SHORT.__getitem__


def _information(pid: int, flavor: int, size: int) -> bytes:
    """The bytes of its structure. A process that has ended and waits for its parent counts as gone."""
    buffer = native.buffer(size)
    if native.call("proc_pidinfo", "iiiQPi", pid, flavor, 0, native.byref(buffer), size) != size:
        code = native.errno() or 3  # ESRCH
        raise OSError(code, os.strerror(code))
    return bytes(memoryview(buffer))


def words(pid: int) -> list[str]:
    """The words that it was started with, or has put in their place. OSError for another user's process."""
    return _arguments(pid)[0]


def environment(pid: int) -> bytes:
    """The variables that it was started with, each NAME=value and NUL; empty if macOS hides them. OSError as for
    `words`."""
    return _arguments(pid)[1]


def _arguments(pid: int) -> tuple[list[str], bytes]:
    """KERN_PROCARGS2: the number of words, the program's path and NULs, the words, the environment, and the kernel's
    additions."""
    if not _room:
        _room.append(native.buffer(_number(_sysctl([_KERN, _ARGMAX], native.buffer(4)), 0)))
    data = _sysctl([_KERN, _PROCARGS2, pid], _room[0])
    count = _number(data, 0)
    path_end = data.find(b"\0", 4)
    start = path_end
    while start < len(data) and data[start] == 0:  # to the next multiple of eight
        start += 1
    found: list[str] = []
    for _ in range(count):
        end = data.find(b"\0", start)
        if end < 0:
            break
        found.append(data[start:end].decode("utf-8", "replace"))
        start = end + 1
    return found or [""], data[start:].strip(b"\0")


def _sysctl(name: list[int], answer: "Any") -> bytes:
    where, length = native.buffer(b"".join(part.to_bytes(4, "little") for part in name)), native.out_variable("L")
    length.value = len(memoryview(answer))
    passed = (native.byref(where), len(name), native.byref(answer), native.byref(length), None, 0)
    if native.call("sysctl", "iPIPPPL", *passed):
        code = native.errno()
        raise OSError(code, os.strerror(code))
    return bytes(memoryview(answer)[: length.value])


def _number(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")
