"""The broker as on macOS, over the stand-in: who asks for a virtual key, and whose connection uses it.

The vendor is ours. lkr asks libproc about sockets, children, folders and start times, as on a Mac.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import standin as macos
from conftest import UNDER_AGENT
from shells import Shell
from standin import PASSWORD, Mac, MacUser
from vendor import Standin

VALUE = "sk-test-0123456789-openai"
CALL = """
import http.client, json, os
connection = http.client.HTTPConnection(os.environ["OPENAI_BASE_URL"].split("/")[2], timeout=30)
body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]})
headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"}
connection.request("POST", "/openai/v1/chat/completions", body, headers)
answer = connection.getresponse()
print(answer.status, answer.getheader("x-lkr-error"), answer.read().decode())
"""


@pytest.fixture
def mac(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mac]:
    mac = Mac(tmp_path / "mac", macos.build(tmp_path_factory.getbasetemp().parent))
    yield mac
    assert not (mac.folder / "errors").exists()


@pytest.fixture
def user(mac: Mac, tmp_path: Path, standin: Standin) -> Iterator[MacUser]:
    """A user whose keychain holds openai:prod, and whose project p gets it by the broker."""
    user = MacUser(tmp_path / "home", macos.darwin_package(tmp_path, mac.library, mac.folder), mac)
    standin.real = VALUE
    del standin.seen[:]
    user.config(f'[broker]\nca = "{standin.ca}"\n[broker.upstream]\nopenai = "{standin.url}"\n')
    user.lkr("unlock", "--stdin", stdin=PASSWORD.encode() + b"\n")
    user.lkr("set", "openai:prod", "--stdin", stdin=VALUE.encode())
    user.project("p", top='via = "broker"')
    (tmp_path / "call.py").write_text(CALL)
    yield user
    user.lkr("broker", "stop")
    user.lkr("lock")


def test_a_command_calls_the_vendor_with_a_virtual_key(user: MacUser, standin: Standin, tmp_path: Path) -> None:
    out = user.lkr("exec", "--", sys.executable, str(tmp_path / "call.py"), cwd=user.home / "p")
    assert out.startswith("200 "), out
    assert [seen.header("authorization") for seen in standin.seen] == [f"Bearer {VALUE}"]
    assert VALUE not in user.lkr("exec", "--", "env", cwd=user.home / "p")


def test_a_virtual_key_is_worth_nothing_outside_of_the_shell_that_it_is_for(
    user: MacUser, standin: Standin, tmp_path: Path
) -> None:
    call = f"{sys.executable} {tmp_path / 'call.py'}"
    shell = Shell("bash", user.env, user.home, hook=False)
    try:
        shell.run('eval "$(lkr hook bash)"')
        shell.run("cd p")
        env = {name: str(shell.value(name)) for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL")}
        assert env["OPENAI_API_KEY"].startswith("lkr-vk-")
        assert "200 None" in shell.run(f"sh -c 'sh -c \"{call}\"'")
        done = subprocess.run(call.split(), env={**user.env, **env}, capture_output=True, text=True)
        assert done.stdout.startswith("403 process"), done.stdout + done.stderr
        shell.run(f"setsid -f sh -c '{call} >{user.home}/daemon'; sleep 3")
        assert (user.home / "daemon").read_text().startswith("403 process")
    finally:
        shell.close()
    done = subprocess.run(call.split(), env={**user.env, **env}, capture_output=True, text=True)
    assert done.stdout.startswith("403 process"), "the shell has ended"
    assert len(standin.seen) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="to become another user takes root")
def test_another_user_below_the_command_gets_nothing(user: MacUser, standin: Standin) -> None:
    user.lkr("broker", "start")
    other = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    out = user.lkr("exec", "--", *other, sys.executable, "-I", "-S", "-c", CALL, cwd=user.home / "p")
    assert "403 process" in out and not standin.seen


@pytest.mark.skipif(UNDER_AGENT, reason="the test itself has an agent above it")
def test_an_agent_that_asks_is_known_by_the_processes_above_it(user: MacUser, tmp_path: Path) -> None:
    user.lkr("policy", "openai:prod", "--agents", "deny")
    agent = tmp_path / "claude"
    agent.write_text(f"#!/bin/bash\n{user.program} exec -- env\nexit $?\n")
    agent.chmod(0o755)
    done = subprocess.run([str(agent)], env=user.env, cwd=user.home / "p", capture_output=True, text=True)
    assert done.returncode and "lkr-vk-" not in done.stdout and "claude" in done.stderr


WHO = """
import os, socket, subprocess, sys
sys.path.insert(0, sys.argv[1])
from lkrshell.broker import client_process, control, macos_sockets
from lkrshell.core import platform
from lkrshell.runtime import processes
from lkrshell.state import peer
assert platform.DARWIN
class Bound:
    def __init__(self, pid): self.pid, self.start = pid, processes.start_time(pid)
child = "import socket, sys; s = socket.create_connection((sys.argv[1], int(sys.argv[2]))); sys.stdin.read()"
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    listener = socket.create_server((address, 0), family=family)
    port = str(listener.getsockname()[1])
    middle = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"
    program = [sys.executable, "-c", middle, child, address, port]
    started = subprocess.Popen(program, stdin=subprocess.PIPE, cwd="/usr")
    connection, there = listener.accept()
    found = client_process.holder(Bound(started.pid), there, connection.getsockname())
    assert found and processes.parent_of(found.pid) == started.pid, found
    assert client_process.holder(Bound(started.pid), there, connection.getsockname()) is found, "it is remembered"
    assert client_process.holder(Bound(os.getpid()), there, connection.getsockname()).pid == found.pid
    assert client_process.holder(Bound(found.pid), there, connection.getsockname()).pid == found.pid
    assert client_process.holder(Bound(1), there, connection.getsockname()), "init is above all"
    other = subprocess.Popen(["sleep", "100"])
    assert client_process.holder(Bound(other.pid), there, connection.getsockname()) is None
    wrong = (there[0], there[1] ^ 1, *there[2:])
    assert client_process.holder(Bound(started.pid), wrong, connection.getsockname()) is None
    bound = Bound(started.pid)
    assert macos_sockets.working_folder(started.pid) == "/usr"
    assert control._is_in(started.pid, "/usr") and not control._is_in(started.pid, "/etc")
    started.communicate(b""); other.kill(); other.wait()
    assert client_process.holder(bound, there, connection.getsockname()) is None
    assert not client_process.is_alive(bound.pid, bound.start)
me = os.getpid()
assert processes.user_of(me) == os.getuid() and processes.session_of(me) == os.getsid(0)
assert processes.ancestry(me)[1] == os.getppid() and not client_process.is_alive(me, "1")
assert processes.user_of(1 << 22) == -1
ended = subprocess.Popen(["true"]); os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
assert processes.start_time(ended.pid) == "", "a zombie has ended"
one, two = socket.socketpair()
assert peer.credentials(one) == (os.getuid(), me)
many = [subprocess.Popen(["sleep", "100"]) for _ in range(70)]
assert {each.pid for each in many} <= set(macos_sockets.children(me)), "more than fit at first"
[each.kill() for each in many]
"""


def test_libproc_tells_whose_a_connection_is(mac: Mac, tmp_path: Path) -> None:
    program = macos.darwin_package(tmp_path, mac.library)
    words = [sys.executable, "-I", "-c", WHO, str(program.parent.parent / "site")]
    done = subprocess.run(words, env={"LKR_STANDIN": str(mac.folder)}, capture_output=True, text=True)
    assert not done.returncode, done.stderr
