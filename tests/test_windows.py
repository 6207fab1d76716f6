"""What of lkr runs where Python is as on Windows: no fcntl, pwd or termios, no users and modes, no /proc.

A stand-in on Linux: a copy of the package takes this system for Windows, and what Python does not have there is taken
away. A keyring backend of keyrings.alt stands for the Credential Locker. Windows itself was not run.
"""

import subprocess
import sys
from pathlib import Path

import pytest
import standin

VALUE = "sk-test-0123456789-openai"
# Python's documentation of the modules and of os says "Availability: Unix" of each.
MODULES = "fcntl pwd grp termios resource syslog pty tty"
NAMES = """chown lchown fchmod fchown fork forkpty getuid geteuid getgid getegid getgroups getsid getpgid getpgrp setsid
setuid kill killpg uname mkfifo openpty sched_getaffinity sync statvfs wait waitid O_CLOEXEC O_DIRECTORY O_NOFOLLOW
O_NONBLOCK O_NOCTTY memfd_create get_blocking environb"""
START = """#!{python} -I
import os, socket, sys
import click, filelock, keyring, keyrings.alt.file, platformdirs, subprocess, tempfile  # they ask what they run on
import filelock._unix, types
filelock._unix.os = types.SimpleNamespace(**vars(os))  # on Windows it is another class of theirs that locks
sys.path.insert(0, {site!r})
for name in {modules!r}.split():
    sys.modules[name] = None
for name in {names!r}.split():
    if hasattr(os, name):
        delattr(os, name)
os.supports_dir_fd.clear(); os.supports_follow_symlinks.clear(); os.supports_fd.clear()
del socket.AF_UNIX
"""
MAIN = "from lkrshell.__main__ import main\nsys.exit(main())\n"


class Windows:
    """A user whose lkr takes this system for Windows."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        program = standin.system_package(folder, "win32")
        site = str(program.parent.parent / "site")
        start = START.format(python=sys.executable, site=site, modules=MODULES, names=NAMES)
        program.write_text(start + MAIN)
        self.program, self.start = str(program), start
        self.env = {
            "HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "XDG_CONFIG_HOME": str(self.home / "c"),
            "XDG_DATA_HOME": str(self.home / "d"), "XDG_STATE_HOME": str(self.home / "s"), "LKR_BACKEND": "keyring",
            "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring",
        }  # fmt: skip

    def lkr(self, *words: str, stdin: bytes = b"", code: int = 0, cwd: Path | None = None) -> str:
        done = subprocess.run(
            [self.program, *words], env=self.env, input=stdin, cwd=cwd or self.home, capture_output=True,
            start_new_session=True,
        )  # fmt: skip
        out = (done.stdout + done.stderr).decode()
        assert done.returncode == code, out
        assert "Traceback" not in out
        return out


@pytest.fixture
def windows(tmp_path: Path) -> Windows:
    return Windows(tmp_path)


def test_keys_are_stored_listed_shown_and_given_to_a_command(windows: Windows) -> None:
    windows.lkr("set", "openai:prod", "--stdin", stdin=VALUE.encode())
    assert "openai:prod" in windows.lkr("list")
    assert VALUE in windows.lkr("get", "openai:prod", "--force-plain")
    folder = windows.home / "p"
    folder.mkdir()
    (folder / ".lkr.toml").write_text('version = 1\n[keys]\nOPENAI_API_KEY = "openai:prod"\n')
    windows.lkr("allow", "--yes", cwd=folder)
    assert VALUE in windows.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder)
    windows.lkr("exec", "--", "sh", "-c", "exit 7", cwd=folder, code=7)
    script = windows.home / "mine.py"
    uses = "import lkrshell\nprint(lkrshell.load(), os.environ['OPENAI_API_KEY'])\n"
    script.write_text(f"{windows.start}{uses}with lkrshell.keys() as keys:\n    print(*keys.values())\n")
    out = subprocess.run([sys.executable, "-I", script], env=windows.env, cwd=folder, capture_output=True, text=True)
    assert out.stdout.count(VALUE) == 2, out.stderr
    windows.lkr("rm", "openai:prod", "--yes")
    assert VALUE not in windows.lkr("list")


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["status"], ["policy"], ["audit"], ["use", "--help"]])
def test_what_shows_something_starts(windows: Windows, words: list[str]) -> None:
    windows.lkr(*words)


def test_doctor_says_what_is_there(windows: Windows) -> None:
    windows.lkr("set", "openai:prod", "--stdin", stdin=VALUE.encode())
    report = windows.lkr("doctor", "--report")
    assert "open, 1 key in the index" in report
    assert "failed" not in report.replace("memory      failed: StoreUnreachable", "")
