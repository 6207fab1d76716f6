"""What `lkr doctor` says of the broker: each fault is made for real, and found."""

import json
import os
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import BIN, OTHER, VALUE, User
from vendor import Standin

import lkrshell
from lkrshell.broker.ledger import Ledger
from lkrshell.core import records
from lkrshell.state.files import make_private_file

Row = dict[str, object]


@pytest.fixture
def brokered(user: User, standin: Standin) -> User:
    settings(user, standin)
    user.project("p", top='via = "broker"')
    return user


def settings(user: User, standin: Standin, ca: str = "", more: str = "") -> None:
    user.config(f'[broker]\nca = "{ca or standin.ca}"\n[broker.upstream]\nopenai = "{standin.url}"\n{more}\n')


def look(user: User, words: tuple[str, ...] = (), env: dict[str, str] | None = None) -> list[Row]:
    """What doctor says of the broker, in the project; with `words`, below that command."""
    done = subprocess.run(
        [*words, f"{BIN}/lkr", "doctor", "--json"], env={**user.env, **(env or {})}, cwd=user.home / "p",
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert not any(value in done.stdout + done.stderr for value in (VALUE, OTHER, "lkr-vk-")), done
    return [row for row in json.loads(done.stdout) if row["check"] == "broker"]


def only(rows: list[Row], level: str = "wrong") -> Row:
    (found,) = [row for row in rows if row["level"] == level]
    return found


def virtual(user: User) -> dict[str, str]:
    """The environment of a command with virtual keys, once the command has ended."""
    out = user.lkr("exec", "--", "env", cwd=user.home / "p")
    rows = [line.partition("=") for line in out.splitlines() if line.startswith("OPENAI_")]
    return {name: value for name, _, value in rows}


def test_nothing_is_wrong_while_it_works(brokered: User) -> None:
    rows = look(brokered)
    assert {row["level"] for row in rows} == {"fact"}
    assert "it starts when this project needs it" in str(rows) and "a private address, as config.toml says" in str(rows)
    brokered.lkr("broker", "start")
    inside = look(brokered, (f"{BIN}/lkr", "exec", "--"))
    assert {row["level"] for row in inside} == {"fact"} and "listens on 127.0.0.1" in str(inside)


def test_who_does_not_use_the_broker_hears_nothing_of_it(user: User) -> None:
    user.project("p")
    assert look(user) == []


def test_a_virtual_key_without_a_broker(brokered: User) -> None:
    env = virtual(brokered)
    brokered.lkr("broker", "stop")
    row = only(look(brokered, env=env))
    assert "OPENAI_API_KEY has a virtual key, and the broker is not running" in str(row["text"])
    brokered.lkr(*str(row["fix"]).split()[1:])
    assert brokered.lkr("broker").startswith("127.0.0.1:")


def test_a_virtual_key_of_a_process_that_has_ended(brokered: User) -> None:
    env = virtual(brokered)
    brokered.lkr("broker", "start")
    row = only(look(brokered, env=env))
    assert "OPENAI_API_KEY has a virtual key that has ended" in str(row["text"])


def test_a_port_that_somebody_else_holds(brokered: User) -> None:
    env = virtual(brokered)
    brokered.lkr("broker", "stop")
    port = int((brokered.home / ".local/state/lkr/broker-port").read_text())
    with socket.create_server(("127.0.0.1", port)):
        rows = [row for row in look(brokered, env=env) if row["level"] == "wrong"]
        assert f"another program listens on port {port}" in str(rows[-1]["text"])
        assert "port" in brokered.lkr("broker", "start")
        texts = str(look(brokered, env=env))
        assert f"OPENAI_BASE_URL leads to 127.0.0.1:{port}, and the broker listens on" in texts


@pytest.mark.parametrize(
    ("ca", "more", "said"),
    [
        ("/nowhere/ca.pem", "", "broker.ca: /nowhere/ca.pem is not a certificate file"),
        ("", 'opnai = "https://x.example"', "broker.upstream.opnai: the broker does not know this vendor"),
        ("", 'bedrock = "https://x.example"', "broker.upstream.bedrock: Bedrock signs each request"),
        ("", 'anthropic = "http://x.example"', "anthropic must be an https URL"),
    ],
)
def test_settings_that_cannot_be_used(brokered: User, standin: Standin, ca: str, more: str, said: str) -> None:
    settings(brokered, standin, ca, more)
    done = brokered.run("doctor", "--json", cwd=brokered.home / "p")
    assert done.returncode == 1
    assert said in str([row["text"] for row in json.loads(done.stdout) if row["level"] == "wrong"])


def ledger(user: User) -> Path:
    return user.home / ".local/share/lkr/ledger.db"


def test_a_ledger_that_a_broker_is_just_making(brokered: User) -> None:
    make_private_file(str(ledger(brokered)))
    assert {row["level"] for row in look(brokered)} == {"fact"}
    assert json.loads(brokered.lkr("usage", "--json")) == []


def test_a_ledger_that_is_damaged(brokered: User) -> None:
    Ledger(str(ledger(brokered))).close()
    assert {row["level"] for row in look(brokered)} == {"fact"}
    ledger(brokered).write_bytes(b"no database at all" * 99)
    row = only(look(brokered))
    assert "is damaged" in str(row["text"])
    subprocess.run(["bash", "-c", str(row["fix"])], env=brokered.env, check=True, capture_output=True)
    assert {row["level"] for row in look(brokered)} == {"fact"}


@pytest.mark.skipif(os.getuid() != 0, reason="to mount a small disk takes root")
def test_a_disk_that_is_almost_full(brokered: User) -> None:
    folder = ledger(brokered).parent
    small = brokered.home / "small"
    small.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "none", str(small)], capture_output=True)
    if done.returncode:
        pytest.skip("no mounting here")
    try:
        brokered.env["XDG_DATA_HOME"] = str(small)
        subprocess.run(["cp", "-a", str(folder), str(small)], check=True)
        Ledger(str(small / "lkr/ledger.db")).close()
        row = only(look(brokered), "warning")
        assert "is almost full" in str(row["text"]) and str(row["fix"]).startswith("df -h")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_clock_that_was_put_back(brokered: User) -> None:
    Ledger(str(ledger(brokered))).begin(4e9, {"key": "openai:prod", "vendor": "openai"})
    row = only(look(brokered), "warning")
    assert "requests from the future" in str(row["text"])
    with sqlite3.connect(ledger(brokered)) as db:
        db.execute("DELETE FROM request")
    assert {row["level"] for row in look(brokered)} == {"fact"}


