"""`lkr doctor --report`: what a bug report needs, safe to publish.

It names no key, folder, project or user. Paths are reduced to the kind of place, and findings to their kind and number.
Each line is made separately, so that a failure does not hide the others.
"""

import os
import platform as machine
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import metadata

import lkrshell
from lkrshell import doctor
from lkrshell.core import platform
from lkrshell.core.errors import LkrError

_PACKAGES = ("pyrage", "keyring", "click", "filelock", "tomlkit", "zxcvbn", "aiohttp")
_VARIABLES = (
    "SSH_TTY", "TMUX", "TERM_PROGRAM", "DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR",
    "DIRENV_DIR", "LKR_BACKEND", "VIRTUAL_ENV", "CONDA_PREFIX",
)  # fmt: skip
_PLACES = (  # where an interpreter comes from, by part of its path
    ("/Cellar/", "Homebrew"), ("/opt/homebrew/", "Homebrew"), ("/linuxbrew/", "Homebrew"),
    ("/Library/Frameworks/Python.framework/", "python.org's framework"), ("/Xcode", "Xcode"),
    ("/CommandLineTools/", "Apple's command line tools"), ("/.pyenv/", "pyenv"), ("/uv/", "uv"), ("/nix/", "nix"),
    ("/usr/", "the system"),
)  # fmt: skip


def lines() -> Iterator[str]:
    """The report, a line at a time."""
    yield f"lkr         {lkrshell.__version__}"
    for name, tell in _PARTS.items():
        try:
            for text in tell():
                yield f"{name:<11} {text}"
        except Exception as error:  # only the kind of error, since a message may contain a name
            yield f"{name:<11} failed: {type(error).__name__}"


def _python() -> Iterator[str]:
    real = os.path.realpath(sys.executable)
    place = next((text for part, text in _PLACES if part in real), "elsewhere")
    where = f"{place}, {'in' if sys.prefix != sys.base_prefix else 'no'} virtual environment"
    yield f"{machine.python_version()} {machine.python_implementation()}, {where}"
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    yield ", ".join(found)


def _system() -> Iterator[str]:
    release = machine.mac_ver()[0] if platform.DARWIN else machine.release()
    yield f"{platform.NAME} {release} {machine.machine()}"


def _shell() -> Iterator[str]:
    from lkrshell.shells.current_shell import current_shell

    yield f"{current_shell() or 'unknown'}, login shell {os.path.basename(os.environ.get('SHELL', '')) or 'unknown'}"
    yield "set: " + (", ".join(name for name in _VARIABLES if os.environ.get(name)) or "none of those that matter")


def _store() -> Iterator[str]:
    from lkrshell.core.time_limit import TimeLimit
    from lkrshell.doctor import store
    from lkrshell.runtime import enrollment
    from lkrshell.state import config, index

    with TimeLimit(store.WAIT):
        chosen, why = store.in_force(config.load())
        if chosen is None:
            yield "none chosen yet"
            return
        yield f"{chosen.describe()} ({why}), {'made' if chosen.is_created() else 'not made'}"
        try:
            number = len(index.names(chosen.name))
            yield f"{'locked' if chosen.is_locked() else 'open'}, {number} key{'s' * (number != 1)} in the index"
            if found := enrollment.way(chosen):
                yield f"also opened by {found.kind}"
        except LkrError as error:
            yield f"does not answer: exit code {error.code}"


def _memory() -> Iterator[str]:
    from lkrshell.state import memory

    name = "lkr-report"
    try:
        place = memory.put(name, b"x", 5)
        answer = "answers" if memory.get(name) == b"x" else "forgets at once"
    finally:
        memory.forget(name)
    yield f"{place if place in ('kernel', 'a process') else 'a file in memory'}, {answer}"


def _agents() -> Iterator[str]:
    from lkrshell.runtime import agents

    line = agents.ancestors()
    yield f"{len(line)} processes above, {len(line.variables)} variables of theirs are visible"


def _findings() -> Iterator[str]:
    count = Counter((name, each.level) for name, each in doctor.run(False) if each.level != "fact")
    yield ", ".join(f"{name}: {number} {level}" for (name, level), number in count.items()) or "nothing is wrong"


_PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "python": _python,
    "system": _system,
    "shell": _shell,
    "store": _store,
    "memory": _memory,
    "ancestors": _agents,
    "findings": _findings,
}
