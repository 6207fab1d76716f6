"""Attacks on the broker that need all of it: crowds at a limit, full disks, clocks, restarts, and dumps of memory."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from brokered_users import Brokered, Inside
from conftest import OTHER, VALUE, User
from shells import Shell, wait_until
from vendor import Standin

from lkrshell.broker import authority
from lkrshell.core.secret import Secret

CROWD = """
import collections, http.client, json, os, sys, threading
key, at = os.environ["OPENAI_API_KEY"], os.environ["OPENAI_BASE_URL"].split("/")[2]
counted, lock, start = collections.Counter(), threading.Lock(), threading.Barrier(int(sys.argv[1]))
body = json.dumps({"model": "m", "stream": True, "max_tokens": 16, "messages": [{"role": "user", "content": "hi"}]})
headers = {"Authorization": "Bearer " + key, "Content-Type": "application/json"}
def one():
    connection = http.client.HTTPConnection(at, timeout=200)
    start.wait()
    connection.request("POST", "/openai/v1/chat/completions", body, headers)
    answer = connection.getresponse()
    text = answer.read()
    done = answer.status == 200 and text.endswith(b"[DONE]\\n\\n")
    with lock:
        counted["whole" if done else f"{answer.status} {answer.getheader('x-lkr-error')}"] += 1
