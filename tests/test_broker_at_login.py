"""`lkr install --broker`: the broker at login, by systemd or launchd. systemd itself reads and runs what is written."""

import os
import plistlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokered_users import Brokered
from conftest import BIN, OTHERS, User
from shells import wait_until
from vendor import Standin

from lkrshell.system import launchd, systemd

UNIT = ".config/systemd/user/lkr-broker.service"
SOCKET = ".config/systemd/user/lkr-broker.socket"
LINK = ".config/systemd/user/sockets.target.wants/lkr-broker.socket"


def test_it_is_written_once_shown_and_taken_back(user: User) -> None:
    out = user.lkr("install", "--broker", "--yes")
    assert UNIT in out and SOCKET in out and LINK in out
    unit, sockets = (user.home / UNIT).read_text(), (user.home / SOCKET).read_text()
    assert f'ExecStart=/usr/bin/env "{BIN}/lkr" "broker" "run"\n' in unit
    assert 'Environment="LKR_BACKEND=vault"' in unit
    port = (user.home / ".local/state/lkr/broker-port").read_text().strip()
    assert "ListenStream=%t/lkr-" in sockets
    assert f"/control\nListenStream=127.0.0.1:{port}\n" in sockets
    assert (user.home / LINK).resolve() == user.home / SOCKET
    assert not (user.home / ".bashrc").exists(), "nothing but the broker"
    assert "already installed" in user.lkr("install", "--broker", "--yes")
    user.lkr("install", "bash", "--yes")
    assert "no longer starts at login" in user.lkr("uninstall", "--broker", "--yes")
    assert not any(os.path.lexists(user.home / each) for each in (UNIT, SOCKET, LINK))
    assert "lkr" in (user.home / ".bashrc").read_text()
    assert "nothing to uninstall" in user.lkr("uninstall", "--broker", "--yes")
    user.lkr("install", "--broker", "--yes")
    user.lkr("uninstall", "--yes")
    assert not any(os.path.lexists(user.home / each) for each in (UNIT, SOCKET, LINK))


def test_systemd_understands_it(user: User, tmp_path: Path) -> None:
    odd = tmp_path / 'a "b" %h $HOME \\ c'
    odd.mkdir()
    program = odd / "lkr"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit, sockets = tmp_path / "lkr-broker.service", tmp_path / "lkr-broker.socket"
    sockets.write_text(systemd.sockets("The broker of lkr", "lkr-1/control", ["127.0.0.1:4321", "[::1]:4321"]))
    for words in ([f"{BIN}/lkr", "broker", "run"], [str(program), "broker"]):
        environment = {"XDG_DATA_HOME": f"{odd}/data"}
        unit.write_text(systemd.service("lkr-broker", "The broker of lkr", words, environment, 69))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--user", str(unit), str(sockets)],
            env={**user.env, "XDG_RUNTIME_DIR": str(tmp_path)}, capture_output=True, text=True, timeout=100,
        )  # fmt: skip
        assert not [line for line in done.stderr.splitlines() if "lkr" in line], done.stderr
    with pytest.raises(ValueError, match="no place"):
        systemd.service("x", "x", ["/bin/lkr\nExecStartPost=/bin/evil"], {}, 69)
    for name in ("a\nExec=/bin/evil", "%h", "a b"):
        with pytest.raises(ValueError, match="no place"):
            systemd.sockets("x", name, [])


def test_launchd_would_start_it_at_login() -> None:
    agent = plistlib.loads(launchd.plist("lkr-broker", ["/x/lkr", "broker"], {"LKR_BACKEND": "vault"}))
    assert agent["RunAtLoad"] and agent["KeepAlive"] == {"Crashed": True}
    assert agent["EnvironmentVariables"] == {"LKR_BACKEND": "vault"}


