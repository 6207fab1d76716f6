"""Asks macOS about a process that uses the broker: its children, its folder, and the connections it holds.

The kernel answers for this user's processes, and refuses for others (EPERM).

Source: xnu as published, bsd/sys/proc_info.h (struct proc_vnodepathinfo, proc_fdinfo, socket_fdinfo, in_sockinfo) and
libsyscall/wrappers/libproc/libproc.h. The offsets below are those of a 64-bit process, on Intel and on ARM.
"""

import os
import socket
import struct

from lkrshell.runtime import processes
from lkrshell.state import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PPID_ONLY = 6  # PROC_PPID_ONLY
_LISTFDS, _FDINFO, _FD_SOCKET = 1, 8, 2  # PROC_PIDLISTFDS, the bytes of proc_fdinfo, PROX_FDTYPE_SOCKET
_VNODEPATHINFO, _PATHS, _CWD = 9, 2352, 152  # PROC_PIDVNODEPATHINFO, its bytes, where the path of the folder is
_SOCKETINFO, _SOCKET = 3, 792  # PROC_PIDFDSOCKETINFO, the bytes of socket_fdinfo
_KIND, _TCP = 256, 2  # soi_kind, SOCKINFO_TCP
_IN = 264  # in_sockinfo: the foreign port, the local port; 24 bytes on INI_IPV4 or INI_IPV6; at 32 and 48 the addresses
_V4, _V6 = 1, 2
_MOST = 1 << 16  # children or files of one process

Ends = tuple[int, int, int]  # the family, the client's port, the broker's port
_LOOPBACK = {
    socket.AF_INET: (_V4, bytes(12) + socket.inet_aton("127.0.0.1")),
    socket.AF_INET6: (_V6, socket.inet_pton(socket.AF_INET6, "::1")),
}


def children(pid: int) -> list[int]:
    """Returns the running processes that it started."""
    room = 64
    while room <= _MOST:
        buffer = native.buffer(4 * room)
        size = native.call("proc_listpids", "iIIPi", _PPID_ONLY, pid, native.byref(buffer), 4 * room)
        if size < 4 * room:
            return [each for each in memoryview(buffer).cast("B")[: max(0, size)].cast("i") if each > 0]
        room *= 4
    return []


def working_folder(pid: int) -> str:
    """Returns its folder. Raises OSError when it has ended or belongs to another user."""
    data = _information(pid, _VNODEPATHINFO, _PATHS)
    if len(data) != _PATHS:
        raise ProcessLookupError(native.errno(), "no such process")
    return os.fsdecode(data[_CWD : _CWD + 1024].partition(b"\0")[0])


def file_of(pid: int, ends: Ends) -> str:
    """Returns which of its files is the client's end of the connection; empty if no file is, or for another user's
    process."""
    if processes.user_of(pid) != os.getuid():
        return ""
    room = 256
    while room <= _MOST and len(data := _information(pid, _LISTFDS, _FDINFO * room)) == _FDINFO * room:
        room *= 4
    for fd, kind in struct.iter_unpack("=iI", data[: len(data) // _FDINFO * _FDINFO]):
        if kind == _FD_SOCKET and holds(pid, str(fd), ends):
            return str(fd)
    return ""


def holds(pid: int, fd: str, ends: Ends) -> bool:
    """True when this file of the process is the client's end of the connection."""
    buffer = native.buffer(_SOCKET)
    if native.call("proc_pidfdinfo", "iiiiPi", pid, int(fd), _SOCKETINFO, native.byref(buffer), _SOCKET) != _SOCKET:
        return False
    data = bytes(memoryview(buffer).cast("B"))
    if struct.unpack_from("=i", data, _KIND)[0] != _TCP:
        return False
    family, client, broker = ends
    version, address = _LOOPBACK[socket.AddressFamily(family)]
    foreign, local = (socket.ntohs(port & 0xFFFF) for port in struct.unpack_from("=II", data, _IN))
    here = data[_IN + 32 : _IN + 64] == address + address and data[_IN + 24] & version
    return bool(here) and (foreign, local) == (broker, client)


def _information(pid: int, flavor: int, size: int) -> bytes:
    buffer: Any = native.buffer(size)
    got: int = native.call("proc_pidinfo", "iiiQPi", pid, flavor, 0, native.byref(buffer), size)
    return bytes(memoryview(buffer).cast("B")[: max(0, got)])
