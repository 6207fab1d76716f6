"""The index: what is not secret about a key, one small file a key, `index/STORE/PROVIDER/LABEL`.

So `list` and completion need no unlock, and an export reads only the files of the keys it wants. Losing the
index loses dates; the stores hold value and kind. On the path of `lkr export`.
"""

import os

from lkrshell import files, paths, records
from lkrshell.errors import LkrError


class Entry:
    """Kind and dates (ISO 8601, UTC) of one key."""

    __slots__ = ("created", "kind", "name", "rotated")

    def __init__(self, name: str, kind: str, created: str, rotated: str = "") -> None:
        self.name, self.kind, self.created, self.rotated = name, kind, created, rotated


def _path(store: str, name: str) -> str:
    return os.path.join(paths.data_dir(), "index", store, *name.split(":"))


def read(store: str, name: str) -> Entry | None:
    data = files.read_private(_path(store, name))
    if data is None:
        return None
    try:
        ((kind, created, rotated),) = records.load(data)
    except ValueError:
        raise LkrError(f"the index entry of {name} is damaged", f"set the key again: lkr set {name}") from None
    return Entry(name, kind, created, rotated)


def write(store: str, entry: Entry) -> None:
    files.write_private(_path(store, entry.name), records.dump([(entry.kind, entry.created, entry.rotated)]))


def remove(store: str, name: str) -> None:
    files.remove_private(_path(store, name))


def names(store: str) -> list[str]:
    """Every key's name, sorted."""
    root = os.path.join(paths.data_dir(), "index", store)
    try:
        providers = os.listdir(root)
        return sorted(
            f"{provider}:{label}"
            for provider in providers
            if not provider.startswith(".")
            for label in os.listdir(os.path.join(root, provider))
            if not label.startswith(".")
        )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LkrError(f"cannot read {files.show(root)}: {error.strerror}") from None
