"""A write survives a power loss: the data reach the disk before the name, and the name before we say so."""

import re
import subprocess
from pathlib import Path

from conftest import BIN, User


def test_every_file_is_synced_before_it_gets_its_name_and_the_folder_after(user: User, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    subprocess.run(
        ["strace", "-f", "-y", "-e", "trace=openat,fsync,rename,renameat,renameat2", "-o", str(trace),
         f"{BIN}/lkr", "set", "openai:prod", "--stdin"],
        input=b"sk-new-value-12345678", env=user.env, capture_output=True, check=True,
    )  # fmt: skip
    lines = trace.read_text().splitlines()
    renames = 0
    for number, line in enumerate(lines):
        found = re.search(r'rename\w*\((?:[^"]*)"([^"]+)",[^"]*"([^"]+)"', line)
        if not found:
            continue
        renames += 1
        old, new = found.groups()
        synced = [n for n, each in enumerate(lines) if "fsync(" in each and f"<{old}>" in each]
        assert synced and synced[-1] < number, f"{new} got its name before its data"
        folder = [n for n, each in enumerate(lines) if "fsync(" in each and f"<{Path(new).parent}>" in each]
        assert folder and folder[-1] > number, f"the folder of {new} was not synced"
    assert renames >= 3, "the key, the index, the generation"
