"""Reads files for a scan: only regular files, no links, nothing outside the folder, a bounded part of each.

Counts and reports what it could not read, or could read only in part. Never waits for a pipe or a device.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from lkrshell.core import folders
from lkrshell.scan import text
from lkrshell.scan.findings import FILE, IGNORED, TRACKED, UNTRACKED, Finding
from lkrshell.scan.marks import Ignored
from lkrshell.system import git

MOST = 64 << 20  # bytes read of one file
# bytes; the overlap fits a value with everything that may stand between its parts
_WINDOW, _OVERLAP = 4 << 20, 64 << 10
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)  # it went in the meantime, or it is a link or a socket
# How compressed files begin: gzip, zip, xz, bzip2, zstd, 7z.
_COMPRESSED = (
    b"\x1f\x8b",
    b"PK\x03\x04",
    b"\xfd7zXZ\0",
    *(b"BZh%d1AY" % n for n in range(1, 10)),
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c",
)
_SILENT = (".git", ".hg", ".svn", "__pycache__")
_MOST_FILES = 1_000_000
# Folders that others wrote or that can be made again. They are searched only if git tracks them.
PASSED_OVER = frozenset(
    """node_modules bower_components venv .venv site-packages __pycache__ .git .hg .svn .tox .nox .mypy_cache
    .ruff_cache .pytest_cache .hypothesis .gradle .terraform .cache target""".split()
)


@dataclass
class Tally:
    """Counts what was read, and lists what was not read."""

    files: int = 0
    stdin: bool = False  # standard input was read
    bytes: int = 0
    unreadable: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)  # read in part
    compressed: list[str] = field(default_factory=list)  # read, but not unpacked
    passed_over: list[str] = field(default_factory=list)  # folders
    step: Callable[[int], None] = lambda count: None

    def notes(self) -> list[str]:
        """Returns sentences for a person."""
        found = []
        for names, said in (
            (self.unreadable, "could not be read"),
            (self.cut, f"were read only in their first {MOST >> 20} MiB"),
            (self.compressed, "were not unpacked"),
            (self.passed_over, "were skipped; name them to search them"),
        ):
            if names:
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                found.append(f"{', '.join(names[:3])}{more} {said}" if len(names) > 1 else _one(names[0], said))
        return found


def _one(name: str, said: str) -> str:
    return f"{name} {said.replace('were ', 'was ').replace('their', 'its').replace('them', 'it')}"


def search(paths: "Iterable[tuple[str, str]]", what: text.Search, tally: Tally, ignored: Ignored) -> Iterator[Finding]:
    """Yields the findings in files, each given with its state. Names are relative to the present folder."""
    here = os.getcwd()
    for number, (path, state) in enumerate(paths):
        tally.step(tally.files)
        if number == _MOST_FILES:
            tally.cut.append("everything after a million files")
            return
        shown = os.path.relpath(path, here) if folders.within(path, here) else path
        named = [hit for _, _, hit in what.hits(os.fsencode(shown), binary=True)]
        for found in named:
            found.place, found.form = shown, "file name"
        for found in (*named, *_in_file(path, shown, what, tally)):
            if found.kind == "stored" or not ignored.covers(path):
                found.state = state
                yield found


def _in_file(path: str, shown: str, what: text.Search, tally: Tally) -> Iterator[Finding]:
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return  # even opening a device may have an effect
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno not in _GONE:
            tally.unreadable.append(shown)
        return
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            return
        tally.files += 1
        if info.st_size > MOST:
            tally.cut.append(shown)
        for number, (data, line) in enumerate(windows(fd, tally)):
            if number == 0 and data.startswith(_COMPRESSED):
                tally.compressed.append(shown)
            for start, _, found in in_data(data, what):
                found.place, found.file, found.time = shown, path, info.st_mtime
                found.line = line + data.count(b"\n", 0, start)
                found.others_read = bool(info.st_mode & stat.S_IROTH) and _reachable(path)
                yield found
    except OSError:
        tally.unreadable.append(shown)
    finally:
        os.close(fd)


def windows(fd: int, tally: Tally) -> Iterator[tuple[bytes, int]]:
    """Yields the file's content in windows, each with the number of its first line. Neighbors overlap."""
    data, line, left = b"", 1, MOST
    size = os.fstat(fd).st_size or _WINDOW  # pipes and the kernel's own files have no size
    while left > 0 and (fresh := _read(fd, min(_WINDOW, size + 1, left))):
        left -= len(fresh)
        tally.bytes += len(fresh)
        whole = data + fresh if data else fresh
        yield text.readable(whole), line
        data = whole[-_OVERLAP:]
        line += whole.count(b"\n", 0, len(whole) - len(data))


