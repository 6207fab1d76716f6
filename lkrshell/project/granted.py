"""Which projects may use which keys, according to all grants."""

import os
from collections.abc import Iterator

from lkrshell.core import records
from lkrshell.core.errors import LkrError
from lkrshell.project import lookup, worktrees
from lkrshell.state import files, paths


def _grants() -> Iterator[list[str]]:
    """The lines of each grant. Skips those that are damaged or accessible to others; `lkr doctor` names them."""
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
    """Maps the real folder of each project to the sorted keys that it was allowed. Includes worktrees that share a
    grant."""
    found: dict[str, list[str]] = {}
    for lines in _grants():
        try:  # does not unescape the manifests' texts, which are not needed here
            _, folder = map(records.unescape, lines[1].split("\t"))
            found[folder] = sorted({line.split("\t")[3] for line in lines if line.startswith("want\t")})
        except (ValueError, IndexError):
            continue
        if "worktrees\t1" in lines[:9]:
            found |= dict.fromkeys(worktrees.served(folder), found[folder])
    return found


def by_key() -> dict[str, list[str]]:
    """Maps each key to the sorted real folders of the projects that may use it and still have a manifest."""
    found: dict[str, list[str]] = {}
    for folder, keys in sorted(by_project().items()):
        for key in keys if os.path.lexists(os.path.join(folder, lookup.MANIFEST)) else ():
            found.setdefault(key, []).append(folder)
    return found


def variables() -> set[str]:
    """The variables of all projects that were allowed."""
    bindings = (line.split("\t") for lines in _grants() for line in lines if line.startswith("want\t"))
    return {binding[2] for binding in bindings if len(binding) > 2}


def projects_with_text(text: str, local: str) -> list[str]:
    """The real folders of projects that were allowed with exactly this manifest, sorted. Folders that no longer exist
    are included, since they may have moved."""
    wanted = [f"manifest\t{records.escape(text)}", f"local\t{records.escape(local)}"]
    found = []
    for lines in _grants():
        if lines[2:4] == wanted and lines[1].startswith("folder\t"):
            found.append(records.unescape(lines[1].removeprefix("folder\t")))
    return sorted(found)
