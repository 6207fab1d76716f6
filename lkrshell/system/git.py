"""Asks git about files. Only this module starts git. It never starts a program that a repository names.

Without git, or outside a repository, there is no answer. Settings of the system and the person apply, since they say
which folders are safe and what is ignored. Settings of the repository cannot start a program, transport or hook.
"""

import contextlib
import os
import re
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO, TypeVar

from lkrshell.core import folders, platform
from lkrshell.core.errors import LkrError

T = TypeVar("T")
R = TypeVar("R")

_SETTINGS = (
    "safe.bareRepository=explicit",  # do not accept a bare repository inside the project
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.sshCommand=false",
    "core.askPass=",
    "credential.helper=",
    "diff.external=",
    "gpg.program=false",
    "protocol.allow=never",
)
_VARIABLES = {
    "GIT_NO_LAZY_FETCH": "1",  # else a partial clone fetches missing objects with a program that its settings name
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_NO_REPLACE_OBJECTS": "1",  # else objects that a repository has replaced stay hidden
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}
_KEPT = ("HOME", "XDG_CONFIG_HOME", "USERPROFILE", "SYSTEMROOT", "TMPDIR", "GIT_CONFIG_NOSYSTEM")
_MARKS = (".git", ".lkr.toml")  # files that mark a project's folder
_WAIT = 10  # seconds
_MOST_AT_ONCE = 4
_CLOSED = re.compile(rb"^warning: could not open directory '(.*?)/?': ", re.M)
_ESCAPED = re.compile(rb"\\(?:([0-3][0-7]{2})|(.))", re.S)
_LETTERS = {b"a": b"\a", b"b": b"\b", b"t": b"\t", b"n": b"\n", b"v": b"\v", b"f": b"\f", b"r": b"\r"}


def tracks(path: str) -> bool:
    """True if git tracks `path`."""
    folder, name = os.path.split(os.path.abspath(path))
    return _ask(folder, "ls-files", "--error-unmatch", "--", f":(literal){name}") is not None


def sees(path: str) -> bool:
    """True if `path` is in a repository and not ignored."""
    folder, name = os.path.split(os.path.abspath(path))
    return _ask(folder, "rev-parse") is not None and _ask(folder, "check-ignore", "-q", "--", f"./{name}") is None


def files(folder: str) -> list[str] | None:
    """The files below `folder` that git tracks or would add, relative to it; None outside a repository."""
    listed = _ask(folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    return None if listed is None else [os.fsdecode(name) for name in listed.split(b"\0") if name]


def top(folder: str) -> str | None:
    """The folder that holds the repository's files; None outside of one."""
    found = _ask(folder, "rev-parse", "--show-toplevel")
    return os.fsdecode(found.removesuffix(b"\n")) if found else None


def hooks_folder(folder: str) -> str | None:
    """Where git looks for this repository's hooks, according to its own settings and the person's; None outside of
    one."""
    settings = [each for each in _SETTINGS if not each.startswith("core.hooksPath")]
    found = _ask(folder, "rev-parse", "--path-format=absolute", "--git-path", "hooks", settings=settings)
    return os.fsdecode(found.removesuffix(b"\n")) if found else None


def listed(folder: str, *which: str) -> list[str] | None:
    """What `git ls-files` lists below `folder` with these options, relative to it; None outside a repository."""
    found = _ask(folder, "ls-files", "-z", *which)
    return None if found is None else [os.fsdecode(name) for name in found.split(b"\0") if name]


def untracked(folder: str, *which: str) -> tuple[list[str], list[str]]:
    """The files below `folder` that git does not track, as `git ls-files --others` lists them with these options, and
    the folders that it could not read, relative to it."""
    done = _run(folder, "ls-files", "-z", "--others", "--exclude-standard", *which)
    if done is None:
        return [], []
    closed = [os.fsdecode(name) for name in _CLOSED.findall(done.stderr)]
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name], closed


def output(folder: str, *words: str, wait: float = _WAIT, index: str = "") -> bytes | None:
    """What `git WORDS` prints, for words that are a constant or an object's name; None if it fails.

    `index` is the index to use in place of the repository's own: `git commit` makes one for its hooks.
    """
    return _ask(folder, *words, wait=wait, index=index)


