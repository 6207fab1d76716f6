"""Which projects may use which keys, from the grants. One pass over all of them."""

import os
from collections.abc import Iterator

from lkrshell.core import records
from lkrshell.core.errors import LkrError
from lkrshell.project import worktrees
from lkrshell.state import files, paths


def _grants() -> Iterator[list[str]]:
    """The lines of each grant. One that is damaged, or open to others, is passed over: `lkr doctor` names it."""
    root = paths.grants_dir()
    try:
        names = os.listdir(root)
    except FileNotFoundError:
        return
    for name in names:
        try:
            data = None if name.startswith(".") else files.read_private(os.path.join(root, name))
        except LkrError:
            continue
        if data:
            yield data.decode("utf-8", "surrogateescape").split("\n")


def by_project() -> dict[str, list[str]]:
    """The keys that each project, by its real folder, was allowed, sorted; git worktrees that share a grant too."""
    found: dict[str, list[str]] = {}
    for lines in _grants():
        try:  # the texts of the manifests are not needed, so not unescaped
            _, folder = map(records.unescape, lines[1].split("\t"))
            found[folder] = sorted({line.split("\t")[3] for line in lines if line.startswith("want\t")})
        except (ValueError, IndexError):
            continue
        if "worktrees\t1" in lines[:9]:
            found |= dict.fromkeys(worktrees.served(folder), found[folder])
    return found


def by_key() -> dict[str, list[str]]:
    """The real folders of the projects that were allowed each key, sorted."""
    found: dict[str, list[str]] = {}
    for folder, keys in sorted(by_project().items()):
        for key in keys:
            found.setdefault(key, []).append(folder)
    return found


def variables() -> set[str]:
    """The variables of every project that was allowed."""
    bindings = (line.split("\t") for lines in _grants() for line in lines if line.startswith("want\t"))
    return {binding[2] for binding in bindings if len(binding) > 2}


def projects_with_text(text: str, local: str) -> list[str]:
    """The real folders of projects that were allowed with this very manifest, sorted. A folder that is gone counts: it
    may have moved."""
    wanted = [f"manifest\t{records.escape(text)}", f"local\t{records.escape(local)}"]
    found = []
    for lines in _grants():
        if lines[2:4] == wanted and lines[1].startswith("folder\t"):
            found.append(records.unescape(lines[1].removeprefix("folder\t")))
    return sorted(found)
