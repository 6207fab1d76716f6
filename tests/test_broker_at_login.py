"""`lkr install --broker`: the broker at login, by systemd or launchd. systemd itself reads what is written."""

import os
import plistlib
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BIN, User

from lkrshell.system import launchd, systemd

UNIT = ".config/systemd/user/lkr-broker.service"
LINK = ".config/systemd/user/default.target.wants/lkr-broker.service"


def test_it_is_written_once_shown_and_taken_back(user: User) -> None:
    out = user.lkr("install", "--broker", "--yes")
    assert UNIT in out and LINK in out
    unit = (user.home / UNIT).read_text()
    assert f'ExecStart=/usr/bin/env "{BIN}/lkr" "broker" "run" "--stay"' in unit
    assert 'Environment="LKR_BACKEND=vault"' in unit
    assert (user.home / LINK).resolve() == user.home / UNIT
    assert not (user.home / ".bashrc").exists(), "nothing but the broker"
    assert "already installed" in user.lkr("install", "--broker", "--yes")
    user.lkr("install", "bash", "--yes")
    assert "no longer starts at login" in user.lkr("uninstall", "--broker", "--yes")
    assert not (user.home / UNIT).exists() and not (user.home / LINK).is_symlink()
    assert "lkr" in (user.home / ".bashrc").read_text()
    assert "nothing to uninstall" in user.lkr("uninstall", "--broker", "--yes")
    user.lkr("install", "--broker", "--yes")
    user.lkr("uninstall", "--yes")
    assert not (user.home / UNIT).exists() and not (user.home / LINK).is_symlink()


def test_systemd_understands_it(user: User, tmp_path: Path) -> None:
    odd = tmp_path / 'a "b" %h $HOME \\ c'
    odd.mkdir()
    program = odd / "lkr"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "lkr-broker.service"
    for words in ([f"{BIN}/lkr", "broker", "run"], [str(program), "broker"]):
        unit.write_text(systemd.unit("The broker of lkr", words, {"XDG_DATA_HOME": f"{odd}/data"}, 69))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--user", str(unit)], env={**user.env, "XDG_RUNTIME_DIR": str(tmp_path)},
            capture_output=True, text=True, timeout=100,
        )  # fmt: skip
        assert not [line for line in done.stderr.splitlines() if "lkr" in line], done.stderr
    with pytest.raises(ValueError, match="no place"):
        systemd.unit("x", ["/bin/lkr\nExecStartPost=/bin/evil"], {}, 69)


def test_launchd_would_start_it_at_login() -> None:
    agent = plistlib.loads(launchd.plist("lkr-broker", ["/x/lkr", "broker"], True, {"LKR_BACKEND": "vault"}))
    assert agent["RunAtLoad"] and agent["KeepAlive"] == {"Crashed": True}
    assert agent["EnvironmentVariables"] == {"LKR_BACKEND": "vault"}
    assert not plistlib.loads(launchd.plist("memory", ["/x/lkr"]))["RunAtLoad"]


def test_what_it_runs_is_the_broker_that_everybody_uses_and_there_is_never_a_second(user: User) -> None:
    environment = dict(
        line.removeprefix("Environment=").strip('"').split("=", 1)
        for line in systemd.unit("x", ["/x"], {"LKR_BACKEND": "vault"}, 69).splitlines()
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
