"""Copies a value to the clipboard. Another process clears it after a while, if it is still there.

That process has its own session, so it and the program that serves an X11 clipboard outlive the terminal. It gets the
value through standard input. After copying it, it becomes a fresh process that knows only a salted hash. On macOS this
process copies the value itself, marked as concealed, and the other process knows only the number of that change.
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

_WAIT = 5  # seconds for the tool: a display that has gone away never answers
_LATE = 2  # seconds after the tool has ended


def copy(value: str, seconds: int) -> str:
    """Copies `value` and starts the process that clears it. Returns a sentence that says what will happen.

    Over SSH without a display, it uses the terminal's clipboard through OSC 52, which lkr cannot clear. LkrError if
    there is no clipboard.
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
        os.killpg(child.pid, signal.SIGKILL)  # also the tool that it waits for
        child.wait()
        raise LkrError("the clipboard does not answer", "check that the display in DISPLAY still exists, or use --show")
    if (answer := child.stdout.readline()) != b"copied\n":
        raise _problem(answer)
    return f"it is in the clipboard for {seconds} s"


def _start_later(*words: str) -> None:
    """Starts this module in a process that outlives the terminal, without waiting for it."""
    subprocess.Popen(
        _again(*words), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


def _problem(answer: bytes) -> LkrError:
    """Why nothing was copied: there is no display, the display cannot be reached, or there is no tool for it."""
    here = os.environ
    display = here.get("WAYLAND_DISPLAY") or here.get("DISPLAY", "")
    if platform.LINUX and not display:
        return LkrError("there is no clipboard here, since there is no display", "use --show")
    if answer == b"lost\n":
        return LkrError("nothing reached the clipboard", f"is there a display {show(display)}? Or use --show")
    package = "wl-clipboard" if here.get("WAYLAND_DISPLAY") else "xclip or xsel"
    return LkrError("there is no clipboard tool here", f"install {package}, or use --show")


def tool() -> str:
    """The name of the tool that `copy` would use; empty if there is none. The display in `DISPLAY` may still be
    unreachable."""
    if _far():
        return "the terminal's own, by OSC 52"
    if platform.DARWIN:
        return "the pasteboard"
    import pyperclip

    function = pyperclip.determine_clipboard()[0]
    name: str = getattr(function, "__name__", "")  # empty when there is no clipboard
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


def _arrives(value: str) -> bool:
    """Waits until `value` is in the clipboard: xclip ends before it owns the clipboard. False when it does not come in
    time. Without a display, the tool fails, but pyperclip does not report that."""
    import pyperclip

    end = time.monotonic() + _LATE
    while pyperclip.paste() != value:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def main(step: str, seconds: str, change: str = "") -> None:
    """`copy`: copies the value from standard input. `wait`: reads `SALT HASH`, and clears a value that still has that
    hash.

    `clear`, on macOS: clears the pasteboard unless it has changed since the change with this number.
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
        sys.stdout.write("copied\n" if _arrives(value) else "lost\n")
        sys.stdout.flush()
        # also after "lost": on a busy machine, the value may arrive later, and has to leave again
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
