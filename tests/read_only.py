"""Runs a script like a strict CI job: without a home folder, on a disk that is read-only except for one folder."""

import os
import subprocess
from pathlib import Path

_ROOT = """set -e
mount --rbind / "$1"
mount -o remount,bind,ro "$1"
mount -t tmpfs none "$1/mnt"
exec chroot "$1" /bin/sh -ec "if touch /root-is-writable 2>/dev/null; then exit 9; fi; $2" job /mnt
"""
_START = """
export XDG_CONFIG_HOME="$1/config" XDG_DATA_HOME="$1/data" XDG_STATE_HOME="$1/state"
mkdir -p "$1/config/lkr"
echo "agent_ancestors = false" >"$1/config/lkr/config.toml"
head -c 16 /dev/urandom | od -An -tx1 | tr -d " " | lkr unlock --stdin
"""


def run(script: str, env: dict[str, str], program: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Runs the script by `sh`, with a new vault. `folder` is an empty folder for the disk to be mounted at.

    Where the kernel allows no namespaces, as in a container or below chroot, the disk stays writable, and the script
    uses only `folder`.
    """
    folder.mkdir()
    alone = ["unshare", "-Urm"]
    if subprocess.run([*alone, "true"], stderr=subprocess.DEVNULL).returncode == 0:
        words = [*alone, "sh", "-c", _ROOT, "job", str(folder), _START + script]
    else:
        words = ["sh", "-ec", _START + script, "job", str(folder)]
    return subprocess.run(
        words, env={**env, "PATH": f"{Path(program).parent}:{os.environ['PATH']}"},
        cwd="/", capture_output=True, text=True, timeout=250, start_new_session=True,
    )  # fmt: skip
