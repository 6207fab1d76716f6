"""Questions on the terminal: a yes-or-no question, asked on the terminal itself, so that no pipe or option can answer
it; and a hidden line.
"""

import contextlib
import os
import sys

from lkrshell.core import platform
from lkrshell.core.errors import REFUSED, LkrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


_LOOK = 0.2  # seconds


def ask(question: str) -> bool:
    """True when the person typed y or yes. LkrError (2) where there is no terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        raise LkrError("there is no terminal to ask on", "run it on a terminal", REFUSED) from None
    try:
        import termios

        termios.tcflush(terminal, termios.TCIFLUSH)  # text typed before the question does not answer it
        os.write(terminal, f"lkr: {question} [y/N] ".encode("utf-8", "surrogateescape"))
        return os.read(terminal, 100).strip().lower() in (b"y", b"yes")
    finally:
        os.close(terminal)


def is_there() -> bool:
    """True when somebody can be asked: standard input and standard error are terminals."""
    return all(stream is not None and not stream.closed and stream.isatty() for stream in (sys.stdin, sys.stderr))


def line() -> str:
    """Reads a line from standard input. KeyboardInterrupt at Ctrl-C or the end of input."""
    if platform.WINDOWS or not sys.stdin.isatty():
        try:
            return input()
        except EOFError:
            raise KeyboardInterrupt from None
    import select

    fd, text = sys.stdin.fileno(), b""
    while not text.endswith(b"\n"):
        # input() and getpass() would sleep through a Ctrl-C that comes just before they begin to wait.
        while not select.select([fd], [], [], _LOOK)[0]:
            pass
        if not (piece := os.read(fd, 1 << 16)):
            raise KeyboardInterrupt
        text += piece
    return text[:-1].decode(errors="surrogateescape")


def hidden(question: str, may_be_empty: bool = False) -> str:
    """Reads a line that is not shown while it is typed. Asks until there is one. KeyboardInterrupt as for `line`."""
    while not (text := _hidden_line(f"{question}: ")) and not may_be_empty:
        _write("lkr: nothing was typed; Ctrl-C stops\n")
    return text


def _hidden_line(prompt: str) -> str:
    if platform.WINDOWS:
        import getpass

        try:
            return getpass.getpass(prompt)
        except EOFError:
            raise KeyboardInterrupt from None
    import termios

    with _no_echo(termios.TCSAFLUSH):  # what was typed before or is pasted after the line is dropped
        _write(prompt)
        try:
            return line()
        finally:
            _write("\n")


def quiet() -> "contextlib.AbstractContextManager[None]":
    """Shows nothing that is typed meanwhile, such as a passphrase that comes before its question."""
    if platform.WINDOWS:
        return contextlib.nullcontext()
    import termios

    return _no_echo(termios.TCSADRAIN)


@contextlib.contextmanager
def _no_echo(when: int) -> "Iterator[None]":
    """Turns the echo of the terminal at standard input off. `when` is one of termios.TCSA…, for both changes."""
    import termios

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        termios.tcsetattr(fd, when, [*before[:3], before[3] & ~termios.ECHO, *before[4:]])
        yield
    finally:
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(fd, when, before)


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