@contextlib.contextmanager
def stream(folder: str, *words: str, lines: bytes | None = None) -> Iterator[IO[bytes]]:
    """What `git WORDS` prints, as it comes; `lines` is its standard input. LkrError when git cannot be started."""
    program = _command(folder, _SETTINGS, words)
    if program is None:
        raise LkrError("git is not installed", "install it")
    command, environment = program
    source = subprocess.DEVNULL if lines is None else subprocess.PIPE
    with subprocess.Popen(
        command,
        env=environment,
        stdin=source,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=1 << 18,
    ) as process:
        try:
            if lines is not None:
                threading.Thread(target=_send, args=(process.stdin, lines), daemon=True).start()
            if process.stdout:
                yield process.stdout
        finally:
            process.kill()


def shared(names: list[T], work: Callable[[list[T]], R]) -> list[R]:
    """Splits a long list into parts, in order, and works on all of them at once, so that each has a git of its own.
    Returns the results in the same order."""
    from concurrent.futures import ThreadPoolExecutor

    count = min(_MOST_AT_ONCE, os.cpu_count() or 1)
    each = -(-len(names) // count) or 1
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, (names[at : at + each] for at in range(0, len(names), each))))


def unquoted(name: bytes) -> bytes:
    """A path as git prints it in patches and lists: in quotes and with escapes, if it has unusual bytes."""
    if not name.startswith(b'"'):
        return name
    return _ESCAPED.sub(
        lambda each: bytes([int(each[1], 8)]) if each[1] else _LETTERS.get(each[2], each[2]), name[1:-1]
    )


def _send(stream: IO[bytes], lines: bytes) -> None:
    try:
        with stream:
            stream.write(lines)
    except OSError:
        pass  # the reader has stopped


def _ask(
    folder: str, *words: str, settings: Sequence[str] = _SETTINGS, wait: float = _WAIT, index: str = ""
) -> bytes | None:
    """What git prints in `folder`. None if it fails or is not installed."""
    done = _run(folder, *words, settings=settings, wait=wait, index=index)
    return done.stdout if done else None


def _run(
    folder: str, *words: str, settings: Sequence[str] = _SETTINGS, wait: float = _WAIT, index: str = ""
) -> "subprocess.CompletedProcess[bytes] | None":
    program = _command(folder, settings, words)
    if program is None:
        return None
    command, environment = program
    if index:
        environment["GIT_INDEX_FILE"] = index
    try:
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=wait, check=True
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _command(folder: str, settings: Sequence[str], words: Sequence[str]) -> tuple[list[str], dict[str, str]] | None:
    """The words and the environment that start git; None where there is no git."""
    search = _search_path(folder)
    program = _program(search)
    if program is None:
        return None
    options = [word for setting in settings for word in ("-c", setting)]
    environment = {variable: os.environ[variable] for variable in _KEPT if variable in os.environ}
    return [program, "--no-pager", *options, "-C", folder, *words], environment | _VARIABLES | {"PATH": search}


def _search_path(folder: str) -> str:
    """PATH without relative entries and without folders inside the project, where a project could put programs."""
    top = _top(os.path.realpath(folder))
    return os.pathsep.join(
        entry
        for entry in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if os.path.isabs(entry) and not folders.within(os.path.realpath(entry), top)
    )


def _top(folder: str) -> str:
    """The topmost folder above that looks like a project, else `folder`. Never the home folder or one above it."""
    home = os.path.realpath(os.path.expanduser("~"))
    inside = [each for each in folders.above(folder) if not folders.within(home, each)]
    marked = [each for each in inside if any(os.path.lexists(os.path.join(each, mark)) for mark in _MARKS)]
    return (marked or inside[:1] or [os.path.join(folder, ".git")])[-1]


def _program(search: str) -> str | None:
    for entry in search.split(os.pathsep):
        path = os.path.join(entry, "git.exe" if platform.WINDOWS else "git")
        try:
            if entry and stat.S_ISREG(os.stat(path).st_mode) and os.access(path, os.X_OK):
                return path
        except OSError:
            continue
    return None
