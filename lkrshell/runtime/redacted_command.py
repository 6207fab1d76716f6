"""Runs a command and replaces the keys' values in its output with `[lkr NAME]`: `lkr exec` for a coding agent.

The command stays in our process group and on our terminal, and has our input. So Ctrl-C, Ctrl-Z, `fg` and passwords
work as usual. Only its output passes through us, by a pipe, or by a pseudo-terminal of the same size where we have a
terminal. What it writes to files that it opens itself (also /dev/tty) does not pass through us.
"""

import errno
import os
import select
import signal

from lkrshell.core import platform
from lkrshell.core.errors import LkrError
from lkrshell.core.secret import Secret
from lkrshell.runtime.execute import restore_signals
from lkrshell.runtime.typed_keys import Keys
from lkrshell.scan.values import Redactor, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

_IDLE = 0.05  # seconds without output, after which a prompt is passed on
_BLOCK = 1 << 16
_EXTPROC = 0x800 if platform.DARWIN else 0x10000  # termios.h: report changes to the master
_PACKET_CHANGED = 0x40  # TIOCPKT_IOCTL
_PR_SET_PDEATHSIG = 1


def run(
    words: "tuple[str, ...] | list[str]", environment: dict[bytes, bytes], secrets: dict[str, Secret]
) -> "NoReturn":
    """Runs the command to its end, and ends in the same way. `secrets` are the values to hide, by the keys' names.

    LkrError 126 or 127 when it cannot be started.
    """
    values = Values(secrets)
    outputs = _outputs(values)
    wake, signaled = os.pipe()
    for fd in (wake, signaled):
        os.set_blocking(fd, False)
    before = signal.set_wakeup_fd(signaled, warn_on_full_buffer=False)
    caught = _catch()
    for output in outputs:
        output.resize()  # only now, since from here on a signal tells us of a new size
    try:
        pid = _start(words, environment, outputs, caught)
    except LkrError:
        signal.set_wakeup_fd(before)
        for number, handler in caught.items():
            signal.signal(number, handler)
        raise
    status = _Command(pid, outputs, wake).wait()
    for output in outputs:
        output.restore()
    if any(output.open for output in outputs) and os.fork() == 0:  # something in the background still writes
        _pass_on(outputs)
        os._exit(0)
    _end(status)


class _Output:
    """One place that the command writes to: its file descriptors, and the pipe or terminal through us."""

    def __init__(self, fds: list[int], values: Values) -> None:
        self.fds, self.target = fds, fds[0]
        self.redactor = Redactor(values)
        self.terminal = os.isatty(self.target)
        self.open = True
        self._changed = False
        self.keys: Keys | None = None
        if self.terminal:
            self.source, self.inner = os.openpty()
            self.keys = Keys(self.target, self.source, os.ttyname(self.inner))
            self._prepare()
        else:
            self.source, self.inner = os.pipe()

    def _prepare(self) -> None:
        """Makes the pseudo-terminal look like the real one, and pass each byte unchanged."""
        import fcntl
        import termios

        self._before = termios.tcgetattr(self.target)
        settings = termios.tcgetattr(self.target)
        settings[1] &= ~termios.OPOST  # the real terminal does that
        settings[3] |= _EXTPROC
        termios.tcsetattr(self.inner, termios.TCSANOW, settings)
        fcntl.ioctl(self.source, termios.TIOCPKT, b"\x01\0\0\0")

    def resize(self) -> None:
        if self.terminal:
            import fcntl
            import termios

            size = fcntl.ioctl(self.target, termios.TIOCGWINSZ, bytes(8))
            fcntl.ioctl(self.source, termios.TIOCSWINSZ, size)

    def _mirror(self) -> None:
        """Copies terminal settings to the real terminal, for programs that set it up through their output, as curses
        does."""
        import termios

        wanted, settings = termios.tcgetattr(self.source), termios.tcgetattr(self.target)
        settings[0], settings[2], settings[6] = wanted[0], wanted[2], wanted[6]
        settings[3] = wanted[3] & ~_EXTPROC
        self._changed = True
        termios.tcsetattr(self.target, termios.TCSADRAIN, settings)

    def restore(self) -> None:
        """Restores the real terminal."""
        if self.terminal and self._changed:
            import termios

            try:
                termios.tcsetattr(self.target, termios.TCSADRAIN, self._before)
            except termios.error:
                pass

    def pass_on(self) -> None:
        """Reads once, and writes what is safe."""
        try:
            data = os.read(self.source, _BLOCK)
        except OSError as error:
            if error.errno != errno.EIO:  # this is how a pseudo-terminal ends
                raise
            data = b""
        if self.terminal and data:
            control, data = data[0], data[1:]
            if control:
                if control & _PACKET_CHANGED:
                    self._mirror()
                return
        if not data:
            self.close()
            return
        self.write(self.redactor.feed(data))

    def close(self) -> None:
        self.write(self.redactor.rest())
        if self.open:
            self.open = False
            os.close(self.source)

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view and self.open:
            try:
                view = view[os.write(self.target, view) :]
            except BlockingIOError:
                select.select([], [self.target], [])
            except OSError:  # nobody reads it, and the command should notice that
                self.open = False
                os.close(self.source)


def _outputs(values: Values) -> list[_Output]:
    """Returns the outputs of the command: one if both lead to the same place, so that the order is kept."""
    places: dict[object, list[int]] = {}
    for fd in (1, 2):
        try:
            info = os.fstat(fd)
        except OSError:
            continue  # it is closed, and stays closed
        places.setdefault((info.st_dev, info.st_ino, info.st_rdev), []).append(fd)
    return [_Output(fds, values) for fds in places.values()]


