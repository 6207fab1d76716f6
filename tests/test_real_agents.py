"""Real coding agents, typed by name in a loaded shell, against a vendor of our own: each does a task.

`make test` runs those of QUICK, `make agents` installs and runs all.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_programs import LOGINS, NODE, PROGRAMS, Program
from conftest import VALUE, User
from shells import Shell
from vendor import Standin

QUICK = ("qwen",)
NAMES = tuple(PROGRAMS) if os.environ.get("LKR_AGENTS") == "all" else QUICK
KINDS = ("bash", "zsh", "fish")
OWN_LOGIN = "own-login-0123456789"
KEYS = {
    "OPENAI_API_KEY": "openai:prod", "ANTHROPIC_API_KEY": "anthropic:main", "GEMINI_API_KEY": "gemini:main",
    "MISTRAL_API_KEY": "mistral:main",
}  # fmt: skip

# The task: what the agent's tool has, what the processes above it have, and what it can call.
PROBE = """
import http.client, json, os, sys
def call(variable, base):
    key, url = os.environ.get(variable, ""), os.environ.get(base, "")
    if not key.startswith("lkr-vk-") or not url:
        return None
    body = json.dumps({"model": "m", "max_tokens": 9, "messages": []})
    connection = http.client.HTTPConnection(url.split("/")[2], timeout=60)
    vendor = variable.split("_")[0].lower()
    path = f"/{vendor}/v1/" + ("messages" if vendor == "anthropic" else "chat/completions")
    headers = {"authorization": "Bearer " + key, "content-type": "application/json"}
    connection.request("POST", path, body, headers)
    return connection.getresponse().status
above, pid = [], os.getppid()
while pid > 1:
    for name in ("environ", "cmdline"):
        try:
            above.append(open(f"/proc/{pid}/{name}", "rb").read().decode("utf-8", "replace"))
        except OSError:
            pass
    pid = int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1])
calls = {name: call(name, name.split("_")[0] + "_BASE_URL") for name in ("OPENAI_API_KEY", "MISTRAL_API_KEY")}
for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
    calls[name] = call(name, "ANTHROPIC_BASE_URL")
with open(sys.argv[1], "w") as out:
    json.dump({"environment": dict(os.environ), "above": above, "calls": calls}, out)
"""


class Desk:
    """A user whose broker reaches a vendor of ours, with a project that has four keys."""

    def __init__(self, user: User, vendor: Standin, name: str) -> None:
        self.user, self.vendor, self.name, self.program = user, vendor, name, PROGRAMS[name]
        assert self.program.folder(name).is_dir(), f"{name} is not installed: make agents"
        for key in KEYS.values():
            user.lkr("set", key, "--stdin", "--force", stdin=VALUE.encode())
        self.project = user.project("p", "\n".join(f'{name} = "{key}"' for name, key in KEYS.items()))
        (self.project / "f.txt").write_text("text\n")
        self.probe = user.home / "probe.py"
        self.probe.write_text(PROBE)
        self.seen = user.home / "seen.json"

    def settings(self, keys: str) -> None:
        urls = "".join(f'{key.partition(":")[0]} = "{self.vendor.url}"\n' for key in KEYS.values())
        self.user.config(f'{keys}\n[broker]\nagents = true\nca = "{self.vendor.ca}"\n[broker.upstream]\n{urls}')

    def runs(self, kind: str, words: str = "", **more: str) -> str:
        """Types the agent's name in a shell inside the project; what was on the screen."""
        command = f"{sys.executable} {self.probe} {self.seen}"
        self.vendor.task = command
        path = f"{self.program.folder(self.name)}:{NODE}/bin:{self.user.env['PATH']}"
        shell = Shell(kind, {**self.user.env, "PATH": path, **self.program.env, **more}, self.user.home)
        shell.child.timeout = 280
        try:
            shell.run("cd p")
            out = shell.run((words or self.program.words).replace("{probe}", command) + " </dev/null")
            if self.program.after:
                shell.run(self.program.after)
            return out
        finally:
            self.vendor.task = ""
            shell.close()

    def probed(self, said: str) -> tuple[dict[str, str], dict[str, int | None], str]:
        """The environment of the agent's tool, the answers that its calls got, and all that it saw."""
        assert self.seen.exists(), said
        text = self.seen.read_text()
        found = json.loads(text)
        return found["environment"], found["calls"], text