threads = [threading.Thread(target=one) for _ in range(int(sys.argv[1]))]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(json.dumps(counted))
"""
# A request of the stand-in's answers 8 tokens, which are a cent.
PRICES = '[prices."m"]\ninput = 0\noutput = 1250\n[prices."gpt-4o"]\ninput = 1\noutput = 1'


@pytest.fixture
def brokered(user: User, standin: Standin, tmp_path: Path) -> Brokered:
    return Brokered(user, standin, tmp_path)


@pytest.fixture
def inside(brokered: Brokered) -> Iterator[Inside]:
    started = Inside(brokered)
    started.env()  # it has begun
    yield started
    started.close()


def test_200_streams_at_once_stay_below_a_dollar_and_the_ledger_has_what_the_vendor_counted(brokered: Brokered) -> None:
    brokered.config(PRICES)
    brokered.user.lkr("policy", "openai:prod", "--budget", "1/day")
    whole = 0
    for _ in range(2):
        counted = json.loads(brokered.exec(sys.executable, "-c", CROWD, "200"))
        whole += counted.pop("whole", 0)
        assert set(counted) == {"403 limit"}, counted
    assert len(brokered.vendor.seen) == whole, "what is refused never leaves"
    (spent,) = json.loads(brokered.user.lkr("usage", "--json", "--by", "key"))
    assert spent["requests"] == whole and spent["output"] == 8 * whole and spent["input"] == 5 * whole
    assert float(spent["cost"]) == pytest.approx(whole / 100)
    assert 50 <= whole <= 100, "each reserves two cents, and uses one"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
def test_a_full_disk_under_the_ledger_stops_what_has_a_limit_and_nothing_else(brokered: Brokered) -> None:
    user, data = brokered.user, brokered.user.home / ".local/share/lkr"
    brokered.config(PRICES)
    kept = data.with_name("kept")
    shutil.copytree(data, kept)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(data)], check=True)
    inside = None
    try:
        shutil.copytree(kept, data, dirs_exist_ok=True)
        user.lkr("broker", "start")
        inside = Inside(brokered)
        assert inside.request().startswith("200 ")
        fill(data / "filler")
        for _ in range(100):  # what is left of the last page
            assert inside.request().startswith("200 "), "there is no limit"
            if "free some space" in user.lkr("broker", "log"):
                break
        else:
            pytest.fail("the ledger never noticed")
        (data / "filler").unlink()
        user.lkr("policy", "openai:prod", "--budget", "1/day")
        assert inside.request().startswith("200 ")
        fill(data / "filler")
        said = ""
        for _ in range(100):
            said = inside.request()
            if not said.startswith("200 "):
                break
        assert said.startswith("403 ledger") and "free some space" in said, said
        (data / "filler").unlink()
        assert inside.request().startswith("200 ")
    finally:
        if inside:
            inside.close()
        user.lkr("broker", "stop")
        subprocess.run(["umount", "-l", str(data)], check=True)


def fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError):
        while file.write(b"x" * 4096):
            pass


def restart(brokered: Brokered) -> None:
    """Kills the broker, and starts it again."""
    os.kill(brokered.pid(), signal.SIGKILL)
    brokered.user.lkr("broker", "start")


@pytest.mark.parametrize(
    ("words", "code"),
    [(("lock",), "401 key"), (("deny", "{project}"), "403 denied"), (("rm", "openai:prod", "--yes"), "403 denied")],
    ids=lambda each: each[0] if isinstance(each, tuple) else "",
)
def test_what_ended_a_virtual_key_outlasts_a_broker_that_was_killed(
    inside: Inside, words: tuple[str, ...], code: str
) -> None:
    brokered = inside.brokered
    assert inside.request().startswith("200 ")
    brokered.user.lkr(*(word.format(project=brokered.project) for word in words))
    restart(brokered)
    if words == ("lock",):
        brokered.user.lkr("unlock", "--stdin", stdin=b"a passphrase\n")
    assert inside.request().startswith(code)
    assert len(brokered.vendor.seen) == 1


def test_a_virtual_key_ends_with_the_shell_that_it_was_made_for(
    brokered: Brokered, open_shell: Callable[..., Shell]
) -> None:
    shell, result = open_shell(), brokered.user.home / "result"
    shell.run("cd p")
    go = brokered.user.home / "go"
    wait = f"n=0; while [ ! -e {go} ] && [ $n -lt 600 ]; do sleep 0.1; n=$((n+1)); done"
    call = f"{sys.executable} {brokered.call} >{result}.new; mv {result}.new {result}"
    shell.run(f"nohup sh -c '{wait}; {call}' >/dev/null 2>&1 &")
    (pid,) = re.findall(r"pid=(\d+)", shell.run("echo pid=$fish_pid" if shell.shell == "fish" else "echo pid=$$"))
    env = {name: str(shell.value(name)) for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL")}
    os.kill(int(pid), signal.SIGKILL)
    shell.close()
    go.touch()
    wait_until(result.exists)
    assert result.read_text()[:3] in ("401", "403"), result.read_text()
    assert brokered.called(env)[:3] in ("401", "403")
    assert not brokered.vendor.seen


def test_a_clock_that_is_put_back_gives_no_key_more_time(inside: Inside) -> None:
    brokered = inside.brokered
    brokered.user.lkr("policy", "openai:prod", "--ttl", "1h")
    assert inside.request().startswith("200 ")
    brokered.user.lkr("broker", "stop")
    table = brokered.run_folder() / "keys"
    now = [field for line in table.read_text().splitlines() for field in line.split("\t") if field.isdigit()]
    made = max(now, key=int)
    table.write_text(table.read_text().replace(made, str(int(made) + 86400)))  # as if it was a day later then
    brokered.user.lkr("broker", "start")
    assert inside.request().startswith("403 denied")


def test_a_real_key_is_forgotten_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authority, "_KEPT", 0.05)
    monkeypatch.setattr(authority, "_fetch", lambda _: Secret(VALUE))

    async def use() -> None:
        own = authority.Authority()
        assert (await own._secret("openai:prod")).reveal() == VALUE
        assert own._secrets
        async with asyncio.timeout(30):
            while own._secrets:
                await asyncio.sleep(0.01)

    asyncio.run(use())


def test_no_process_in_a_loaded_shell_has_a_real_key_in_its_environment_arguments_or_memory(
    brokered: Brokered, open_shell: Callable[..., Shell]
) -> None:
    program = brokered.claude(f"{sys.executable} -c 'import time; print(\"at work\", flush=True); time.sleep(300)'")
    brokered.config('agents.claude = ["openai:prod"]')
    shell = open_shell(PATH=f"{program.parent}:{brokered.user.env['PATH']}")
    shell.run("cd p")
    assert "200 None" in shell.run(f"{sys.executable} {brokered.call}")
    out = brokered.user.home / "out"
    out.touch()
    shell.run(f"{brokered.user.program} agent-env -- claude >>{out} 2>&1 &")
    wait_until(lambda: "200 None" in out.read_text() and "at work" in out.read_text())
    assert len(brokered.vendor.seen) == 2 and all(VALUE in str(seen.fields) for seen in brokered.vendor.seen)
    broker, looked = brokered.pid(), set()
    for each in (int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal()):
        with contextlib.suppress(OSError):
            if f"HOME={brokered.user.home}\0".encode() not in Path(f"/proc/{each}/environ").read_bytes():
                continue
            looked.add(each)
            for name in ("environ", "cmdline"):
                held = Path(f"/proc/{each}/{name}").read_bytes()
                assert VALUE.encode() not in held and OTHER.encode() not in held, (each, name)
            if each != broker and os.getuid() == 0:
                assert VALUE.encode() not in memory(each), Path(f"/proc/{each}/cmdline").read_bytes()
    assert broker in looked or os.getuid() != 0, "it shows itself to root alone"
    assert len(looked | {broker}) >= 4, "the shell, the agent, what it runs, and the broker"


def memory(pid: int) -> bytes:
    """What a process can write to, but files."""
    held = b""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            where, rights = line.split()[:2]
            start, end = (int(each, 16) for each in where.split("-"))
            if rights.startswith("rw") and end - start < 1 << 26:
                with contextlib.suppress(OSError):
                    file.seek(start)
                    held += file.read(end - start)
    return held


@pytest.mark.parametrize("path", ["{folder}", "{folder}/.", "../{name}", "."])
def test_no_code_of_a_project_runs_in_the_broker(brokered: Brokered, path: str) -> None:
    """PYTHONPATH counts for the lkr that somebody starts by hand, but not for the broker, which serves all projects."""
    folder, ran = brokered.project, brokered.user.home / "ran"
    (folder / "yarl.py").write_text(f"open({str(ran)!r}, 'a').close()\n")
    brokered.user.lkr("broker", "stop")
    wait_until(lambda: "pid" not in brokered.state())
    env = {**brokered.user.env, "PYTHONPATH": path.format(folder=folder, name=folder.name)}
    subprocess.run([brokered.user.program, "exec", "--", "true"], env=env, cwd=folder, check=True)
    wait_until(lambda: "pid" in brokered.state())
    assert not ran.exists()
