"""A user whose keys go through a real broker, to a vendor of the tests."""

import json
import subprocess
import sys
from pathlib import Path

from conftest import VALUE, User
from vendor import Standin

CALL = """
import http.client, json, os, sys
key, base = os.environ.get("OPENAI_API_KEY", ""), os.environ["OPENAI_BASE_URL"]
connection = http.client.HTTPConnection(sys.argv[1] if sys.argv[1:] else base.split("/")[2], timeout=30)
body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]})
headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
connection.request("POST", "/openai/v1/chat/completions", body, headers)
answer = connection.getresponse()
print(answer.status, answer.getheader("x-lkr-error"), answer.read().decode())
"""
FOR_ALL = 'version = 1\nvia = "broker"\n[keys]\nOPENAI_API_KEY = "openai:prod"\nANTHROPIC_API_KEY = "anthropic:main"\n'


class Brokered:
    """The user, with a project whose keys go through the broker."""

    def __init__(self, user: User, vendor: Standin, folder: Path) -> None:
        self.user, self.vendor = user, vendor
        self.call = folder / "call.py"
        self.call.write_text(CALL)
        vendor.real = VALUE
        vendor.seen.clear()
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

    def claude(self, then: str) -> Path:
        """Makes a program with an agent's name. It sends one request, and continues with `then`."""
        program = self.user.home / "bin/claude"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{sys.executable} {self.call}\n{then}\n")
        program.chmod(0o755)
        return program

    def exec(self, *words: str, code: int = 0, options: tuple[str, ...] = (), cwd: Path | None = None) -> str:
        return self.user.lkr("exec", *options, "--", *words, cwd=cwd or self.project, code=code)

    def called(self, env: dict[str, str], prefix: tuple[str, ...] = ()) -> str:
        """Sends one request from a process with the variables of `env`. Returns status, error code and text."""
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
        """Returns the broker's process id, once it runs."""
        self.user.lkr("broker", "start")
        pid = self.state()["pid"]
        assert isinstance(pid, int)
        return pid


class Inside:
    """A program started by `lkr exec`, which sends a request whenever it is told to."""

    LOOP = """
import os, subprocess, sys
for line in sys.stdin:
    word = line.split()[0]
    if word == "env":
        print(os.environ["OPENAI_API_KEY"], os.environ["OPENAI_BASE_URL"], flush=True)
    elif word == "child":
        out = sys.argv[2]
        subprocess.Popen(["sh", "-c", f"sleep 1; {sys.executable} {sys.argv[1]} >{out}.new; mv {out}.new {out}"])
        print("", flush=True)
    else:
        words = [sys.executable, sys.argv[1], *line.split()[1:]]
        done = subprocess.run(words, capture_output=True, text=True)
        print((done.stdout + done.stderr).replace(chr(10), " "), flush=True)
"""

    def __init__(self, brokered: Brokered) -> None:
        self.brokered, self.result = brokered, brokered.user.home / "result"
        self.process = subprocess.Popen(
            [brokered.user.program, "exec", "--", sys.executable, "-c", self.LOOP, brokered.call, self.result],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=brokered.user.env, cwd=brokered.project,
            start_new_session=True,
        )  # fmt: skip

    def _tell(self, word: str) -> str:
        assert self.process.stdin and self.process.stdout
        print(word, file=self.process.stdin, flush=True)
        return self.process.stdout.readline()

    def request(self, address: str = "") -> str:
        """Sends one request, to `address` or else to the base URL. Returns the answer."""
        return self._tell(f"request {address}")

    def env(self) -> dict[str, str]:
        key, base = self._tell("env").split()
        return {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": base}

    def start_child(self) -> Path:
        self._tell("child")
        return self.result

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
