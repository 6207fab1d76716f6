"""Finds the manifests that apply to a folder, and reads their texts."""

import os
import stat

from lkrshell.core import folders
from lkrshell.core.errors import USAGE, LkrError, ManifestError
from lkrshell.core.text import show
from lkrshell.state import paths

MANIFEST, LOCAL = ".lkr.toml", ".lkr.local.toml"
TEAM = ".lkr/members.toml"
LIMIT = 1 << 20  # bytes; far more than a manifest may have
ABSENT, UNREADABLE, TEXT = "-", "!", "="
READABLE = "it must be a text file of at most 1 MiB that you can read"  # what to do about an unreadable one


class Place:
    """A folder with a manifest: its path as the shell names it, its real path, and both texts.

    A text is `=` followed by the content, `-` if there is no such file, or `!` if it cannot be read. The hooks compare
    manifests in this form.
    """

    __slots__ = ("folder", "local", "real", "text")

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.real = paths.real(folder)
        self.text = read_text(os.path.join(folder, MANIFEST))
        self.local = read_text(os.path.join(folder, LOCAL))

    def files(self) -> list[tuple[str, str]]:
        """Both files with their texts, for the hook to watch."""
        return [
            (os.path.join(self.folder, MANIFEST), self.text),
            (os.path.join(self.folder, LOCAL), self.local),
        ]

    def local_content(self) -> str | None:
        """The content of the local file; None if there is none."""
        return None if self.local == ABSENT else self.local[1:]


def read_text(path: str) -> str:
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    except OSError:
        return UNREADABLE
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return UNREADABLE  # a pipe or a device; the hooks do not read those either
        data = b""
        while chunk := os.read(fd, 1 << 16):
            data += chunk
            if len(data) > LIMIT:
                return UNREADABLE
    except OSError:
        return UNREADABLE
    finally:
        os.close(fd)
    # Shells cannot see a NUL at the very end. A text with a NUL never equals an allowed text.
    return UNREADABLE if b"\0" in data[:-1] else TEXT + data.decode("utf-8", "surrogateescape")


def current_folder() -> str:
    """`$PWD` if it names the current folder (it keeps the symlinks that the user followed), else the real path."""
    logical = os.environ.get("PWD", "")
    try:
        if logical.startswith("/") and os.path.samefile(logical, "."):
            return os.path.normpath(logical)
        return os.getcwd()
    except OSError:
        return logical if logical.startswith("/") else "/"


def check_exists(folder: str) -> None:
    """LkrError if the folder was removed, which may happen to the current one."""
    if not os.path.exists(folder):
        raise LkrError(f"{show(folder)} no longer exists", "go to another folder with cd")


def require(start: str) -> str:
    """The nearest folder, from `start` up, that holds a manifest. ManifestError if there is none."""
    found = find(start)
    if found is None:
        check_exists(start)
        raise ManifestError("no .lkr.toml here or above", "create one: lkr init")
    return found


def require_at(folder: str | None) -> str:
    """The folder whose manifest applies to `folder` (None: here). LkrError without such a folder, or a manifest."""
    if folder and not os.path.isdir(folder):
        raise LkrError(f"there is no folder {show(folder)}", "name a folder that holds a .lkr.toml", USAGE)
    return require(os.path.abspath(folder) if folder else current_folder())


def find_team(folder: str) -> str | None:
    """The nearest folder, from `folder` up, that holds a team's file; None if there is none."""
    return next((each for each in folders.above(folder) if os.path.lexists(os.path.join(each, TEAM))), None)


def find(folder: str) -> str | None:
    """The nearest folder, from `folder` up, that holds a manifest; None if there is none."""
    for candidate in folders.above(folder):
        if os.path.exists(os.path.join(candidate, MANIFEST)):
            return candidate
    return None
