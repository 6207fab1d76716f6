"""A user's home with an unlocked vault, for the tests that drive the real program."""

import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import forked
import pexpect
import pytest
import vaults
from shells import START, Shell, account, environment, wait_for_question

from lkrshell.core import own_python
from lkrshell.runtime import agents, confirm
from lkrshell.state import memory

if TYPE_CHECKING:
    import bao
    from vendor import Standin

BIN = str(Path(sys.executable).parent)
VALUE = "sk-test-0123456789-openai"
HIDDEN = "[lkr openai:prod]"  # what a coding agent sees instead of VALUE
OTHER = "sk-ant-0123456789-anthropic"
PASSPHRASE = b"a passphrase"


# In the background or under nohup, these signals are ignored, and every program that the tests start would inherit
# that. A handler is not inherited: those programs can be interrupted, and the tests go on.
for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

# And a umask: lkr refuses settings that others may write, as a test's own files were with 002.
os.umask(0o022)

OTHERS = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")

# A coding agent may run the tests. So the users in them do not look at ancestor processes.
UNDER_AGENT = agents.detect({}, agents.ancestors()) is not None


def pytest_collection_finish() -> None:
    """Tells the garbage collector to leave out what exists now, since the tests themselves stay until the end."""
    gc.collect()
    gc.freeze()


