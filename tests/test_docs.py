"""The commands in docs/ and the README's first ones run: every `sh` block, in order, in a real bash on a terminal."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from conftest import BIN, User

from lkrshell.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
VALUE = "sk-proj-typed-by-hand-0123456789"
PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
LINKED = re.compile(r"\]\(([\w./-]+)\)")
# What a page must have shown, beyond every command's success.
SHOWS = {
    "onboarding.md": ["not allowed", "lkr: +OPENAI_API_KEY (openai:mine)"],
    "prompt.md": ["\nopenai:prod\r\n"],
    "ci.md": [" -- validation done"],
    "stores.md": ['"value"'],
    "direnv.md": ["direnv holds OPENAI_API_KEY"],
    "agents.md": ["an agent sees no key"],
    "ssh.md": ["the program has 25 characters"],
    "moving.md": ["GROQ_API_KEY → groq:main (new)", "mistral:main (new)", "\n# GROQ_API_KEY= moved to lkr: groq:main\r"],
}
PASSPHRASE = "a passphrase"  # the fixture's
ASKS = {r"\[y/N\]: $": "y", r"alue[^\n]*: $": VALUE, r"(?:assphrase|peat)[^\n]*: $": PASSPHRASE}


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)


def commands(block: str) -> Iterator[str]:
    """The block's commands: a line each, or as many lines as bash needs to see the end of one."""
    command = ""
    for line in block.splitlines(keepends=True):
        command += line
        if not subprocess.run(["bash", "-n"], input=command, capture_output=True, text=True).stderr:
            yield command
            command = ""
    assert not command, command


class Terminal:
    """A bash on a terminal that tells each command's exit code; answers what lkr asks."""

    def __init__(self, user: User, folder: Path, hook: bool = True) -> None:
        env = {**user.env, "TERM": "dumb", "PS1": "<$?>> ", "PS2": ""}
        self.child = pexpect.spawn(
            "bash", ["--norc", "--noprofile"], env=env, cwd=str(folder), encoding="utf-8", timeout=100, echo=False,
            dimensions=(60, 400),
        )  # fmt: skip
        self.child.expect(r"<0>> $")
        self.run("bind 'set enable-bracketed-paste off'; shopt -s expand_aliases")
        if hook:
            self.run('eval "$(lkr hook bash)"')

    def run(self, command: str) -> str:
        self.child.send(command.rstrip("\n") + "\n")
        out = "\n"
        while True:
            which = self.child.expect([r"<(\d+)>> $", *ASKS])
            out += str(self.child.before)
            if which == 0:
                assert self.child.after == "<0>> ", (command, out)
                assert VALUE not in out
                return out
            self.child.send(list(ASKS.values())[which - 1] + "\n")


def nothing(user: User) -> None:
    pass


def pass_store(user: User) -> None:
    user.env["GNUPGHOME"] = str(user.home.parent / "g")
    Path(user.env["GNUPGHOME"]).mkdir(mode=0o700)
    for command, text in (
        (["gpg", "--batch", "--passphrase", "", "--quick-gen-key", "me@example.org"], b""),
        (["pass", "init", "me@example.org"], b""),
        (["pass", "insert", "-m", "llm/mistral"], b"example0123456789abcdefghijklmnop\n"),
    ):
        subprocess.run(command, env=user.env, input=text, check=True, capture_output=True)


def git_identity(user: User) -> None:
    (user.home / ".gitconfig").write_text("[user]\nname = Me\nemail = me@example.org\n")


def ci_secret(user: User) -> None:
    user.env["CI_SECRET_OPENAI"] = "sk-proj-from-ci-0123456789"


