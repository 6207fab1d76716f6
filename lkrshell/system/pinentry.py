"""A small client of pinentry, GnuPG's program that asks: one yes-or-no question over the Assuan protocol.

Source: the pinentry manual, "Assuan protocol": one line per command; OK, or ERR with a code, ends each answer.
"""

import os
import shutil
import subprocess

from lkrshell.core import platform
from lkrshell.core.errors import REFUSED, LkrError

_GRAPHICAL = ("pinentry-gnome3", "pinentry-qt", "pinentry-qt5", "pinentry-gtk-2")


def graphical() -> str | None:
    """A pinentry that needs no terminal, if there is a display for it."""
    if platform.DARWIN:
        return shutil.which("pinentry-mac")
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return None
    return next((path for name in _GRAPHICAL if (path := shutil.which(name))), None)


def confirm(program: str, question: str) -> bool:
    """True when the person pressed the button for yes. LkrError (2) when the program cannot ask."""
    try:
        # No buffer: if pinentry ends before it has read everything, Python 3.13 would complain about the rest.
        child = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
    except OSError as error:
        raise LkrError(f"cannot run {program}: {error.strerror}", "see pinentry in config.toml", REFUSED) from None
    assert child.stdin and child.stdout  # noqa: S101
    terminal = os.environ.get("GPG_TTY") or _terminal()
    lines = [f"OPTION ttyname={terminal}"] * bool(terminal)
    lines += [f"OPTION ttytype={os.environ.get('TERM', 'dumb')}"]
    lines += ["SETTITLE lkr", f"SETDESC {_escaped(question)}", "SETOK Allow", "SETCANCEL Refuse", "CONFIRM"]
    answer = b""
    try:
        child.stdout.readline()  # its greeting
        for line in lines:
            child.stdin.write(line.encode("utf-8", "surrogateescape") + b"\n")
            while (answer := child.stdout.readline()) and not answer.startswith((b"OK", b"ERR ")):
                pass
        child.stdin.close()
    except BrokenPipeError:
        answer = b""
    finally:
        child.kill()
        child.wait()
    if not answer:
        raise LkrError("pinentry ended without an answer", "see pinentry in config.toml", REFUSED)
    return answer.startswith(b"OK")


def _terminal() -> str:
    for fd in range(3):
        try:
            return os.ttyname(fd)
        except OSError:
            continue
    return ""


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")
