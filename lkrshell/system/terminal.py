"""One yes-or-no question on the terminal itself, whatever standard input is: no pipe and no option answers it."""

import os

from lkrshell.core.errors import REFUSED, LkrError


def ask(question: str) -> bool:
    """True when the person typed y or yes. LkrError (2) where there is no terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        raise LkrError("there is no terminal to ask on", "run it on a terminal", REFUSED) from None
    try:
        import termios

        termios.tcflush(terminal, termios.TCIFLUSH)  # what was typed before the question is no answer to it
        os.write(terminal, f"lkr: {question} [y/N] ".encode("utf-8", "surrogateescape"))
        return os.read(terminal, 100).strip().lower() in (b"y", b"yes")
    finally:
        os.close(terminal)
