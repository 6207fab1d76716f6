"""The folder of the broker's control socket and its table of virtual keys, which live as long as the broker.

It lies in the session's runtime folder, else in the state folder: never in a folder that every user can write, so
nobody else can create it first. It is named after the folders that the broker serves, so another HOME has another
broker.
"""

import os
import stat

from lkrshell.core import records
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.state import files, paths


def path() -> str:
    served = (paths.data_dir(), paths.state_dir(), paths.config_file(), os.environ.get("LKR_BACKEND", ""))
    name = f"lkr-{records.digest(os.fsencode(chr(10).join(served)))[:12]}"
    return os.path.join(_session_folder() or os.path.join(paths.state_dir(), "run"), name)


def _session_folder() -> str:
    """The runtime folder of this user's session; empty if there is none that only the user can access."""
    if not hasattr(os, "getuid"):
        return ""
    for folder in (os.environ.get("XDG_RUNTIME_DIR", ""), f"/run/user/{os.getuid()}"):
        try:
            info = os.lstat(folder)
        except OSError:
            continue
        ours = stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid() and not info.st_mode & 0o077
        if ours and folder.startswith("/"):
            return folder
    return ""


def open_folder(make: bool = True) -> int:
    """Opens the folder and returns its descriptor. What happens through it stays inside, even if the path changes.

    LkrError if it is a link, or if other users can access it. Without `make`, FileNotFoundError if it does not exist.
    """
    folder = path()
    flags = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        fd = os.open(folder, flags)
    except FileNotFoundError:
        if not make:
            raise
        files.make_private_dir(folder)
        return open_folder(make=False)
    except OSError as error:
        raise LkrError(f"{show(folder)} is not a folder that lkr made: {error.strerror}", "remove it") from None
    try:
        files.check_private(folder, os.fstat(fd))
    except BaseException:
        os.close(fd)
        raise
    return fd


def path_in(fd: int, name: str) -> str:
    """A path to `name` in the open folder that is short enough for a socket."""
    through = f"/proc/self/fd/{fd}"
    return f"{through if os.path.isdir(through) else path()}/{name}"