def _read(fd: int, size: int) -> bytes:
    """Returns up to `size` bytes, fewer at the end."""
    data = os.read(fd, size)
    if not data or len(data) == size:
        return data
    parts = [data]
    while size > (got := sum(map(len, parts))) and (data := os.read(fd, size - got)):
        parts.append(data)
    return b"".join(parts)


def in_data(data: bytes, what: text.Search) -> "list[tuple[int, int, Finding]]":
    """Returns the hits in a text, or in binary data only those of stored values."""
    return list(what.hits(data, text.binary(data) and not data.startswith(b"SQLite format 3")))


def _reachable(path: str) -> bool:
    """True when others may enter every folder on the way."""
    while (parent := os.path.dirname(path)) != path:
        path = parent
        try:
            if not os.stat(path).st_mode & stat.S_IXOTH:
                return False
        except OSError:
            return False
    return True


def project(folder: str, tally: Tally) -> Iterator[tuple[str, str]]:
    """Yields the files of a folder with their states in git; all files when there is no repository."""
    tracked = git.listed(folder, "--cached")
    if tracked is None:
        yield from ((path, FILE) for path in walk(folder, tally))
        return
    others, closed = git.untracked(folder)
    ignored, _ = git.untracked(folder, "--ignored", "--directory")
    tally.unreadable += [os.path.relpath(os.path.join(folder, name)) for name in closed]
    real = os.path.realpath(folder)
    inside: dict[str, bool] = {}
    for names, state in ((tracked, TRACKED), (others, UNTRACKED), (ignored, IGNORED)):
        for name in dict.fromkeys(names):  # a file in conflict is listed three times
            path = os.path.join(folder, name)
            parent = os.path.dirname(path)
            if parent not in inside:  # git lists a name, but part of its path may be a link
                inside[parent] = folders.within(os.path.realpath(parent), real)
            if not inside[parent]:
                continue
            if name.endswith("/"):  # another repository, or a folder that is ignored as a whole
                yield from ((each, state) for each in walk(path.rstrip("/"), tally))
            else:
                yield path, state


def walk(folder: str, tally: Tally, named: bool = False) -> Iterator[str]:
    """Yields the files below a folder, on the same file system, without following links. `named`: the person named
    it."""
    if os.path.basename(folder) in PASSED_OVER and not named:
        _pass_over(folder, tally)
        return
    pending, device = [folder], -1
    while pending:
        place = pending.pop()
        try:
            device = os.lstat(place).st_dev if device < 0 else device
            with os.scandir(place) as listing:
                entries = sorted(listing, key=lambda each: each.name)
        except OSError:
            tally.unreadable.append(os.path.relpath(place))
            continue
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                yield entry.path
            elif entry.is_dir(follow_symlinks=False):
                if entry.name in PASSED_OVER:
                    _pass_over(entry.path, tally)
                elif entry.stat(follow_symlinks=False).st_dev == device:
                    pending.append(entry.path)


def _pass_over(folder: str, tally: Tally) -> None:
    if os.path.basename(folder) not in _SILENT:
        tally.passed_over.append(os.path.relpath(folder))
