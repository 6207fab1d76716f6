"""What every store must do, the same for each: the vault, what python-keyring finds, and lkr's own macOS keychain.

On Linux python-keyring has a gnome-keyring on a bus of its own; on macOS and Windows the user's own keychain, with keys
of an unlikely name. lkr's own keychain is a file in a home folder of the test's, on Linux of the stand-in for macOS.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import standin

from lkrshell.core.secret import Secret
from lkrshell.state import config
from lkrshell.stores import registry
from lkrshell.stores.base import Store

NAME, OTHER = "lkr-contract-test:one", "lkr-contract-test:two"
VALUES = ["plain", "ü 日本 \U0001f511", 'quote " back \\ line\nbreak', "x" * 65536, "\udcff\udc80 not UTF-8"]


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A session bus with an unlocked gnome-keyring; both are ended by their process ids."""
    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))
    said = subprocess.check_output(
        ["dbus-daemon", "--session", "--fork", "--print-address=1", "--print-pid=1"], text=True
    )
    address, pid = said.split()
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    daemon = subprocess.Popen(
        ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert daemon.stdin
    daemon.stdin.write(b"pass")
    daemon.stdin.close()
    subprocess.run(["gdbus", "wait", "--session", "org.freedesktop.secrets", "--timeout", "20"], check=True)
    yield
    daemon.terminate()
    daemon.wait()
    os.kill(int(pid), signal.SIGTERM)


@pytest.fixture
def mac(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    library = standin.build(tmp_path_factory.getbasetemp().parent)
    monkeypatch.setenv("LKR_STANDIN", str(standin.Mac(tmp_path / "mac", library).folder))
    with monkeypatch.context() as patch:
        standin.here(patch.setattr, library)
        yield


@pytest.fixture(params=["vault", "keyring", "keychain"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator["Store"]:
    for name in ("DATA", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.setenv("HOME", str(tmp_path))
    if request.param == "keyring" and sys.platform == "linux":
        request.getfixturevalue("bus")
    if request.param == "keychain" and sys.platform != "darwin":
        request.getfixturevalue("mac")
    chosen = registry.choose(config.Config(backend=str(request.param)))
    if request.param != "keyring":
        chosen.unlock(Secret("a passphrase"))
    yield chosen
    chosen.unlock(Secret("a passphrase"))
    for name in (NAME, OTHER):
        chosen.delete(name)
    chosen.lock()


def test_what_went_in_comes_out(store: "Store") -> None:
    assert store.get([NAME, OTHER]) == {}
    for number, value in enumerate(VALUES):
        kind = ("runtime", "admin")[number % 2]
        store.set(NAME, Secret(value, kind))
        found = store.get([NAME, OTHER])
        assert set(found) == {NAME}
        assert (found[NAME].reveal(), found[NAME].kind) == (value, kind)
    store.set(OTHER, Secret("second"))
    assert {name: secret.reveal() for name, secret in store.get([OTHER, NAME]).items()} == {
        OTHER: "second",
        NAME: VALUES[-1],
    }
    assert store.exists(NAME)
    listed = store.names()
    assert listed is None or {NAME, OTHER} <= set(listed)
    assert store.delete(NAME)
    assert not store.delete(NAME)
    assert not store.exists(NAME)
    assert set(store.get([NAME, OTHER])) == {OTHER}


def test_a_locked_store_gives_nothing_until_it_is_unlocked(store: "Store") -> None:
    from lkrshell.core.errors import StoreLocked

    store.set(NAME, Secret("value"))
    assert not store.is_locked()
    store.lock()
    assert store.is_locked()
    with pytest.raises(StoreLocked):
        store.get([NAME])
    store.unlock(Secret("a passphrase"))
    assert store.get([NAME])[NAME].reveal() == "value"
