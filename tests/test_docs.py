"""The commands in docs/ and in README's Install run: every `sh` block, in order, in a real bash on a terminal."""

import json
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
PAGES = sorted(str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md"))
LINKED = re.compile(r"\]\(([\w./-]*)(#[\w-]+)?\)")
# What a page must have shown, beyond every command's success.
SHOWS = {
    "onboarding.md": ["not allowed", "lkr: +OPENAI_API_KEY (openai:mine)"],
    "prompt.md": ["\nopenai:prod\r\n"],
    "ci.md": [" -- validation done"],
    "stores.md": ['"value"'],
    "direnv.md": ["direnv holds OPENAI_API_KEY"],
    "agents.md": ["an agent sees no key"],
    "ssh.md": ["the program has 25 characters"],
    "moving.md": [
        "GROQ_API_KEY → groq:main (new)",
        "mistral:main (new)",
        "\n# GROQ_API_KEY= moved to lkr: groq:main\r",
    ],
}
PYTHON_SHOWS = {
    "python.md": [
        "{'OPENAI_API_KEY': 'openai:prod', 'ANTHROPIC_API_KEY': 'anthropic:main'}",
        "Secret('****')",
        "lkr init",
    ],
}
PASSPHRASE = "a passphrase"  # the fixture's
ASKS = {r"\[(?:y/N|Y/n)\]: $": "y", r"alue[^\n\[]*: $": VALUE, r"(?:assphrase|peat)[^\n]*: $": PASSPHRASE}


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


RUN_PYTHON = """
import json, os, sys
before = dict(os.environ)
for block in json.load(sys.stdin):
    exec(block, {"__name__": "__main__"})
    os.environ.clear()
    os.environ.update(before)
"""


def python_blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)


@pytest.mark.parametrize("name", [name for name in PAGES if python_blocks((ROOT / "docs" / name).read_text())])
def test_every_python_block_of_the_page_runs(user: User, name: str) -> None:
    """In a project with the keys openai:prod and anthropic:main, and the profile `staging`."""
    both = 'OPENAI_API_KEY = "openai:prod"\nANTHROPIC_API_KEY = "anthropic:main"'
    folder = user.project("p", f'{both}\n[profiles.staging.keys]\nOPENAI_API_KEY = "openai:prod"')
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN_PYTHON], env=user.env, cwd=folder, capture_output=True, text=True,
        input=json.dumps(python_blocks((ROOT / "docs" / name).read_text())), timeout=250,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "sk-" not in done.stdout + done.stderr
    for text in PYTHON_SHOWS.get(name, []):
        assert text in done.stdout, done.stdout


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


@pytest.mark.parametrize("installer", ["pipx", "uv tool"])
def test_the_readme_s_install_commands_set_up_a_project_when_pasted(user: User, tmp_path: Path, installer: str) -> None:
    """In a home with nothing in it but a project whose .env holds a key."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for program in ("pipx", "uv"):
        (tools / program).symlink_to(f"{BIN}/{program}")
    (tmp_path / "fresh").mkdir()
    fresh = User(tmp_path / "fresh")
    fresh.env["PATH"] = f"{fresh.home}/.local/bin:{tools}" + fresh.env["PATH"].removeprefix(BIN)
    fresh.env |= {"SHELL": "/bin/bash", "UV_PYTHON": sys.executable, "PIPX_DEFAULT_PYTHON": sys.executable}
    for name, value in os.environ.items():  # how this machine reaches a package index
        if name.startswith(("PIP_", "UV_", "SSL_", "REQUESTS_")) or name.lower().endswith("_proxy"):
            fresh.env.setdefault(name, value)
    (fresh.home / ".bashrc").write_text("PS1='<$?>> '; bind 'set enable-bracketed-paste off'\n")
    (fresh.home / "project").mkdir()
    (fresh.home / "project/.env").write_text(f"OPENAI_API_KEY={VALUE}\n")
    text = (ROOT / "README.md").read_text()
    install = text[text.index("\n## Install") : text.index("\n## How it compares")]
    assert "uv tool install ." in install
    terminal = Terminal(fresh, ROOT, hook=False)
    out = ""
    for block in blocks(install):
        for command in commands(block):
            out += terminal.run(command.replace("pipx install", f"{installer} install"))
    assert "lkr: +OPENAI_API_KEY (openai:main)" in out
    assert "lkr: -OPENAI_API_KEY" in terminal.run("cd ..")
    terminal.child.close(force=True)


def test_the_pictures_show_what_is_reported_today(tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "docs/pictures"))
    import make

    make.main(tmp_path)
    drawn = (ROOT / "docs/pictures" / make.NAME).read_text()
    assert make.shown((tmp_path / make.NAME).read_text()) == make.shown(drawn), "run make pictures"


def test_the_picture_needs_nothing_from_outside_and_stands_still_when_asked_to() -> None:
    """GitHub shows it as an image: no script runs, and nothing is fetched."""
    drawn = (ROOT / "docs/pictures/tour.svg").read_text()
    assert len(drawn.encode()) < 150_000
    assert "<script" not in drawn and "@font-face" not in drawn
    assert re.findall(r"(?:href|src)=|url\((?!#)|@import", drawn) == []
    assert "prefers-reduced-motion" in drawn
    assert "<title>" in drawn


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {"#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ["README.md", "SECURITY.md", "CONTRIBUTING.md", *(f"docs/{name}" for name in PAGES)])
def test_no_link_between_the_pages_is_broken(page: str) -> None:
    path = ROOT / page
    for target, anchor in LINKED.findall(path.read_text()):
        linked = path.parent / target if target else path
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target + anchor


def test_the_list_of_pages_is_whole() -> None:
    listed = {target for target, _ in LINKED.findall((ROOT / "docs/README.md").read_text())}
    assert sorted({*listed, "README.md"}) == PAGES


def test_the_page_of_commands_has_them_all() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    assert [command for command in COMMANDS if not re.search(rf"`lkr {command}[` ]", text)] == []
