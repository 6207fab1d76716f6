"""The generation file: one line that changes whenever live shells should look again.

Each hook reads it with a builtin at every prompt inside a project. On the path of `lkr export`.
"""

import os

from lkrshell import files, paths


def read() -> str:
    """The present generation; empty before the first one."""
    data = files.read_private(paths.generation_file()) or b""
    return data.decode("ascii", "replace").strip()


def bump() -> None:
    """Makes every live shell look again at its next prompt."""
    import time

    files.write_private(paths.generation_file(), f"{time.time_ns():x}.{os.getpid():x}\n".encode())
