"""The clipboard: a value goes in, and after a while a process of its own takes it out, if it is still there.

That process has a session of its own, so that it, and what serves an X11 clipboard, outlive the terminal. The value
reaches it by standard input; having copied it, it becomes a fresh process that knows a salted hash only. On macOS we
copy ourselves, marked as concealed, and the process knows only the number of that change.
"""

import base64
import hashlib
import os
import select
import signal
import subprocess
import sys
import time

from lkrshell.core import own_python, platform
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show

_WAIT = 5  # seconds for the tool: a display that is gone answers nothing at all


def copy(value: str, seconds: int) -> str:
    """Puts `value` there and starts the process that clears it; says in words what will happen.

    Over SSH without a display, the terminal's own clipboard by OSC 52, which nobody can read back to clear.
    LkrError when there is no clipboard.
    """
    if _far():
        return _by_terminal(value)
    if platform.DARWIN:
        from lkrshell.system import macos_objects

        change = macos_objects.copy(value)
        _start_later("clear", str(seconds), str(change))
        return f"it is in the clipboard for {seconds} s"
    child = subprocess.Popen(
        _again("copy", str(seconds)), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert child.stdin and child.stdout  # noqa: S101
    child.stdin.write(value.encode("utf-8", "surrogateescape"))
    child.stdin.close()
    if not select.select([child.stdout], [], [], _WAIT)[0]:
        os.killpg(child.pid, signal.SIGKILL)  # and the tool that it waits for
        child.wait()
        raise LkrError("the clipboard does not answer", "check that the display in DISPLAY still exists, or use --show")
    if (answer := child.stdout.readline()) != b"copied\n":
        raise _problem(answer)
    return f"it is in the clipboard for {seconds} s"


def _start_later(*words: str) -> None:
    """This module as a process that outlives the terminal and that nobody waits for."""
    subprocess.Popen(
        _again(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def _problem(answer: bytes) -> LkrError:
    """Why nothing was copied: no display to copy to, one that cannot be reached, or no tool for it."""
    here = os.environ
    display = here.get("WAYLAND_DISPLAY") or here.get("DISPLAY", "")
    if platform.LINUX and not display:
        return LkrError("there is no clipboard here, since there is no display", "use --show")
    if answer == b"lost\n":
        return LkrError(f"nothing reached the clipboard: is there a display {show(display)}?", "use --show")
    package = "wl-clipboard" if here.get("WAYLAND_DISPLAY") else "xclip or xsel"
    return LkrError("there is no clipboard tool here", f"install {package}, or use --show")


def tool() -> str:
    """What `copy` would use, in words; empty for nothing. `DISPLAY` may still lead to no screen."""
    if _far():
        return "the terminal's own, by OSC 52"
    if platform.DARWIN:
        return "the pasteboard"
    import pyperclip

    function = pyperclip.determine_clipboard()[0]
    name: str = getattr(function, "__name__", "")  # what stands for no clipboard has none
    return name.removeprefix("copy_").replace("wl", "wl-copy")


def _far() -> bool:
    """True over SSH without a display."""
    here = os.environ
    return bool(here.get("SSH_TTY")) and not here.get("DISPLAY") and not here.get("WAYLAND_DISPLAY")


def _again(*words: str) -> list[str]:
    """The command line that runs this module's `main`."""
    return own_python.command("lkrshell.system.clipboard", *words)


def _by_terminal(value: str) -> str:
    data = base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()
    sequence = f"\x1b]52;c;{data}\x07"
    if os.environ.get("TMUX"):
        sequence = f"\x1bPtmux;\x1b{sequence}\x1b\\"
    try:
        with open("/dev/tty", "w", encoding="ascii") as terminal:
            terminal.write(sequence)
    except OSError:
        raise LkrError("there is no clipboard here", "use --show") from None
    return "it was sent to your terminal's clipboard (OSC 52), which lkr cannot clear"


def _hash(salt: bytes, value: str) -> str:
    return hashlib.blake2b(value.encode("utf-8", "surrogateescape"), salt=salt).hexdigest()


def main(step: str, seconds: str, change: str = "") -> None:
    """`copy`: the value from standard input. `wait`: `SALT HASH` from there; clears what still has that hash.

    On macOS `clear`: what is still there since the pasteboard's change of that number.
    """
    if step == "clear":
        from lkrshell.system import macos_objects

        time.sleep(int(seconds))
        macos_objects.clear(int(change))
        return
    import pyperclip

    if step == "copy":
        value = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
        pyperclip.copy(value)
        copied = pyperclip.paste() == value  # a tool without a display fails, and pyperclip does not say so
        sys.stdout.write("copied\n" if copied else "lost\n")
        sys.stdout.flush()
        if not copied:
            return
        salt = os.urandom(16)
        reading, writing = os.pipe()
        os.write(writing, f"{salt.hex()} {_hash(salt, value)}\n".encode())
        os.close(writing)
        os.dup2(reading, 0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.execv(sys.executable, _again("wait", seconds))  # noqa: S606
    salt_text, expected = sys.stdin.readline().split()
    time.sleep(int(seconds))
    signal.alarm(2 * _WAIT)  # the display may be gone by now
    if _hash(bytes.fromhex(salt_text), pyperclip.paste()) == expected:
        pyperclip.copy("")
