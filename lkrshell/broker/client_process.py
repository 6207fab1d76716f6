"""Finds the process at the other end of a connection, by asking the kernel (Linux and macOS).

A virtual key serves only the process that it was made for and the processes below it. On systems that do not say, every
connection passes, and only the key decides. Sources: sock_diag(7), proc(5); for macOS see `macos_sockets`.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from lkrshell.broker import macos_sockets
from lkrshell.core import platform
from lkrshell.runtime import processes

_DIAG, _BY_FAMILY = 4, 20  # NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY
_LOOPBACK = {
    socket.AF_INET: socket.inet_aton("127.0.0.1").ljust(16, b"\0"),
    socket.AF_INET6: socket.inet_pton(socket.AF_INET6, "::1"),
}
_KEPT = 4096  # connections to remember
_MOST = 4096  # processes to search for one connection


class Bound(Protocol):
    """What a virtual key knows about its process."""

    @property
    def pid(self) -> int: ...
    @property
    def start(self) -> str: ...


class Holder:
    """The process that holds the other end of a connection: its id, its start time, and the number of that file."""

    __slots__ = ("fd", "inode", "pid", "start")

    def __init__(self, pid: int, start: str, fd: str, inode: int) -> None:
        self.pid, self.start, self.fd, self.inode = pid, start, fd, inode


UNKNOWN = Holder(0, "", "", 0)  # when the system does not say
_holders: dict[tuple[object, ...], Holder] = {}  # by the family and the two ports


def is_alive(pid: int, start: str) -> bool:
    """True while this process id belongs to the process that started at `start`. When that is unknown, any process
    counts."""
    if processes.ARE_VISIBLE:
        return bool(start) and processes.start_time(pid) == start
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def holder(virtual: Bound, peer: Sequence[Any], own: Sequence[Any]) -> Holder | None:
    """Returns the bound process, or the one below it, that holds the connection from `peer` to `own` (socket
    addresses).

    None when no such process of this user holds it. UNKNOWN when the system does not say.
    """
    if not processes.ARE_VISIBLE:
        return UNKNOWN
    if not is_alive(virtual.pid, virtual.start):
        return None
    ends = socket.AF_INET if len(peer) == 2 else socket.AF_INET6, peer[1], own[1]
    inode = 0
    if not platform.DARWIN:
        owner = _owner(*ends)
        if owner is None or owner[0] != os.getuid() or not owner[1]:
            return None
        inode = owner[1]
    known = _holders.get(ends)
    if known and known.inode == inode and _still_holds(known, ends) and processes.is_below(known.pid, virtual.pid):
        return known
    for pid in _below(virtual.pid):
        if fd := macos_sockets.file_of(pid, ends) if platform.DARWIN else _file(pid, f"socket:[{inode}]"):
            found = Holder(pid, processes.start_time(pid), fd, inode)
            if len(_holders) >= _KEPT:
                _holders.pop(next(iter(_holders)))
            _holders[ends] = found
            # The bound process may have ended meanwhile, and another process may have its id.
            return found if is_alive(virtual.pid, virtual.start) else None
    return None


def _still_holds(known: Holder, ends: macos_sockets.Ends) -> bool:
    if platform.DARWIN:
        held = macos_sockets.holds(known.pid, known.fd, ends)
        return held and processes.start_time(known.pid) == known.start
    try:
        link = os.readlink(f"/proc/{known.pid}/fd/{known.fd}")
    except OSError:
        return False
    return link == f"socket:[{known.inode}]" and processes.start_time(known.pid) == known.start


def _below(top: int) -> Iterator[int]:
    """Yields the process and all its descendants, nearest first."""
    pending, seen = [top], {top}
    while pending and len(seen) < _MOST:
        pid = pending.pop(0)
        yield pid
        for child in _children(pid):
            if child not in seen:
                seen.add(child)
                pending.append(child)


def _children(pid: int) -> list[int]:
    if platform.DARWIN:
        return macos_sockets.children(pid)
    found: list[int] = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
                found += map(int, file.read().split())
        except FileNotFoundError:
            if not os.path.exists("/proc/self/task"):  # pragma: no cover
                raise
        except OSError:
            pass
    return found


def _file(pid: int, name: str) -> str:
    """Returns the number of the process's file with this link; empty when it has none or we may not look."""
    folder = f"/proc/{pid}/fd"
    try:
        for fd in os.listdir(folder):
            try:
                if os.readlink(f"{folder}/{fd}") == name:
                    return fd
            except OSError:
                pass
    except OSError:
        pass
    return ""


def _owner(family: socket.AddressFamily, peer_port: int, own_port: int) -> tuple[int, int] | None:
    """Returns the user and the inode of the client's end of a loopback connection; None when there is no such
    connection."""
    try:
        return _by_netlink(family, peer_port, own_port)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
    return _by_table(family, peer_port, own_port)


def _by_netlink(family: socket.AddressFamily, peer_port: int, own_port: int) -> tuple[int, int]:
    """Asks the kernel about exactly that socket. Raises OSError: ENOENT if it does not exist, other codes if asking
    fails."""
    ports = struct.pack("!HH", peer_port, own_port)
    cookie = b"\xff" * 8  # any
    request = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
    request += ports + _LOOPBACK[family] * 2 + struct.pack("=I", 0) + cookie
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _DIAG) as sock:
        sock.settimeout(0.2)
        sock.send(struct.pack("=IHHII", 16 + len(request), _BY_FAMILY, 1, 1, 0) + request)
        data = sock.recv(8192)
    size, kind = struct.unpack_from("=IH", data)
    if kind == 2:  # an error
        code = -struct.unpack_from("=i", data, 16)[0]
        raise OSError(code, os.strerror(code))
    if kind != _BY_FAMILY or size < 16 + 72:
        raise OSError(errno.EPROTO, "no answer from sock_diag")
    uid, inode = struct.unpack_from("=II", data, 16 + 4 + 48 + 12)
    return uid, inode


def _by_table(family: socket.AddressFamily, peer_port: int, own_port: int) -> tuple[int, int] | None:
    """Finds the same in /proc/net/tcp or tcp6, when netlink is not available."""
    v4 = family == socket.AF_INET
    words = struct.unpack("=4I", _LOOPBACK[family])  # the kernel prints them in memory order
    address = "".join(f"{word:08X}" for word in words[: 1 if v4 else 4])
    wanted = [f"{address}:{peer_port:04X}", f"{address}:{own_port:04X}"]
    with open("/proc/net/tcp" if v4 else "/proc/net/tcp6", encoding="ascii") as file:
        for line in file:
            fields = line.split()
            if fields[1:3] == wanted:
                return int(fields[7]), int(fields[9])
    return None
