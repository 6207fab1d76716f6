"""The clipboard: a value goes in, and after a while a process of its own takes it out, if it is still there.

The value travels by standard input only. That process gets a salted hash, the same way; it outlives the terminal.
"""

import base64
import hashlib
import os
import subprocess
import sys
import time

from lkrshell.errors import LkrError


def copy(value: str, seconds: int) -> str:
    """Puts `value` there and starts the process that clears it; says in words what will happen.

    Over SSH without a display, the terminal's own clipboard by OSC 52, which nobody can read back to clear.
    LkrError when there is no clipboard.
    """
    import pyperclip

    if os.environ.get("SSH_TTY") and not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        return _by_terminal(value)
    try:
        pyperclip.copy(value)
    except (pyperclip.PyperclipException, OSError, subprocess.SubprocessError):
        hint = "install wl-clipboard, xclip or xsel, or use --show"
        raise LkrError("there is no clipboard here", hint) from None
    salt = os.urandom(16)
    child = subprocess.Popen(
        [sys.executable, "-m", "lkrshell.clipboard"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True, cwd="/" if os.name == "posix" else None,
    )  # fmt: skip
    assert child.stdin  # noqa: S101
    child.stdin.write(f"{seconds} {salt.hex()} {_hash(salt, value)}\n".encode())
    child.stdin.close()
    return f"it is in the clipboard for {seconds} s"


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


def main() -> None:
    """The process that clears: reads `SECONDS SALT HASH`, waits, and clears what still has that hash."""
    import pyperclip

    seconds, salt, expected = sys.stdin.readline().split()
    time.sleep(int(seconds))
    if _hash(bytes.fromhex(salt), pyperclip.paste()) == expected:
        pyperclip.copy("")


if __name__ == "__main__":
    main()