@pytest.fixture
def vendor(standin: Standin) -> Iterator[Standin]:
    words = standin.words
    standin.real = VALUE
    standin.seen.clear()
    yield standin
    standin.words, standin.login = words, ""


def kept(folder: Path, value: str) -> list[Path]:
    """The files that hold the value."""
    found = subprocess.run(["grep", "-rlaF", "--", value, folder], capture_output=True, text=True).stdout
    return [Path(line) for line in found.splitlines()]


def port(user: User) -> int:
    user.lkr("broker", "start")
    found = json.loads(user.lkr("broker", "--json"))["port"]
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_an_agent_does_its_task_with_a_virtual_key_of_its_own(name: str, user: User, vendor: Standin) -> None:
    desk = Desk(user, vendor, name)
    desk.settings(f'agents.{name} = ["{desk.program.key}"]')
    _write_files(desk)
    if desk.program.says:
        vendor.words = desk.program.says
    said = desk.runs(KINDS[NAMES.index(name) % 3] if name != "aider" else "bash")
    environment, calls, all_seen = desk.probed(said)
    assert f"lkr: {name} starts with" in said
    own = [seen for seen in vendor.seen if seen.method == "POST"]
    assert own and all(VALUE in str(seen.fields) for seen in own), "the vendor sees the real key, by the broker"
    assert not any("lkr-vk-" in str(seen.fields) for seen in vendor.seen)
    virtual = [variable for variable, value in environment.items() if value.startswith("lkr-vk-")]
    assert virtual or desk.program.keeps, environment
    assert set(calls.values()) <= {200, None}, calls
    assert VALUE not in all_seen, "nothing above the tool has the real key"
    assert not kept(user.home, VALUE)


@pytest.mark.parametrize("name", [name for name in NAMES if name in ("claude", "codex", "qwen")])
def test_a_login_of_its_own_is_left_alone_and_what_it_runs_gets_virtual_keys(
    name: str, user: User, vendor: Standin
) -> None:
    desk = Desk(user, vendor, name)
    desk.settings("")
    vendor.login = OWN_LOGIN
    env, words = _login(desk)
    said = desk.runs("bash", words, NODE_EXTRA_CA_CERTS=str(vendor.ca), SSL_CERT_FILE=str(vendor.ca), **env)
    environment, calls, all_seen = desk.probed(said)
    told = [seen for seen in vendor.seen if seen.json().get("tools")]
    assert told and all(OWN_LOGIN in str(seen.fields) for seen in told), "it came with its own login"
    assert environment["MISTRAL_API_KEY"].startswith("lkr-vk-")
    assert calls["MISTRAL_API_KEY"] == 200
    assert VALUE not in all_seen
    assert any(VALUE in str(seen.fields) for seen in vendor.seen), "that call went by the broker"


def _write_files(desk: Desk) -> None:
    """What the agent needs, and a login of before that it keeps."""
    for name, text in (LOGINS | desk.program.files).items():
        path = desk.user.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{broker}", f"http://127.0.0.1:{port(desk.user)}"))


def _login(desk: Desk) -> tuple[dict[str, str], str]:
    """Variables and words with which the agent has a login of its own at the stand-in."""
    program: Program = desk.program
    if desk.name == "claude":
        return {"ANTHROPIC_AUTH_TOKEN": OWN_LOGIN, "ANTHROPIC_BASE_URL": desk.vendor.url}, program.words
    if desk.name == "qwen":
        own = f"--openai-api-key {OWN_LOGIN} --openai-base-url {desk.vendor.url}/v1 --auth-type openai"
        return {}, program.words.replace("--yolo", f"--yolo {own}")
    folder = desk.user.home / ".codex"
    folder.mkdir()
    (folder / "config.toml").write_text(
        f'model_provider = "mine"\n[model_providers.mine]\nname = "mine"\nbase_url = "{desk.vendor.url}/v1"\n'
        'env_key = "MY_LOGIN"\nwire_api = "responses"\n'
    )
    return {"MY_LOGIN": OWN_LOGIN}, program.words
