"""The generation: a file whose *name* changes whenever live shells should look again.

Each hook asks, at every prompt inside a project, whether the name it saw is still there: one stat. There is one
file, renamed by every change, so that no two changes can leave a name behind.
"""

import os

from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.state import files, paths


def read() -> str:
    """The present name; a first one is made where there is none. Empty when that cannot be: nothing changes then.

    LkrError when the state folder is not the user's alone.
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
    """Makes every live shell look again at its next prompt; the new name. LkrError when it cannot be written."""
    import time

    folder = paths.generation_dir()
    new = f"{time.time_ns():x}.{os.getpid():x}"
    files.make_private_dir(paths.state_dir())
    files.make_private_dir(folder)
    try:
        while True:
            renamed = [_rename(folder, old, new) for old in _names()]  # two, when two first ones were made at once
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
    """What lies there, of our making; the empty list without a folder."""
    try:
        found = os.listdir(paths.generation_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(name for name in found if name.strip("0123456789abcdef.") == "")
