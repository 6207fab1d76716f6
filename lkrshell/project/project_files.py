"""Reads and writes files of a project, without following a link out of its folder.

A repository may contain links: `.env` to another project's file, `.gitignore` to one of the person's own files. Each
part of a path is opened by itself without following links, so nobody can put a link there at the last moment either.
"""

import contextlib
import os
import stat
from collections.abc import Iterator

from lkrshell.core import folders
from lkrshell.core.errors import REFUSED, LkrError, ManifestError
from lkrshell.core.text import show
from lkrshell.project import lookup
from lkrshell.state import files

LIMIT = 1 << 20  # bytes


def root_of(path: str) -> tuple[str, str]:
    """The folder that a path must not lead out of, and the path relative to that folder. The person named the path.

    It is the project here, else the current folder, if the path is below it; otherwise the folder in the path.
    """
    whole, here = os.path.abspath(path), os.getcwd()
    for folder in (lookup.find(here), here):
        if folder and whole != folder and folders.within(whole, folder):
            return folder, os.path.relpath(whole, folder)
    return os.path.split(whole)


def read(folder: str, name: str, limit: int = LIMIT, alone: bool = False, whole: bool = True) -> bytes | None:
    """The content of the file `name` in `folder`; None if there is none. Without `whole`, only the first `limit` bytes.

    LkrError (2) if a link leads out of the folder or, with `alone`, if the file has a second name. LkrError if it is
    not a regular file, too large, or not readable.
    """
    path = os.path.join(folder, name)
    try:
        with _opened(folder, name) as (parent, last):
            fd = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
            with open(fd, "rb") as file:
                info = os.fstat(fd)
                if not stat.S_ISREG(info.st_mode):
                    raise LkrError(f"{show(path)} is not a file")
                if alone and info.st_nlink > 1:
                    hint = "it may be another project's file; put a copy in its place"
                    raise LkrError(f"{show(path)} is a hard link", hint, REFUSED)
                data = file.read(limit + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LkrError(f"cannot read {show(path)}: {error.strerror}") from None
    if len(data) > limit and whole:
        raise LkrError(f"{show(path)} is larger than {limit >> 10} KiB", "lkr does not read larger ones")
    return data[:limit]


def replace(folder: str, name: str, data: bytes, mode: int | None = None) -> None:
    """Replaces the file `name` in `folder` atomically. It keeps its mode unless `mode` is given.

    A link within the folder stays, and its target is replaced. LkrError (2) if it leads out of the folder; LkrError if
    the disk refuses.
    """
    try:
        with _opened(folder, name) as (parent, last):
            files.replace_file(last, data, _mode(parent, last) if mode is None else mode, parent)
    except OSError as error:
        where = show(os.path.join(folder, name))
        raise LkrError(f"cannot write {where}: {error.strerror}", "nothing was changed in it") from None


def remove(folder: str, name: str) -> None:
    """Removes the file `name` in `folder`, or the link there. LkrError (2) if a link in its path leads out of the
    folder; LkrError if the disk refuses."""
    top, last = os.path.split(name)
    try:
        with _opened(folder, os.path.join(top, "x")) as (parent, _):
            files.note_change()
            os.unlink(last, dir_fd=parent)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise LkrError(f"cannot remove {show(os.path.join(folder, name))}: {error.strerror}") from None


def check(folder: str, *names: str) -> None:
    """LkrError (2) if one of these files in `folder` is a link that leads out of it. To be called before the first
    write."""
    for name in names:
        _real(folder, name)


def check_new(place: lookup.Place) -> None:
    """LkrError if the manifests of `place` must not be written: because of links, because a local file that nobody
    allowed would take effect, or because the folder was removed."""
    lookup.check_exists(place.folder)
    check(place.folder, lookup.MANIFEST, lookup.LOCAL)
    if place.text == lookup.ABSENT and place.local != lookup.ABSENT:
        hint = "review it, and move it away until there is a .lkr.toml"
        raise ManifestError(f"{lookup.LOCAL} was already there and is not allowed", hint)


def _mode(parent: int, last: str) -> int:
    try:
        return os.stat(last, dir_fd=parent, follow_symlinks=False).st_mode & 0o777
    except FileNotFoundError:
        return 0o644


@contextlib.contextmanager
def _opened(folder: str, name: str) -> Iterator[tuple[int, str]]:
    """Opens the real folder of the file `name`. Yields its descriptor and the file's name in it. OSError if it is
    missing."""
    top, parts = _real(folder, name)
    fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            os.close(fd)
            fd = below
        yield fd, parts[-1]
    finally:
        os.close(fd)


def _real(folder: str, name: str) -> tuple[str, list[str]]:
    """The real folder, and the parts of the file's real path below it."""
    top, real = os.path.realpath(folder), os.path.realpath(os.path.join(folder, name))
    if real == top or not folders.within(real, top):
        message = f"{show(os.path.join(folder, name))} is a link that leads out of {show(folder)}"
        hint = "lkr does not follow such links; put a file in its place"
        if os.path.exists(real):  # what /dev/stdin leads to has no path
            hint += f", or name {show(real)} itself"
        raise LkrError(message, hint, REFUSED)
    return top, os.path.relpath(real, top).split(os.sep)
