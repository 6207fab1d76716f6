"""A program with threads, as a server is one, uses what the commands use: limits, locks, the log, the disk."""

import json
from pathlib import Path

from conftest import User


def test_a_keychain_that_hangs_is_left_in_time_in_any_thread(user: User, tmp_path: Path) -> None:
    code = """
import socket, sys, threading
from lkrshell.core.errors import StoreUnreachable
from lkrshell.core.time_limit import TimeLimit
from lkrshell.stores import secret_service
hung = socket.socket(socket.AF_UNIX)
hung.bind(sys.argv[1])
hung.listen()
said = []
def read():
    try:
        with TimeLimit(60), TimeLimit(0.3):
            secret_service.fetch("service", ["openai:prod"])
    except StoreUnreachable as error:
        said.append(str(error))
    except BaseException as error:
        said.append(repr(error))
threads = [threading.Thread(target=read) for _ in range(3)]
for thread in threads:
    thread.start()
read()
for thread in threads:
    thread.join()
print(len([text for text in said if "does not answer" in text]), said)
from lkrshell.core import time_limit
assert not time_limit._ends
"""
    path = str(tmp_path / "bus")
    out = user.python(code, path, DBUS_SESSION_BUS_ADDRESS=f"unix:path={path}")
    assert out.startswith("4 "), out


def test_threads_write_the_log_one_after_the_other(user: User) -> None:
    code = """
import sys, threading
from lkrshell.state import audit
sys.setswitchinterval(1e-6)
problems = []
def write(number):
    for each in range(40):
        problems.append(audit.record("load", [f"openai:t{number}-{each}"], ["A_KEY"], "/p" * 300, patience=30))
threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(problems), set(problems))
"""
    assert user.python(code).strip() == "320 {None}"
    assert "intact" in user.lkr("audit", "--verify")
    lines = [json.loads(line) for line in user.lkr("audit", "--json").splitlines()]
    keys = [key for line in lines for key in line["keys"].split() if key.startswith("openai:t")]
    assert len(keys) == len(set(keys)) == 320


def test_threads_exclude_each_other_where_they_change_a_key(user: User) -> None:
    code = """
import os, sys, threading
from lkrshell.state import files
sys.setswitchinterval(1e-6)
folder = sys.argv[1]
path = os.path.join(folder, "count")
files.write_private(path, b"0")
def add():
    for _ in range(10):
        with files.locked(folder):
            files.write_private(path, b"%d" % (int(files.read_private(path)) + 1))
            os.utime(os.path.join(folder, ".swept"), (1, 1))  # so that each of them sweeps
threads = [threading.Thread(target=add) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(files.read_private(path).decode(), sorted(os.listdir(folder)))
"""
    out = user.python(code, str(user.home / "ours"))
    assert out.startswith("80 "), out
    assert ".tmp-" not in out


def test_a_program_that_runs_on_sees_the_providers_that_i_add_and_remove(user: User) -> None:
    user.config("")
    code = """
import os, sys
from lkrshell.vendors import providers
path = sys.argv[1]
print(providers.variable_of("ours:main"))
for name in ("ours", "theirs"):
    with open(path, "w") as file:
        file.write(f'[providers.{name}]\\nvariable = "OURS_API_KEY"\\n')
    print(providers.variable_of("ours:main"))
os.unlink(path)
print(providers.variable_of("openai:main"), providers.variable_of("theirs:main"))
"""
    out = user.python(code, str(user.home / ".config/lkr/config.toml"))
    assert out.split() == ["None", "OURS_API_KEY", "None", "OPENAI_API_KEY", "None"]
