"""The checks of `lkr doctor`. Each is a generator of findings. No check prints, creates a file or reveals a key's
value.

With `fix`, a check repairs what belongs to lkr: the index, grants and leftover files. It changes nothing else.
"""

import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lkrshell.core import platform
from lkrshell.core.errors import LkrError
from lkrshell.core.text import quoted, show
from lkrshell.state.paths import tilde


@dataclass(frozen=True)
class Finding:
    """What was seen, and the command that fixes it, for a POSIX shell. `fixed`: what --fix did; empty if nothing.

    `level` is "wrong" (lkr does not work as it should, or a key is exposed), "warning" (a risk of the machine, or
    something that may be intended), or "fact".
    """

    text: str
    level: str = "fact"
    fix: str = ""
    fixed: str = ""


def fact(text: str, fix: str = "") -> Finding:
    return Finding(text, "fact", fix)


def warning(text: str, fix: str, fixed: str = "") -> Finding:
    return Finding(text, "warning", fix, fixed)


def wrong(text: str, fix: str, fixed: str = "") -> Finding:
    return Finding(text, "wrong", fix, fixed)


def run(fix: bool) -> Iterator[tuple[str, Finding]]:
    """Every check's findings, each once, with the check's name in front. A check that fails is a finding too."""
    from lkrshell.doctor import broker, direnv, env_file, machine, plaintext, project, shells, sources, store

    every: dict[str, Callable[[bool], Iterator[Finding]]] = {
        "versions": machine.versions,
        "store": store.store,
        "access": store.access,
        "project": project.project,
        "sources": sources.sources,
        "folders": store.folders,
        "grants": store.grants,
        "shells": shells.shells,
        "direnv": direnv.direnv,
        "variables": plaintext.variables,
        "env file": env_file.env_file,
        "broker": broker.broker,
        "agents": machine.agents,
        "memory": machine.memory,
        "clipboard": machine.clipboard,
    }
    seen = set()
    for name, check in every.items():
        for finding in _outcome(check, fix):
            if finding not in seen:  # a bad config.toml, or a bad grant of this project, stops several checks
                seen.add(finding)
                yield name, finding


def _outcome(check: Callable[[bool], Iterator[Finding]], fix: bool) -> Iterator[Finding]:
    try:
        yield from check(fix)
    except LkrError as error:
        yield wrong(error.message, error.hint)
    except OSError as error:
        name = str(error.filename)
        remedy = f"ls -ld {quoted(name)}" if isinstance(error, PermissionError) else "check the disk"
        yield wrong(f"cannot look at {show(name)}: {error.strerror}", remedy)


def shown(path: str) -> str:
    """`path` for a message: with `~` for the home folder, and safe on a terminal."""
    return show(tilde(path))


def sed_command(script: str, path: str) -> str:
    """The command that edits a file in place. If `path` is a link, it edits the target."""
    in_place = "sed -i ''" if platform.DARWIN else "sed -i"
    return f"{in_place} {shlex.quote(script)} {quoted(os.path.realpath(path))}"


def blank_command(path: str, line: int, word: str, rest: str = ":") -> str:
    """The command that replaces a line with `rest`. If the line no longer contains `word`, the command does nothing.

    The other lines keep their numbers. `:` is a command that does nothing, in case an `if` contains nothing else.
    """
    return sed_command(f"{line}{{/{word}/s/.*/{rest}/;}}", path)


def edit_command(path: str, line: int) -> str:
    """The command that opens an editor, if no command can make the change."""
    return f"${{EDITOR:-vi}} +{line} {quoted(os.path.realpath(path))}"


def install_command(name: str) -> str:
    """The command that installs or renews a system package here."""
    import shutil

    managers = {
        "brew": "brew install", "apt-get": "sudo apt-get install", "dnf": "sudo dnf install",
        "pacman": "sudo pacman -S", "zypper": "sudo zypper install", "apk": "sudo apk add",
    }  # fmt: skip
    found = next((words for manager, words in managers.items() if shutil.which(manager)), "install")
    return f"{found} {name}"
