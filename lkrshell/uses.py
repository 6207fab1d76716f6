"""Which projects may use a key, from the grants. One pass over all of them; not on the path of `lkr export`."""

import os

from lkrshell import files, paths, records


def by_key() -> dict[str, list[str]]:
    """The real folders of the projects that were allowed each key, sorted. A damaged grant is passed over: `lkr
    doctor` names it."""
    found: dict[str, set[str]] = {}
    root = paths.grants_dir()
    try:
        names = os.listdir(root)
    except FileNotFoundError:
        return {}
    for name in names:
        if name.startswith("."):
            continue
        data = files.read_private(os.path.join(root, name)) or b""
        lines = data.decode("utf-8", "surrogateescape").split("\n")
        try:  # the texts of the manifests are not needed, so not unescaped
            _, folder = map(records.unescape, lines[1].split("\t"))
            wanted = [line.split("\t")[3] for line in lines if line.startswith("want\t")]
        except (ValueError, IndexError):
            continue
        for key in wanted:
            found.setdefault(key, set()).add(folder)
    return {key: sorted(folders) for key, folders in found.items()}
