"""Runs a script like a strict CI job: without a home folder, on a disk that is read-only except for /mnt."""

import os
import subprocess
from pathlib import Path

_ROOT = """set -e
mount --rbind / "$1"
mount -o remount,bind,ro "$1"
mount -t tmpfs none "$1/mnt"
exec chroot "$1" /bin/sh -ec "$2"
"""
_START = """
if touch /root-is-writable 2>/dev/null; then exit 9; fi
export XDG_CONFIG_HOME=/mnt/config XDG_DATA_HOME=/mnt/data XDG_STATE_HOME=/mnt/state
mkdir -p /mnt/config/lkr
echo "agent_ancestors = false" >/mnt/config/lkr/config.toml
head -c 16 /dev/urandom | od -An -tx1 | tr -d " " | lkr unlock --stdin
"""


def run(script: str, env: dict[str, str], program: str, root: Path) -> "subprocess.CompletedProcess[str]":
    """Runs the script by `sh`, with a new vault. `root` is an empty folder for the disk to be mounted at."""
    root.mkdir()
    return subprocess.run(
        ["unshare", "-Urm", "sh", "-c", _ROOT, "job", str(root), _START + script],
        env={**env, "PATH": f"{Path(program).parent}:{os.environ['PATH']}"},
        cwd="/", capture_output=True, text=True, timeout=250, start_new_session=True,
    )  # fmt: skip