def ssh_server(user: User) -> None:
    """An sshd on the loopback interface whose logins live in the user's home; `ssh` on PATH knows it as `server`."""
    folder = user.home / "ssh"
    folder.mkdir(mode=0o700)
    for name in ("host", "me"):
        subprocess.run(["ssh-keygen", "-q", "-N", "", "-t", "ed25519", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "me.pub", folder / "authorized")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    login = " ".join(f"{name}={user.env[name]}" for name in ("HOME", "PATH", "LANG", "LKR_BACKEND"))
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\nUsePAM no\n"
        f"StrictModes no\nPidFile {folder}/pid\nPermitRootLogin prohibit-password\nSetEnv {login}\n"
        "Subsystem sftp internal-sftp\n"
    )
    (folder / "config").write_text(
        f"Host server\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {folder}/me\n  StrictHostKeyChecking no\n"
        f"  UserKnownHostsFile {folder}/known\n  LogLevel ERROR\n"
    )
    for program in ("ssh", "scp"):
        (folder / program).write_text(f'#!/bin/sh\nexec /usr/bin/{program} -F {folder}/config "$@"\n')
        (folder / program).chmod(0o755)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    subprocess.run(["/usr/sbin/sshd", "-f", str(folder / "sshd_config")], check=True)
    for _ in range(100):
        if (folder / "pid").exists():
            break
        time.sleep(0.05)
    user.env["PATH"] = f"{folder}:{user.env['PATH']}"


BEFORE: dict[str, Callable[[User], None]] = {
    "moving.md": pass_store, "onboarding.md": git_identity, "ci.md": ci_secret, "ssh.md": ssh_server,
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PAGES if blocks((ROOT / "docs" / name).read_text())])
def test_every_command_of_the_page_runs(user: User, name: str) -> None:
    BEFORE.get(name, nothing)(user)
    try:
        terminal = Terminal(user, user.home)
        out = "".join(
            terminal.run(command) for block in blocks((ROOT / "docs" / name).read_text()) for command in commands(block)
        )
        terminal.child.close(force=True)
        for text in SHOWS.get(name, []):
            assert text in out, out
    finally:
        if (pid := user.home / "ssh/pid").exists():
            os.kill(int(pid.read_text()), signal.SIGTERM)
        if "GNUPGHOME" in user.env:
            subprocess.run(["gpgconf", "--kill", "all"], env=user.env, check=True)


def test_the_commands_of_the_readme_s_first_screen_run(user: User, tmp_path: Path) -> None:
    """In a home with nothing in it, from the checkout; `make` is what runs this test, and CI runs `make try`."""
    fresh = User(tmp_path / "fresh")
    fresh.home.mkdir()
    fresh = User(fresh.home)
    fresh.env["PATH"] = fresh.env["PATH"].removeprefix(BIN + ":")
    text = (ROOT / "README.md").read_text()
    start = text[text.index("\n## 30 seconds") :]
    terminal = Terminal(fresh, ROOT, hook=False)
    out = ""
    for block in blocks(start[: start.index("\n## ", 5)]):
        for command in commands(block):
            if not command.startswith("make "):
                out += terminal.run(command)
    assert "lkr: +OPENAI_API_KEY (openai:prod)" in out
    assert "lkr: -OPENAI_API_KEY" in out
    terminal.child.close(force=True)


def test_the_pictures_show_what_is_said_today(tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "docs/pictures"))
    import make

    make.main(tmp_path)
    for picture in (ROOT / "docs/pictures").glob("*.svg"):
        assert make.shown((tmp_path / picture.name).read_text()) == make.shown(picture.read_text()), "run make pictures"


@pytest.mark.parametrize("page", ["README.md", "SECURITY.md", *(f"docs/{name}" for name in PAGES)])
def test_no_link_between_the_pages_is_broken(page: str) -> None:
    path = ROOT / page
    for target in LINKED.findall(path.read_text()):
        assert (path.parent / target).exists(), target


def test_the_list_of_pages_is_whole() -> None:
    listed = LINKED.findall((ROOT / "docs/README.md").read_text())
    assert sorted({*listed, "README.md"}) == PAGES


def test_the_page_of_commands_has_them_all() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    assert [command for command in COMMANDS if not re.search(rf"`lkr {command}[` ]", text)] == []
