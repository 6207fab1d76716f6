"""Passes keys that somebody types to a program that reads them from the terminal of its output, as `less` does.

`lkr exec` leaves its input to the command. But `less` opens the terminal behind its standard error by name, and with
redaction that is the pseudo-terminal. Keys go there only if nobody else takes them and a program has opened it for
reading. Only Linux tells us which program did, so elsewhere no key is ever read.
"""

import os
import time

_PATIENCE = 0.05  # seconds that the command has to read its own input
_PAUSE = 0.5  # seconds until the next look, while keys wait and nobody reads them
_MOST = 1024  # bytes; the pseudo-terminal holds more


class Keys:
    """The keys typed at the terminal `real`, for programs that read the pseudo-terminal with this name, which gets them
    through `master`."""

    def __init__(self, real: int, master: int, name: str) -> None:
        self.real, self._master, self._name = real, master, name
        self._next = 0.0  # the time of the next look
        self._waiting = False  # keys were waiting at the last look
        self._broken = not os.path.isdir("/proc/self/fdinfo")

    def wait(self) -> float | None:
        """Returns the seconds until the next look: 0 for now, None for never."""
        return None if self._broken else max(0.0, self._next - time.monotonic())

    def look(self, ready: bool) -> None:
        """Takes the keys if they have waited long enough, as `ready` says, and somebody reads the pseudo-terminal."""
        self._next, waited = 0.0, self._waiting
        self._waiting = ready
        if not ready:
            return
        self._next = time.monotonic() + _PATIENCE
        if not waited:
            return
        if not _has_reader(self._name):
            self._next = time.monotonic() + _PAUSE
            return
        self._waiting, self._next = False, 0.0
        try:
            if os.tcgetpgrp(self.real) == os.getpgrp():  # else the kernel would stop us
                keys = os.read(self.real, _MOST)
                self._broken = not keys
                os.write(self._master, keys)
        except OSError:  # the terminal cannot be read through this file descriptor, or is gone
            self._broken = True


def _has_reader(name: str) -> bool:
    """True if a process of our group has opened this terminal only to read it."""
    return any(_reads(pid, name) for pid in os.listdir("/proc") if pid.isdigit())


def _reads(pid: str, name: str) -> bool:
    try:
        if os.getpgid(int(pid)) != os.getpgrp():
            return False
        for fd in os.listdir(f"/proc/{pid}/fd"):
            if os.readlink(f"/proc/{pid}/fd/{fd}") == name:
                with open(f"/proc/{pid}/fdinfo/{fd}") as file:
                    flags = next(line.split()[1] for line in file if line.startswith("flags:"))
                if int(flags, 8) & os.O_ACCMODE == os.O_RDONLY:
                    return True
    except (OSError, StopIteration):
        pass  # it has just ended
    return False
