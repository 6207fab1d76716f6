"""Questions on the terminal: a yes-or-no question, asked on the terminal itself, so that no pipe or option can answer
it; and a hidden line.
"""

import contextlib
import os
import sys

from lkrshell.core.errors import REFUSED, LkrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


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


@contextlib.contextmanager
def quiet() -> "Iterator[None]":
    """Shows nothing that is typed meanwhile, such as a passphrase that comes before its question."""
    with contextlib.ExitStack() as undo:
        with contextlib.suppress(ImportError, OSError):  # Windows, or no terminal
            import termios

            terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
            undo.callback(os.close, terminal)
            with contextlib.suppress(termios.error):
                before = termios.tcgetattr(terminal)
                undo.callback(_set_modes, terminal, before)
                _set_modes(terminal, [*before[:3], before[3] & ~termios.ECHO, *before[4:]])
        yield


def _set_modes(terminal: int, modes: "list[Any]") -> None:
    """Does nothing if the terminal is gone."""
    import termios

    with contextlib.suppress(termios.error):
        termios.tcsetattr(terminal, termios.TCSADRAIN, modes)


def hidden(question: str, may_be_empty: bool = False) -> str:
    """Reads a line that is not shown while it is typed. Asks until there is one. KeyboardInterrupt at the end of
    input."""
    import getpass

    try:
        while not (line := getpass.getpass(f"{question}: ")) and not may_be_empty:
            sys.stderr.write("lkr: nothing was typed; Ctrl-C stops\n")
    except EOFError:
        raise KeyboardInterrupt from None
    return line
