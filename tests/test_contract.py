"""What every store must do, by the contract that ships in lkrshell.testing: the vault, what python-keyring finds, lkr's
own macOS keychain, and the store in memory.

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
import vaults

from lkrshell.core.secret import Secret
from lkrshell.state import config
from lkrshell.stores import registry
from lkrshell.stores.base import Store
from lkrshell.testing import MemoryStore, StoreContract


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


@pytest.fixture(params=["vault", "keyring", "keychain", "memory"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Store]:
    for name in ("DATA", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    monkeypatch.setenv("HOME", str(tmp_path))
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "keyring" and sys.platform == "linux":
        request.getfixturevalue("bus")
    if request.param == "keychain" and sys.platform != "darwin":
        request.getfixturevalue("mac")
    chosen = registry.choose(config.Config(backend=str(request.param)))
    if request.param == "vault":
        vaults.seal_cheaply(monkeypatch.setattr)
    if request.param != "keyring":
        chosen.unlock(Secret("a passphrase"))
    yield chosen
    chosen.unlock(Secret("a passphrase"))
    for name in (StoreContract.NAME, StoreContract.OTHER):
        chosen.delete(name)
    chosen.lock()


class TestEveryStore(StoreContract):
    """The tests of lkrshell.testing, for each of the stores above."""
