"""A keychain that is locked, hangs, dies or talks nonsense: one line, in time, and no key lost."""

import contextlib
import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from conftest import BIN, User
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from shells import environment

from lkrshell.core.errors import LkrError
from lkrshell.stores import secret_service

# $DAEMON is the process that serves; `went` prints the milliseconds and the exit code of a hook's export.
SCRIPT = r"""
set -uo pipefail
printf pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null
printf sk-first-value | lkr set openai:prod --stdin
DAEMON=$(dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus / \
    org.freedesktop.DBus.GetConnectionUnixProcessID string:org.freedesktop.secrets | tr -dc '0-9 ' | awk '{print $NF}')
cd "$HOME/p"
lkr allow --yes
went() {
    local start=${EPOCHREALTIME/./} code quick
    lkr export bash >out 2>err
    code=$?
    quick=$(((${EPOCHREALTIME/./} - start) < 5000000))
    echo "$1: code $code, in-time $quick, values $(grep -c sk-first out), says: $(cat err)"
}
doctor() {
    local start=${EPOCHREALTIME/./} quick
    lkr doctor >out 2>&1
    quick=$(((${EPOCHREALTIME/./} - start) < 20000000))
    echo "$1: in-time $quick, values $(grep -c sk- out), says: $(grep -E '^(store|wrong: the)' out)"
}
went well
kill -STOP "$DAEMON"
went hung
doctor doctor-hung
start=${EPOCHREALTIME/./}
LKR_BACKEND=auto python -c '
import sys
from lkrshell import __main__
from lkrshell.stores import keyring
keyring._WAIT = 0.5
sys.argv[1:] = ["list"]
sys.exit(__main__.main())' 2>err
echo "undecided: code $?, in-time $(((${EPOCHREALTIME/./} - start) < 15000000)), values 0, says: $(cat err)"
kill -CONT "$DAEMON"
went again
python3 - <<'END'
import secretstorage
bus = secretstorage.dbus_init()
secretstorage.get_default_collection(bus).lock()
END
went locked
doctor doctor-locked
printf sk-second-value | timeout 40 lkr set openai:prod --stdin --force 2>err
echo "dismissed: code $?, in-time 1, values 0, says: $(cat err)"
timeout 40 lkr unlock 2>err
echo "unanswered: code $?, in-time 1, values 0, says: $(cat err)"
(sleep 0.2; kill -KILL "$DAEMON") &
kill -STOP "$DAEMON"
went killed
went absent
DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent doctor doctor-nobus
DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent went nobus
"""


def test_a_keychain_in_trouble_costs_a_line_and_no_time(tmp_path: Path, user: User) -> None:
    home = tmp_path / "desktop"
    (home / "p").mkdir(parents=True)
    (home / "p/.lkr.toml").write_text('version = 1\nkeys = ["openai:prod"]\n')
    (home / "run").mkdir(mode=0o700)
    env = {**environment(home, BIN), "LKR_BACKEND": "keyring", "XDG_RUNTIME_DIR": str(home / "run"), "LKR_QUIET": "1"}
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", SCRIPT], env=env, capture_output=True, text=True, timeout=250
    )
    out = done.stdout
    lines = {line.partition(":")[0]: line for line in out.splitlines() if ": code" in line}
    steps = "well hung undecided again locked dismissed unanswered killed absent nobus"
    assert set(lines) == set(steps.split()), out + done.stderr
    for name, line in lines.items():
        good = name in ("well", "again")
        assert "in-time 1" in line, line
        assert f"values {int(good)}" in line, line
        assert ("code 0" in line) == good, line
        assert good or "lkr: the " in line, line
    said = [line for line in out.splitlines() if line.startswith("doctor-")]
    assert len(said) == 3
    assert all("in-time 1, values 0" in line for line in said), said
    assert "wrong: the store does not answer" in said[0]
    assert said[1].endswith(", locked") and "SecretService" in said[1]
    assert "wrong: the keychain" in said[2]
    assert "code 77" in lines["locked"]
    assert "code 77" in lines["dismissed"], "nobody is there to answer the keychain's prompt"
    assert "code 77" in lines["unanswered"]
    assert "code 69" in lines["hung"]
    assert "code 69" in lines["undecided"]
    assert not (home / ".local/state/lkr/backend").exists(), "that a keychain hangs decides nothing"


def served(answer: bytes, path: str) -> None:
    """A bus that lets everyone in and then sends `answer`."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            connection.recv(4096)
            connection.sendall(b"OK 1234deadbeef\r\n")
            connection.recv(4096)
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()


@pytest.mark.parametrize("label", ["", "lkr"])
def test_no_session_is_opened_before_the_keychain_has_answered_a_call(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    """gnome-keyring can handle the first call of a connection before it knows the client. If that call opens a session,
    the daemon crashes, and all that was unlocked is locked."""
    path = str(tmp_path_factory.mktemp("bus") / "s")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={path}")

    def ask() -> None:
        with pytest.raises(LkrError):
            secret_service.fetch("com.llm-key-ring", ["openai:prod"], label)

    asker = threading.Thread(target=ask)
    sent = b""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        asker.start()
        connection, _ = listener.accept()
        with connection, contextlib.suppress(TimeoutError):
            connection.recv(4096)
            connection.sendall(b"OK 1234deadbeef\r\n")
            connection.settimeout(0.5)
            while True:
                sent += connection.recv(4096)
    asker.join()
    assert b"Hello" in sent and b"Collections" in sent
    assert b"OpenSession" not in sent


HEADER = b"l\x02\x01\x01\x04\x00\x00\x00\x01\x00\x00\x00\x0f\x00\x00\x00"
HEADER += b"\x05\x01u\x00\x02\x00\x00\x00\x08\x01g\x00\x01u\x00\x00"


@settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda data: HEADER + data))
@example(HEADER)
@example(b"l\x02\x01\x01" + b"\xff" * 12)
@example(b"l\x02\x01\x01\x00\x00\x00\x00\x01\x00\x00\x00\x10\x00\x00\x00" + b"\x05\x01" + b"a" * 14)
def test_an_answer_that_makes_no_sense_is_one_clear_error(
    tmp_path_factory: pytest.TempPathFactory, answer: bytes
) -> None:
    path = str(tmp_path_factory.mktemp("bus") / "s")
    served(answer, path)
    old = os.environ.get("DBUS_SESSION_BUS_ADDRESS")
    os.environ["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={path}"
    try:
        with pytest.raises(LkrError):
            secret_service.fetch("com.llm-key-ring", ["openai:prod"])
    finally:
        if old is None:
            del os.environ["DBUS_SESSION_BUS_ADDRESS"]
        else:
            os.environ["DBUS_SESSION_BUS_ADDRESS"] = old