def test_what_it_runs_is_the_broker_that_everybody_uses_and_there_is_never_a_second(user: User) -> None:
    environment = dict(
        line.removeprefix("Environment=").strip('"').split("=", 1)
        for line in systemd.service("x", "x", ["/x"], {"LKR_BACKEND": "vault"}, 69).splitlines()
        if line.startswith("Environment=")
    )
    bare = {"HOME": str(user.home), "PATH": "/usr/bin:/bin", **environment}
    command = [f"{BIN}/lkr", "broker", "run", "--stay"]
    service = subprocess.Popen(command, env=bare, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(1500):
            if "127.0.0.1" in (out := user.lkr("broker")):
                break
            time.sleep(0.02)
        assert f"process {service.pid}" in out
        second = subprocess.run(command, env=bare, cwd="/", capture_output=True, text=True, timeout=60)
        assert second.returncode == 69 and "already running" in second.stderr
        user.lkr("broker", "start")
        assert f"process {service.pid}" in user.lkr("broker")
        user.lkr("broker", "stop")
        service.wait(60)
        assert service.returncode == 0
    finally:
        if service.poll() is None:
            os.kill(service.pid, 9)
        service.communicate()


class Login:
    """A login of `user`, with a systemd of its own: `systemd --user`, in namespaces where it finds itself at home."""

    START = (
        # below chroot, / is no mount point; nothing that is mounted here may be seen outside
        "{ mount --make-rprivate / 2>/dev/null || "
        "{ mount --make-rprivate /proc && mount --make-rprivate /sys && mount --make-rprivate /run; }; } && "
        "mount -t proc proc /proc && mount -t cgroup2 none /sys/fs/cgroup && "
        "mkdir -p /run/systemd && "
        "mount -t tmpfs tmpfs /run/systemd && mkdir /run/systemd/system && /lib/systemd/systemd --user & wait"
    )

    def __init__(self, user: User) -> None:
        self.user = user
        self.folder = tempfile.mkdtemp()  # a short path, as that of a real one, and 0700
        # below chroot too, as in a minimal root: by itself, systemctl does nothing there
        self.env = {**user.env, "XDG_RUNTIME_DIR": self.folder, "SYSTEMD_IGNORE_CHROOT": "1"}
        words = [
            "unshare", "--mount", "--propagation", "unchanged", "--pid", "--cgroup", "--ipc", "--fork", "--kill-child",
            "sh", "-c", self.START,
        ]  # fmt: skip
        self.process = subprocess.Popen(
            words, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        wait_until(lambda: "running" in self.run("systemctl", "--user", "is-system-running", "--wait"))

    def run(self, *words: str, cwd: Path | None = None) -> str:
        """Runs a program in the login; its whole output."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        enter = (
            ["nsenter", "--target", children[0], "--mount", "--root", "--pid", "--cgroup", "--ipc"] if children else []
        )
        done = subprocess.run(
            [*enter, f"--wd={cwd or self.user.home}", *words] if enter else ["true"],
            env=self.env, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return done.stdout + done.stderr

    def state(self, unit: str) -> str:
        return self.run("systemctl", "--user", "is-active", unit).strip()

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.folder)


@pytest.fixture
def login(user: User) -> Iterator[Login]:
    found = Login(user)
    yield found
    found.close()


@OTHERS
def test_systemd_holds_the_port_starts_the_broker_when_needed_and_lets_it_end(
    login: Login, user: User, standin: Standin, tmp_path: Path
) -> None:
    brokered = Brokered(user, standin, tmp_path)
    service, sockets = "lkr-broker.service", "lkr-broker.socket"
    lkr, call = f"{BIN}/lkr", f"{sys.executable} {brokered.call}"
    assert "the broker starts when a program needs it" in login.run(lkr, "install", "--broker", "--yes")
    assert (login.state(sockets), login.state(service)) == ("active", "inactive")
    over = f"while systemctl --user -q is-active {service}; do sleep 0.1; done"
    stop, kill = f"{lkr} broker stop; {over}", f"kill -9 $(systemctl --user show -P MainPID {service}); {over}"
    script = f"{call}; systemctl --user status {service}; {stop}; {call}; {kill}; {call}"
    said = login.run(lkr, "exec", "--", "sh", "-c", script, cwd=brokered.project)
    assert said.count("200 None") == 3, "with one virtual key, before and after the broker ended"
    assert "active (running)" in said and "the broker has stopped" in said
    assert len(standin.seen) == 3
    assert "the broker listens on" in login.run(lkr, "broker", "start")
    assert f"process {login.run('systemctl', '--user', 'show', '-P', 'MainPID', service).strip()}" in login.run(
        lkr, "broker"
    )
    assert "no longer starts at login" in login.run(lkr, "uninstall", "--broker", "--yes")
    assert (login.state(sockets), login.state(service)) == ("inactive", "inactive")
    assert "not running" in login.run(lkr, "broker")
