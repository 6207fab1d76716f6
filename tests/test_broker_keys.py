"""Virtual keys as their users see them: in shells, commands and agents, with the real broker and a vendor of our own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BIN, OTHER, VALUE, User
from shells import Shell
from standin import Standin

CALL = """
import http.client, json, os, sys
key, base = os.environ.get("OPENAI_API_KEY", ""), os.environ["OPENAI_BASE_URL"]
connection = http.client.HTTPConnection(base.split("/")[2], timeout=30)
body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]})
headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
connection.request("POST", "/openai/v1/chat/completions", body, headers)
answer = connection.getresponse()
print(answer.status, answer.getheader("x-lkr-error"), answer.read().decode())
"""
FOR_ALL = 'version = 1\nvia = "broker"\n[keys]\nOPENAI_API_KEY = "openai:prod"\nANTHROPIC_API_KEY = "anthropic:main"\n'


class Brokered:
    """A user whose broker reaches a vendor of our own, with a project whose keys come by the broker."""

    def __init__(self, user: User, vendor: Standin, folder: Path) -> None:
        self.user, self.vendor = user, vendor
        self.call = folder / "call.py"
        self.call.write_text(CALL)
        self.config("")
        self.project = self.make("p", FOR_ALL)

    def config(self, text: str) -> None:
        urls = "".join(f'{each} = "{self.vendor.url}"\n' for each in ("openai", "anthropic"))
        self.user.config(f'{text}\n[broker]\nca = "{self.vendor.ca}"\n[broker.upstream]\n{urls}')

    def make(self, name: str, manifest: str) -> Path:
        folder = self.user.home / name
        folder.mkdir()
        (folder / ".lkr.toml").write_text(manifest)
        self.user.lkr("allow", "--yes", str(folder))
        return folder

    def exec(self, *words: str, code: int = 0, options: tuple[str, ...] = (), cwd: Path | None = None) -> str:
        return self.user.lkr("exec", *options, "--", *words, cwd=cwd or self.project, code=code)

    def called(self, env: dict[str, str], prefix: tuple[str, ...] = ()) -> str:
        """One request by a process of ours with the variables of `env`; status, error code and text."""
        done = subprocess.run(
            [*prefix, sys.executable, str(self.call)], env={**self.user.env, **env}, capture_output=True, text=True,
            timeout=60,
        )  # fmt: skip
        return done.stdout + done.stderr

    def state(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.user.lkr("broker", "--json"))
        return found

    def run_folder(self) -> Path:
        (found,) = (self.user.home / ".local/state/lkr/run").iterdir()
        return found

    def pid(self) -> int:
        pid = self.state()["pid"]
        assert isinstance(pid, int)
        return pid


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standin]:
    standin = Standin(tmp_path_factory.mktemp("vendor"))
    yield standin
    standin.close()


@pytest.fixture
def brokered(user: User, vendor: Standin, tmp_path: Path) -> Iterator[Brokered]:
    made = Brokered(user, vendor, tmp_path)
    vendor.real = VALUE
    del vendor.seen[:]
    yield made
    user.lkr("broker", "stop")


def shell_env(shell: Shell, *names: str) -> dict[str, str]:
    """Exported variables of a shell."""
    return {name: shell.run(f"printenv {name} || :") for name in names}


def test_a_command_calls_the_vendor_with_a_virtual_key_and_the_vendor_sees_the_real_one(brokered: Brokered) -> None:
    out = brokered.exec(sys.executable, str(brokered.call))
    assert out.startswith("200 "), out
    assert [seen.header("authorization") for seen in brokered.vendor.seen] == [f"Bearer {VALUE}"]
    env = brokered.exec("env")
    assert VALUE not in env and OTHER not in env
    assert "OPENAI_API_KEY=lkr-vk-" in env and "OPENAI_BASE_URL=http://127.0.0.1:" in env
    assert "ANTHROPIC_API_KEY=lkr-vk-" in env and "ANTHROPIC_BASE_URL=http://127.0.0.1:" in env
