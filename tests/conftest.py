"""A user's home with an unlocked vault, for the tests that drive the real program."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from shells import Shell, environment

from lkrshell.runtime import agents, confirm
from lkrshell.state import memory

BIN = str(Path(sys.executable).parent)
VALUE = "sk-test-0123456789-openai"
OTHER = "sk-ant-0123456789-anthropic"


# Whoever starts the tests in the background or by nohup has these ignored, and what is ignored stays so in each program
# that the tests start. A handler does not: those programs hear Ctrl-C, and the tests themselves go on.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

# Who runs the tests may be a coding agent: then the users in them do not look at ancestor processes.
UNDER_AGENT = agents.detect({}, agents.ancestors()) is not None


class User:
    """A home folder, an environment, and the program."""

    def __init__(self, home: Path, bin_folder: str = BIN) -> None:
        self.home = home
        self.program = f"{bin_folder}/lkr"
        self.env = environment(home, bin_folder)
        if UNDER_AGENT and home.exists():
            self.config("")

    def config(self, text: str) -> None:
        """Writes config.toml."""
        folder = self.home / ".config/lkr"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(("agent_ancestors = false\n" if UNDER_AGENT else "") + text)

    def lkr(self, *words: str, stdin: bytes = b"", cwd: Path | None = None, code: int = 0) -> str:
        """Runs `lkr`; its whole output. Fails when the exit code is not `code`."""
        done = subprocess.run(
            [self.program, *words],
            input=stdin,
            env=self.env,
            cwd=cwd or self.home,
            capture_output=True,
            timeout=250,
            start_new_session=True,  # who runs the tests may have a terminal, which lkr would ask
        )
        out = done.stdout.decode("utf-8", "surrogateescape")
        for line in done.stderr.decode("utf-8", "surrogateescape").splitlines(keepends=True):
            out += "" if line.startswith("lkr: no terminal here") else line
        assert done.returncode == code, (words, done.returncode, out)
        assert "Traceback" not in out
        return out

    def on_terminal(
        self, *words: str, cwd: Path | None = None, env: dict[str, str] | None = None, columns: int = 200,
        timeout: int = 60,
    ) -> "pexpect.spawn[str]":  # fmt: skip
        """Starts `lkr` on a terminal of its own. `env` are more variables."""
        return pexpect.spawn(
            self.program, list(words), env={**self.env, "TERM": "dumb", **(env or {})}, cwd=str(cwd or self.home),
            encoding="utf-8", timeout=timeout, dimensions=(60, columns),
        )  # fmt: skip

    def typed(self, *words: str, answer: str = "y", code: int = 0, cwd: Path | None = None) -> str:
        """Runs `lkr` on a terminal of its own and types the answer to its question; what was on the screen."""
        child = self.on_terminal(*words, cwd=cwd, columns=300, timeout=30)
        child.expect(r"\[y/N\]:? ")
        screen = str(child.before) + str(child.after)
        time.sleep(0.3)  # what is typed before the question is thrown away
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        screen += str(child.before)
        assert child.exitstatus == code, (words, child.exitstatus, screen)
        return screen

    def project(
        self, name: str, keys: str = 'OPENAI_API_KEY = "openai:prod"', allow: bool = True, top: str = ""
    ) -> Path:
        """A folder with a manifest, allowed."""
        folder = self.home / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lkr.toml").write_text(f"version = 1\n{top}\n[keys]\n{keys}\n")
        if allow:
            self.lkr("allow", "--yes", str(folder))
        return folder


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a vault that holds two keys; made once, since a passphrase takes a second."""
    user = User(tmp_path_factory.mktemp("template"))
    user.lkr("unlock", "--stdin", stdin=b"a passphrase\n")
    user.lkr("set", "openai:prod", "--stdin", stdin=VALUE.encode())
    user.lkr("set", "anthropic:main", "--stdin", stdin=OTHER.encode())
    return user.home


@pytest.fixture(scope="session")
def opened(template: Path) -> Callable[[], None]:
    """Opens the template's vault anew. Its copies have its identity, so one test could lock the next one out."""
    name = "lkr:" + (template / ".local/share/lkr/vault/recipient").read_text().strip()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("XDG_RUNTIME_DIR", raising=False)  # as for the users, where the kernel keeps nothing
        identity = memory.get(name)
    assert identity, "unlock kept it"

    def put() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("XDG_RUNTIME_DIR", raising=False)
            memory.put(name, identity, 12 * 60 * 60)

    return put


@pytest.fixture
def user(template: Path, opened: Callable[[], None], tmp_path: Path) -> Iterator[User]:
    """A user with openai:prod and anthropic:main in an unlocked vault."""
    home = tmp_path / "home"
    shutil.copytree(template, home)
    opened()
    user = User(home)
    # Another root, where this path was in use before, shares our kernel's keyring: it may hold a confirmation.
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(home))
        confirm.forget()
    yield user
    if (home / ".local/state/lkr/broker-port").exists():  # whatever the test made of the environment
        kept = {name: user.env[name] for name in ("XDG_RUNTIME_DIR",) if name in user.env}
        subprocess.run([user.program, "broker", "stop"], env={**environment(home, BIN), **kept}, capture_output=True)


@pytest.fixture(params=["bash", "zsh", "fish"])
def open_shell(request: pytest.FixtureRequest, user: User) -> Iterator[Callable[..., Shell]]:
    """Opens hooked interactive shells of each kind; closes them afterwards."""
    opened: list[Shell] = []

    def start(hook: bool = True, folder: Path | None = None, **more: str) -> Shell:
        opened.append(Shell(str(request.param), {**user.env, **more}, folder or user.home, hook))
        return opened[-1]

    yield start
    for shell in opened:
        shell.close()
