"""Real shells in pseudo-terminals, driven by the tests."""

import functools
import hashlib
import os
import re
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import forked
import pexpect

START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "-N", "-i"],
}
HOOK = {
    "bash": 'eval "$(lkr hook bash)"',
    "zsh": 'eval "$(lkr hook zsh)"',
    "fish": "lkr hook fish | source",
}
RC = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}


# What a shell sends only for its terminal: colors, keyboard modes, marks of prompts and output.
_OF_A_SHELL = re.compile(r"\x1b(?:[=>]|\[[<=>?]?[0-9;]*[a-zA-Z]|[()][0-9A-Z]|\](?:7|133);[^\x07\x1b]*(?:\x07|\x1b\\))")
_FOLDER = tempfile.TemporaryDirectory(prefix="lkr-hooks-")
_BREW = ["/opt/homebrew/bin"] if sys.platform == "darwin" else []


def wait_until(condition: Callable[[], object]) -> None:
    """Waits for another program, without a time limit of its own: on a busy machine, elapsed time proves nothing. A
    condition that takes long is asked less often, and leaves the machine to the other tests."""
    end = time.monotonic() + 60
    while (start := time.monotonic()) < end:
        if condition():
            return
        time.sleep(max(0.02, min(0.5, 3 * (time.monotonic() - start))))
    raise AssertionError("it never came")


def is_idle(pid: int) -> bool:
    """True for a program that waits for a line: it sleeps, and has no child, for some time."""
    for _ in range(3):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if state != "S" or Path(f"/proc/{pid}/task/{pid}/children").read_text():
            return False
        time.sleep(0.02)
    return True


def wait_for_question(child: "pexpect.spawn[str]") -> None:
    """Waits until the program reads the answer to its question. What is typed before the question is discarded."""
    if sys.platform == "darwin":
        time.sleep(0.3)
    else:
        wait_until(lambda: is_idle(child.pid))


def cpu_seconds(pid: int) -> float:
    """Returns the processor time of the process, which does not depend on how busy the machine is."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _saved_hook(shell: str, env: dict[str, str]) -> str:
    """Writes what `lkr hook` prints in this environment to a file. Returns its path."""
    done = forked.lkr(("hook", shell), env, Path("/"))
    assert (done.returncode, done.stderr) == (0, b""), done
    path = os.path.join(_FOLDER.name, hashlib.sha256(done.stdout).hexdigest()[:16])
    Path(path).write_bytes(done.stdout)
    return path


class Shell:
    """One interactive shell. `run` types a line and returns the output."""

    def __init__(
        self, shell: str, env: dict[str, str], folder: Path, hook: bool = True, words: list[str] | None = None
    ) -> None:
        self.shell = shell
        self.log = ""
        home = {**env, "TERM": "dumb", "PS1": "$ ", "fish_greeting": "", "PWD": str(folder)}
        command, *arguments = words or START[shell]
        self.child = pexpect.spawn(
            command, arguments, env=home, cwd=str(folder), encoding="utf-8", codec_errors="surrogateescape",
            timeout=60, dimensions=(60, 300), echo=False,
        )  # fmt: skip
        # without pexpect's pauses: a busy shell keeps what was typed, and a closed one prints nothing
        self.child.delaybeforesend = None
        self.child.ptyproc.delayafterclose = self.child.ptyproc.delayafterterminate = 0.02
        if shell == "zsh":
            # zsh turns the terminal's echo on, and an echo could end up in the middle of what a command prints
            self.child.sendline("unsetopt zle prompt_sp prompt_cr; PS1='$ '; stty -echo; echo zle''off")
            self.child.expect("zleoff\r?\n")  # before that, zsh's line editor would handle what we type
            self.log += str(self.child.before)
        if shell == "fish":
            self.child.sendline("function fish_prompt; echo '$ '; end; function fish_title; end")
        self.run(":")
        if shell == "fish":
            self.log = ""  # from 4.0 on, fish has set its first title by now, on any terminal
        if hook:
            saved = _saved_hook(shell, env)
            self.run(f"source {saved}" if shell == "fish" else f'eval "$(cat {saved})"')

    def run(self, line: str) -> str:
        """Types `line`, and returns everything up to the next prompt, including the hook's messages."""
        self.child.sendline(line)
        mark = uuid.uuid4().hex[:12]
        self.child.sendline(f"echo {mark[:6]}''{mark[6:]}")
        self.child.expect(rf"(?<!'){mark}\r?\n")
        out = str(self.child.before)
        self.log += out
        out = re.sub(r"\u23ce? *\r", "", out)
        lines = [_OF_A_SHELL.sub("", each.rstrip("\r")) for each in out.split("\n")]
        return "\n".join(each for each in lines if f"{mark[:6]}''" not in each)

    def value(self, variable: str) -> str | None:
        """Returns the variable as a program started by the shell sees it; None when it is not set."""
        out = self.run(f'sh -c \'echo "<"; printenv {variable} | od -An -v -tx1; echo ">"\'')
        found = re.findall(r"<\n([0-9a-f\s]*)>", out)
        assert found, out
        value = bytes.fromhex(found[-1])
        return value[:-1].decode("utf-8", "surrogateescape") if value else None  # printenv adds a line break

    def close(self) -> None:
        try:
            self.child.close(force=True)
        except pexpect.ExceptionPexpect:  # it was killed, and a busy machine has not ended it yet
            self.child.ptyproc.delayafterterminate = 10
            self.child.close(force=True)


@functools.cache
def _has_nss_wrapper() -> bool:
    return next(Path("/usr").glob("lib*/**/libnss_wrapper.so"), None) is not None


def account(home: Path) -> dict[str, str]:
    """Returns variables that make `home` the account's home folder, through libnss-wrapper."""
    assert _has_nss_wrapper(), "libnss-wrapper is not installed: make tools"
    passwd, group = home / ".passwd", home / ".group"
    passwd.write_text(f"me:x:{os.getuid()}:{os.getgid()}::{home}:/bin/sh\n")
    group.write_text(f"me:x:{os.getgid()}:\n")
    return {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_PASSWD": str(passwd), "NSS_WRAPPER_GROUP": str(group)}


def environment(home: Path, bin_folder: str) -> dict[str, str]:
    """Returns a user's environment, with nothing of ours but the program on PATH."""
    return {
        "HOME": str(home),
        # on macOS the first two are Homebrew's, because macOS's own bash is 3.2
        "PATH": os.pathsep.join([bin_folder, *_BREW, "/usr/local/bin", "/usr/bin", "/bin"]),
        "LANG": "C.UTF-8",
        "LKR_BACKEND": "vault",
    }
