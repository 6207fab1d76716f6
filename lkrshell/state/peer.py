"""Who is at the other end of a Unix socket, according to the kernel.

Source: unix(7), SO_PEERCRED; on macOS getpeereid(3) and LOCAL_PEERPID in sys/un.h.
"""

import sys

from lkrshell.core import platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

_SOL_LOCAL, _LOCAL_PEERPID = 0, 2


def credentials(sock: "socket") -> tuple[int, int]:
    """The ids of the user and of the process; -1 and 0 where the system does not say."""
    try:
        if platform.LINUX:
            import _socket

            data = sock.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)  # pid, uid, gid
            return _int(data[4:8]), _int(data[:4])
        from lkrshell.state import native

        user, group = native.out_variable("I"), native.out_variable("I")
        if native.call("getpeereid", "iiPP", sock.fileno(), native.byref(user), native.byref(group)):
            return -1, 0
        pid, size = native.out_variable("i"), native.out_variable("I")
        size.value = 4
        place = (_SOL_LOCAL, _LOCAL_PEERPID, native.byref(pid), native.byref(size))
        known = not native.call("getsockopt", "iiiiPP", sock.fileno(), *place)
        return int(user.value), int(pid.value) if known else 0
    except (OSError, AttributeError):
        return -1, 0


def _int(data: bytes) -> int:
    return int.from_bytes(data, sys.byteorder)