@contextmanager
def answering(user: User, rows: Sequence[tuple[str, ...]]) -> Iterator[None]:
    """A broker of another version, as far as its control socket shows."""
    user.lkr("broker", "start")
    user.lkr("broker", "stop")
    (folder,) = (user.home / ".local/state/lkr/run").iterdir()
    (folder / "control").unlink(missing_ok=True)
    (folder / "ready").touch()
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(folder, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{here}/control")
        os.close(here)
        server.listen()

        def serve() -> None:
            try:
                while True:
                    with server.accept()[0] as connection:
                        connection.recv(65536)
                        connection.sendall(records.dump([*rows, ("end",)]))
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        yield
        server.shutdown(socket.SHUT_RDWR)


def test_a_broker_of_an_older_version_and_of_a_later_time(brokered: User) -> None:
    state = [("version", "0.0.1"), ("pid", "1"), ("port", "1"), ("since", "4000000000"), ("requests", "0")]
    with answering(brokered, state):
        old, clock = [row for row in look(brokered) if row["level"] == "warning"]
    assert f"is from lkr 0.0.1, and this is {lkrshell.__version__}" in str(old["text"])
    assert old["fix"] == "lkr broker stop"
    assert "start is in the future" in str(clock["text"])


def test_a_broker_that_does_not_speak_with_us(brokered: User) -> None:
    with answering(
        brokered, [("no", "1", "the broker is from lkr 0.0.1", "lkr broker stop; it starts again by itself")]
    ):
        row = only(look(brokered))
    assert "the broker is from lkr 0.0.1" in str(row["text"])
