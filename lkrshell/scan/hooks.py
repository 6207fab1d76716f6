"""Writes git hooks that search before a commit and before a push. Never replaces a hook that somebody else wrote."""

import os

from lkrshell.core.errors import REFUSED, USAGE, LkrError
from lkrshell.core.text import quoted, show
from lkrshell.state import files
from lkrshell.system import git

_MARK = "# Made by lkr scan --install-hook."
_HOOKS = {"pre-commit": "--staged", "pre-push": "--push"}


def install(folder: str, program: str) -> list[str]:
    """Writes the hooks of the repository at `folder`. Returns their paths.

    Raises LkrError (2), and writes nothing, when another hook is in the way or other repositories share the hooks.
    """
    place, top = git.hooks_folder(folder), git.top(folder)
    own = git.output(folder, "rev-parse", "--path-format=absolute", "--git-common-dir")
    if place is None or top is None or own is None:
        raise LkrError("this is not in a git repository", "run it in one: git init", USAGE)
    if os.path.realpath(place) != os.path.realpath(os.path.join(os.fsdecode(own).strip(), "hooks")):
        hint = "call lkr scan --staged and lkr scan --push from the hooks there"
        raise LkrError(f"git's settings keep its hooks in {show(place)}", hint, REFUSED)
    wanted = {os.path.join(place, name): _text(program, option) for name, option in _HOOKS.items()}
    for path, (name, option) in zip(wanted, _HOOKS.items(), strict=True):
        if os.path.lexists(path) and not _is_ours(path):
            raise LkrError(f"there is a {name} hook already", f"add a line to it: lkr scan {option}", REFUSED)
    os.makedirs(place, exist_ok=True)
    for path, script in wanted.items():
        files.replace_file(path, script.encode(), 0o755)
    return list(wanted)


def _text(program: str, option: str) -> str:
    return f"""#!/bin/sh
{_MARK}
[ -x {quoted(program)} ] || {{ echo "lkr: no longer installed, so nothing was searched" >&2; exit 0; }}
exec {quoted(program)} scan {option}
"""


def _is_ours(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return not os.path.islink(path) and _MARK.encode() in file.read(4096)
    except OSError:
        return False
