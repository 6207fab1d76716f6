"""Which projects may use which keys, from the grants. One pass over all of them; not on the path of `lkr export`."""

import os

from lkrshell.core import records
from lkrshell.core.errors import LkrError
from lkrshell.state import files, paths


def by_project() -> dict[str, list[str]]:
    """The keys that each project, by its real folder, was allowed, sorted. A grant that is damaged or open
    to others is passed over: `lkr doctor` names it."""
    found: dict[str, list[str]] = {}
    root = paths.grants_dir()
    try:
        names = os.listdir(root)
    except FileNotFoundError:
        return {}
    for name in names:
        if name.startswith("."):
            continue
        try:  # the texts of the manifests are not needed, so not unescaped
            data = files.read_private(os.path.join(root, name)) or b""
            lines = data.decode("utf-8", "surrogateescape").split("\n")
            _, folder = map(records.unescape, lines[1].split("\t"))
            found[folder] = sorted({line.split("\t")[3] for line in lines if line.startswith("want\t")})
        except (ValueError, IndexError, LkrError):
            continue
    return found


def by_key() -> dict[str, list[str]]:
    """The real folders of the projects that were allowed each key, sorted."""
    found: dict[str, list[str]] = {}
    for folder, keys in sorted(by_project().items()):
        for key in keys:
            found.setdefault(key, []).append(folder)
    return found
