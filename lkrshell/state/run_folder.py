"""The folder of what lives as long as the broker: its control socket and its table of virtual keys.

Below the session's runtime folder, or the state folder where there is none: never in a folder that every user can
write, so nobody else can be there first. It is named after the folders that the broker serves, so another home has
another broker.
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
    """The folder that the system keeps for this user's session, empty where there is none that is the user's alone."""
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
    """The open folder. What is done through it stays in it, whatever happens to its path.

    LkrError when it is a link, or not the user's alone. FileNotFoundError without one, unless it is to be made.
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
        raise LkrError(f"{show(folder)} is no folder of lkr's: {error.strerror}", "remove it") from None
    try:
        files.check_private(folder, os.fstat(fd))
    except BaseException:
        os.close(fd)
        raise
    return fd


def path_in(fd: int, name: str) -> str:
    """A path of `name` in the open folder, short enough for a socket."""
    through = f"/proc/self/fd/{fd}"
    return f"{through if os.path.isdir(through) else path()}/{name}"