def _catch() -> "dict[signal.Signals, Any]":
    """Makes signals that concern the command wake us. Returns the previous handlers."""
    wanted = ["SIGCHLD", "SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGTSTP", "SIGWINCH", "SIGUSR1", "SIGUSR2"]
    found = [signal.Signals[name] for name in wanted]
    return {
        number: signal.signal(number, lambda *_: None)
        for number in found
        if number == signal.SIGCHLD or signal.getsignal(number) is not signal.SIG_IGN
    }


def _start(
    words: "tuple[str, ...] | list[str]",
    environment: dict[bytes, bytes],
    outputs: list[_Output],
    caught: "dict[signal.Signals, Any]",
) -> int:
    """Starts the command. LkrError 126 or 127 when that fails."""
    failed, failure = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            signal.set_wakeup_fd(-1)
            for number, handler in caught.items():
                callable_one = handler not in (signal.SIG_DFL, signal.SIG_IGN)
                signal.signal(number, signal.SIG_DFL if callable_one else handler)
            restore_signals()
            _end_with(parent)
            for output in outputs:
                for fd in output.fds:
                    os.dup2(output.inner, fd)
            os.execvpe(words[0], words, environment)  # noqa: S606
        except OSError as error:
            os.write(failure, str(error.errno).encode())
        finally:
            os._exit(127)
    os.close(failure)
    for output in outputs:
        os.close(output.inner)
    with os.fdopen(failed, "rb") as report:
        said = report.read()
    if said:
        os.waitpid(pid, 0)
        code = 127 if int(said) == errno.ENOENT else 126
        raise LkrError(f"cannot run {words[0]}: {os.strerror(int(said))}", code=code)
    return pid


def _end_with(parent: int) -> None:
    """Makes the kernel kill the command when we are killed, since the kill was meant for it."""
    if platform.LINUX:
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:
            os._exit(137)


class _Command:
    """The running command."""

    def __init__(self, pid: int, outputs: list[_Output], wake: int) -> None:
        self._pid, self._outputs, self._wake = pid, outputs, wake
        self._status: int | None = None
        self._on_terminal = any(map(os.isatty, range(3)))

    def wait(self) -> int:
        """Passes its output on until it ends. Returns the status of waitpid."""
        while self._status is None:
            self._turn(None)
        self._drain()
        for output in self._outputs:
            if output.open:
                output.write(output.redactor.idle())
        return self._status

    def _drain(self) -> None:
        """Passes on what it has written so far, but no more than pipes hold, because something else may keep
        writing."""
        for _ in range(64):
            if not self._turn(0):
                return

    def _turn(self, timeout: float | None) -> bool:
        """Does one step. False when there was nothing to do."""
        sources = {output.source: output for output in self._outputs if output.open}
        waiting = [output for output in sources.values() if output.redactor.holds]
        typed: list[Keys] = []
        limits = [_IDLE] * bool(waiting)
        for output in sources.values() if timeout is None else ():
            if output.keys and (wait := output.keys.wait()) is not None:
                typed += [output.keys] * (not wait)
                limits += [wait] * bool(wait)
        limit = min(limits, default=None) if timeout is None else timeout
        ready, _, _ = select.select([*sources, self._wake, *(each.real for each in typed)], [], [], limit)
        for each in typed:
            each.look(each.real in ready)
        for fd in ready:
            if fd in sources:
                sources[fd].pass_on()
            elif fd == self._wake:
                self._signals(os.read(self._wake, 4096))
        if not ready:
            for output in waiting:
                output.write(output.redactor.idle())
        return any(fd in sources for fd in ready)

    def _signals(self, numbers: bytes) -> None:
        for number in dict.fromkeys(numbers):
            if number == signal.SIGCHLD:
                self._look()
            elif number == signal.SIGTSTP or (self._on_terminal and number in (signal.SIGINT, signal.SIGQUIT)):
                continue  # the terminal sent it to the command, too
            else:
                if number == signal.SIGWINCH:
                    for output in self._outputs:
                        output.resize()
                self._send(number)

    def _send(self, number: int) -> None:
        if self._status is None:
            try:
                os.kill(self._pid, number)
            except ProcessLookupError:
                pass

    def _look(self) -> None:
        """Notes that the command ended. If it was stopped, passes on its output and stops as well."""
        pid, status = os.waitpid(self._pid, os.WNOHANG | os.WUNTRACED)
        if not pid:
            return
        if not os.WIFSTOPPED(status):
            self._status = status
            return
        self._drain()
        number = os.WSTOPSIG(status)
        before = signal.signal(number, signal.SIG_DFL) if number != signal.SIGSTOP else None
        os.kill(os.getpid(), number)
        if before is not None:
            signal.signal(number, before)
        for output in self._outputs:
            output.resize()
        self._send(signal.SIGCONT)


def _pass_on(outputs: list[_Output]) -> None:
    """Passes on what the command's background processes write, until they end."""
    os.close(0)
    while sources := {output.source: output for output in outputs if output.open}:
        waiting = [output for output in sources.values() if output.redactor.holds]
        ready, _, _ = select.select([*sources], [], [], _IDLE if waiting else None)
        for fd in ready:
            sources[fd].pass_on()
        if not ready:
            for output in waiting:
                output.write(output.redactor.idle())


def _end(status: int) -> "NoReturn":
    """Ends as the command did."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        os._exit(128 + number)
    os._exit(os.WEXITSTATUS(status))
