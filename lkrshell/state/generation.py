"""The generation: a file whose *name* changes whenever live shells should check their keys again.

At every prompt inside a project, the hook checks with one stat whether the name that it saw still exists. Each change
renames this one file, so two changes at once cannot leave an old name behind.
"""

import os

from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.state import files, paths


def read() -> str:
    """The current name. Makes the first one if there is none. Empty if that fails; live shells then never check again.

    LkrError if other users can use the state folder.
    """
    state = paths.state_dir()
    try:
        files.check_private(state, os.stat(state))
    except OSError:
        pass  # none yet
    try:
        return (_names() or [bump()])[0]
    except (OSError, LkrError):
        return ""


def bump() -> str:
    """Makes every live shell check its keys at its next prompt. Returns the new name. LkrError if it cannot be
    written."""
    import time

    folder = paths.generation_dir()
    new = f"{time.time_ns():x}.{os.getpid():x}"
    files.make_private_dir(paths.state_dir())
    files.make_private_dir(folder)
    try:
        while True:
            renamed = [_rename(folder, old, new) for old in _names()]  # two, if two were made at once
            if any(renamed):
                return new
            if not renamed:
                files.make_private_file(os.path.join(folder, "0"))
    except OSError as error:
        raise LkrError(f"cannot write {show(folder)}: {error.strerror}") from None


def _rename(folder: str, old: str, new: str) -> bool:
    try:
        os.rename(os.path.join(folder, old), os.path.join(folder, new))
    except FileNotFoundError:  # another lkr was quicker
        return False
    return True


def _names() -> list[str]:
    """The names of our files there; empty if there is no folder."""
    try:
        found = os.listdir(paths.generation_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in found if name.strip("0123456789abcdef.") == "")
