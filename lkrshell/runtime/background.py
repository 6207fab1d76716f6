"""Starts programs of ours in the background. They inherit only what they are given: no other file, and no terminal."""

import os
import sys

from lkrshell.core import own_python

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def import_path() -> list[str]:
    """Where such a program looks for modules: where this Python was installed, and where lkr and its libraries are.

    It outlives the program that starts it and serves other projects. So it looks in no folder of PYTHONPATH, under any
    name, and in none that a program added.
    """
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    given = {os.path.realpath(each) for each in os.environ.get("PYTHONPATH", "").split(os.pathsep) if each}
    own = sys.path if sys.flags.safe_path or sys.flags.isolated else sys.path[1:]
    found = [each for each in own if _is_ours(each) and os.path.realpath(each) not in given]
    return list(dict.fromkeys([package, *found]))


def _is_ours(folder: str) -> bool:
    prefixes = {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}
    installed = tuple(f"{os.path.realpath(each)}/" for each in prefixes)
    return os.path.realpath(folder).startswith(installed) or os.path.isfile(f"{folder}/pyrage/__init__.py")


def command(module: str, *words: str) -> list[str]:
    """The words that call `main(*words)` of `module` in such a program."""
    return own_python.command(module, *words, path=import_path())


def start(
    words: list[str], environment: "Mapping[str, str]", errors: int | None = None, more: "Sequence[int]" = ()
) -> None:
    """Runs `words` in a new process, in a session of its own. We do not wait for it.

    It reads and writes nothing, but its errors go to the file `errors`. `more` are its files 3, 4, ...
    """
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            if os.fork():
                os._exit(0)
            os.chdir("/")
            null = os.open(os.devnull, os.O_RDWR)
            become(words, environment, [null, null, null if errors is None else errors, *more])
        finally:
            os._exit(127)
    os.waitpid(pid, 0)


def become(words: list[str], environment: "Mapping[str, str]", files: "Sequence[int]") -> None:
    """Replaces this process by `words`, with these as its files 0, 1, 2, ... and no other open file."""
    import fcntl

    os.umask(0o077)
    copies = [
        fcntl.fcntl(fd, fcntl.F_DUPFD, len(files)) for fd in files
    ]  # to numbers that the next lines do not overwrite
    for place, fd in enumerate(copies):
        os.dup2(fd, place)
    os.closerange(len(files), os.sysconf("SC_OPEN_MAX"))
    os.execve(words[0], words, environment)  # noqa: S606