class User:
    """A home folder, an environment, and the program."""

    def __init__(self, home: Path, bin_folder: str = BIN) -> None:
        self.home = home
        self.program = f"{bin_folder}/lkr"
        self.env = environment(home, bin_folder)
        if UNDER_AGENT and home.exists():
            self.at_home()
            self.config("")

    def at_home(self) -> None:
        """Makes the home folder that of the account: a coding agent gets nothing from any other home."""
        self.env |= account(self.home)

    def by_agent(self, mark: str = "CLAUDECODE") -> None:
        """Makes a coding agent run lkr from now on, as this variable shows."""
        self.at_home()
        self.env[mark] = "1"

    def below_agent(self, name: str, script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
        """Runs the script below a process with the agent's name. Nothing in the environment shows it."""
        program = self.home / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/bash\n{script}\nexit $?\n")
        program.chmod(0o755)
        return subprocess.run([str(program)], env=self.env, cwd=folder, capture_output=True, text=True, timeout=60)

    def config(self, text: str) -> None:
        """Writes config.toml."""
        folder = self.home / ".config/lkr"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.toml").write_text(("agent_ancestors = false\n" if UNDER_AGENT else "") + text)

    def lkr(self, *words: str, stdin: bytes = b"", cwd: Path | None = None, code: int = 0) -> str:
        """Runs `lkr`, and returns its whole output. Fails when the exit code is not `code`."""
        done = self.run(*words, stdin=stdin, cwd=cwd)
        out = done.stdout
        for line in done.stderr.splitlines(keepends=True):
            out += "" if line.startswith("lkr: no terminal here") else line
        assert done.returncode == code, (words, done.returncode, out)
        assert "Traceback" not in out
        return out

    def python(self, code: str, *words: str, **more: str) -> str:
        """Runs `code` with our package, and returns what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env={**self.env, **more}, cwd=self.home, capture_output=True, text=True, timeout=50,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def git(self, *words: str, cwd: Path | None = None, code: int = 0) -> str:
        """Runs git as somebody who has a name, and returns its whole output. Fails when the exit code is not `code`."""
        own = ("-c", "user.name=me", "-c", "user.email=me@example.org", "-c", "protocol.file.allow=always")
        done = subprocess.run(
            ["git", *own, *words], env=self.env, cwd=cwd or self.home, capture_output=True, text=True, timeout=250
        )
        assert done.returncode == code, (words, done.returncode, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def repository(self) -> Path:
        """Makes an empty git repository."""
        folder = self.home / "p"
        folder.mkdir()
        self.git("init", "-q", "-b", "main", cwd=folder)
        return folder

    def run(
        self, *words: str, stdin: bytes = b"", cwd: Path | None = None, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        """Runs `lkr` without a terminal, and with more variables. `forked` explains how it is started."""
        env = self.env | more
        if self.program == forked.PROGRAM:
            done = forked.lkr(words, env, cwd or self.home, stdin)
        else:
            done = subprocess.run(
                [self.program, *words], input=stdin, env=env, cwd=cwd or self.home, capture_output=True,
                timeout=250, start_new_session=True,
            )  # fmt: skip
        out, err = (each.decode("utf-8", "surrogateescape") for each in (done.stdout, done.stderr))
        return subprocess.CompletedProcess([self.program, *words], done.returncode, out, err)

    def lkr_code(self, *words: str, cwd: Path | None = None) -> int:
        """Runs `lkr`, and returns its exit code."""
        return self.run(*words, cwd=cwd).returncode

    def on_terminal(
        self, *words: str, cwd: Path | None = None, env: dict[str, str] | None = None, columns: int = 200,
        timeout: int = 60,
    ) -> "pexpect.spawn[str]":  # fmt: skip
        """Starts `lkr` on its own terminal. `env` are more variables."""
        may_seal = any(word in vaults.SEALING for word in words[:1]) or not (self.home / _VAULT).exists()
        seals = self.program == forked.PROGRAM and may_seal
        program, *first = vaults.SEALING_CHEAPLY if seals else [self.program]
        return pexpect.spawn(
            program, [*first, *words], env={**self.env, "TERM": "dumb", **(env or {})}, cwd=str(cwd or self.home),
            encoding="utf-8", timeout=timeout, dimensions=(60, columns),
        )  # fmt: skip

    def typed(self, *words: str, answer: str = "y", code: int = 0, cwd: Path | None = None) -> str:
        """Runs `lkr` on its own terminal and types the answer to its question. Returns what was on the screen."""
        child = self.on_terminal(*words, cwd=cwd, columns=300, timeout=30)
        child.expect(r"\[y/N\]:? ")
        screen = str(child.before) + str(child.after)
        wait_for_question(child)
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        screen += str(child.before)
        assert child.exitstatus == code, (words, child.exitstatus, screen)
        return screen

    def project(
        self, name: str, keys: str = 'OPENAI_API_KEY = "openai:prod"', allow: bool = True, top: str = ""
    ) -> Path:
        """Makes a folder with a manifest, and allows it."""
        folder = self.home / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lkr.toml").write_text(f"version = 1\n{top}\n[keys]\n{keys}\n")
        if allow:
            self.lkr("allow", "--yes", str(folder))
        return folder


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for all processes that run tests at the same time."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session", autouse=True)
def _helper(shared_folder: Path) -> Iterator[None]:
    forked.remember_in(shared_folder)
    yield
    forked.stop()


class Template:
    """A home with a vault, to copy. Each copy gets its own identity, so that locking one locks no other."""

    def __init__(self, home: Path) -> None:
        self.home = home
        name = "lkr:" + (home / _VAULT / "recipient").read_text().strip()
        with _as_in(home):
            kept = memory.get(name)
            memory.forget(name)
        assert kept, "unlock kept it"
        self._deadline, _, identity = kept.partition(b"\n")
        self._identity = identity.decode()

    @contextmanager
    def copied(self, home: Path) -> Iterator[User]:
        """Yields a user with a copy of this home and an open vault. Nothing of it stays in the kernel's keyring."""
        shutil.copytree(self.home, home)
        identity = vaults.give_own_identity(home / _VAULT, self._identity, PASSPHRASE)
        names = [_kernel_name(home)]
        with _as_in(home):
            confirm.forget()  # another root may have used this path and our kernel's keyring
            memory.put(names[0], self._deadline + b"\n" + identity.encode(), 12 * 60 * 60)
        yield User(home)
        try:
            names.append(_kernel_name(home))  # after a rekey there is a new one
        except OSError:
            pass
        with _as_in(home):
            confirm.forget()
            for name in names:
                memory.forget(name)


_VAULT = ".local/share/lkr/vault"


def _kernel_name(home: Path) -> str:
    return "lkr:" + (home / _VAULT / "recipient").read_text().strip()


@contextmanager
def _as_in(home: Path) -> Iterator[None]:
    """Makes lkr's functions use this home and no other folder, and no kernel keyring, as the users' programs do."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
            patch.delenv(name, raising=False)
        patch.setenv("HOME", str(home))
        yield


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A home with a vault that holds two keys. Made once, since sealing it with a passphrase takes a second."""
    user = User(tmp_path_factory.mktemp("template"))
    user.lkr("unlock", "--stdin", stdin=PASSPHRASE + b"\n")
    user.lkr("set", "openai:prod", "--stdin", stdin=VALUE.encode())
    user.lkr("set", "anthropic:main", "--stdin", stdin=OTHER.encode())
    # Without this folder, the first fish with a configuration reads every manual page in the background.
    (user.home / ".local/share/fish/generated_completions").mkdir(parents=True)
    return Template(user.home)


@pytest.fixture(scope="session")
def prices() -> bytes:
    """What a broker keeps of the vendors' prices. Reading them takes it a quarter of a second."""
    return subprocess.run(own_python.command("lkrshell.broker.price_table"), env={}, stdout=-1, check=True).stdout


@pytest.fixture
def user(template: Template, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[User]:
    """A user with openai:prod and anthropic:main in an unlocked vault; and for tests with a vendor, with its prices."""
    with template.copied(tmp_path / "home") as user:
        home = user.home
        if "standin" in request.fixturenames:
            file = home / ".local/state/lkr/prices.json"
            file.touch(0o600)
            file.write_bytes(request.getfixturevalue("prices"))
        yield user
        if (home / ".local/state/lkr/broker-port").exists():  # even when the test changed the environment
            kept = {name: user.env[name] for name in ("XDG_RUNTIME_DIR",) if name in user.env}
            env = {**environment(home, BIN), **kept}
            forked.lkr(("broker", "stop"), env, home)


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Standin]":
    """A vendor on loopback, for the tests of the broker."""
    from vendor import Standin

    standin = Standin(tmp_path_factory.mktemp("vendor"))
    yield standin
    standin.close()


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[bao.Server]":
    """A real OpenBao server in dev mode."""
    import bao

    server = bao.dev(tmp_path_factory.mktemp("openbao"))
    yield server
    server.stop()


@pytest.fixture
def team(openbao: "bao.Server") -> "bao.Team":
    """A key engine for only one test."""
    import bao

    return bao.Team(openbao, f"kv-{os.urandom(6).hex()}")


@pytest.fixture(params=START)
def open_shell(request: pytest.FixtureRequest, user: User) -> Iterator[Callable[..., Shell]]:
    """Opens hooked interactive shells of each kind; closes them afterwards."""
    opened: list[Shell] = []

    def start(hook: bool = True, folder: Path | None = None, **more: str) -> Shell:
        opened.append(Shell(str(request.param), {**user.env, **more}, folder or user.home, hook))
        return opened[-1]

    yield start
    for shell in opened:
        shell.close()
