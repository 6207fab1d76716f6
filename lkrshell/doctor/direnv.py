"""direnv: whether `use lkr` is installed when a project needs it, and whether direnv and lkr set the same variable.

The order of the two hooks does not matter. If a folder's .envrc and its manifest set the same variable, direnv's
value wins: the hook leaves it alone, and the key does not load.
"""

import os
import re
import shutil
from collections.abc import Iterator

from lkrshell.core import folders
from lkrshell.core.text import quoted
from lkrshell.doctor import Finding, edit_command, fact, plaintext, shown, wrong
from lkrshell.doctor.shells import output, text_of
from lkrshell.project import lookup
from lkrshell.shells import direnv_state, hook, rcfiles

_FIX = "lkr install --direnv"


def direnv(fix: bool) -> Iterator[Finding]:
    """Yields nothing if direnv is not installed."""
    if not shutil.which("direnv"):
        return
    library = rcfiles.direnv_library()
    text = text_of(library)
    has = b"use_lkr" in text
    where = f"`use lkr` from {shown(library)}" if has else "no `use lkr`"
    yield fact(f"{output('direnv', 'version') or 'of an unknown version'}, {where}")
    envrc = _nearest()
    wanted = envrc and re.search(rb"^[ \t]*use[ \t]+lkr\b", text_of(envrc), re.M)
    if wanted and not has:
        yield wrong(f"{shown(str(envrc))} says `use lkr`, which {shown(library)} does not define", _FIX)
    elif (
        has
        and text.startswith(b"__lkr_python=")
        and os.fsdecode(text) != hook.preamble("direnv") + hook.data("shell", "lkr.direnv")
    ):
        yield wrong(f"{shown(library)} belongs to another version of lkr, or to a program that has moved", _FIX)
    if envrc:
        yield from _both(envrc)


def _nearest() -> str | None:
    """The .envrc that direnv would use here."""
    for folder in folders.above(lookup.current_folder()):
        path = os.path.join(folder, ".envrc")
        if os.path.isfile(path):
            return path
    return None


def also_set() -> list[plaintext.Assignment]:
    """The lines of the .envrc here, and of the env files that it loads, that set a variable of the manifest too.

    Empty if direnv is not installed.
    """
    envrc, wanted = _nearest() if shutil.which("direnv") else None, _variables()
    if not envrc or not wanted:
        return []
    sources = [envrc]
    for match in re.finditer(rb"^[ \t]*dotenv(?:_if_exists)?(?:[ \t]+([^\s#;]+))?", text_of(envrc), re.M):
        sources.append(os.path.join(os.path.dirname(envrc), os.fsdecode(match[1] or b".env")))
    return [each for source in sources for each in plaintext.assignments(source, wanted)]


def _variables() -> set[str]:
    return {binding.variable for binding in plaintext.bindings_here() if binding.scope == "shell"}


def _both(envrc: str) -> Iterator[Finding]:
    """Variables that the manifest sets, and that the .envrc or an env file it loads sets too."""
    folder, found, wanted = os.path.dirname(envrc), also_set(), _variables()
    for each in found:
        text = f"{shown(each.path)}, line {each.line}, sets {each.variable}, and so does the manifest"
        remedy = f"{plaintext.remedy(each)} && direnv allow {quoted(folder)}"
        yield wrong(f"{text}: direnv's value wins", remedy)
    loaded = direnv_state.variables_set() - set(os.environ.get("LKR_DIRENV", "").split())
    for variable in sorted(loaded & wanted - {each.variable for each in found}):
        text = f"{shown(envrc)} somehow sets {variable}, and so does the manifest"
        yield wrong(f"{text}: direnv's value wins", edit_command(envrc, 1))
