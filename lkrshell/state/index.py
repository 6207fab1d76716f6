"""The index: what is not secret about a key, in one small file per key: `index/STORE/PROVIDER/LABEL`. The copy of a
source's key has `index/STORE/SOURCE~PROVIDER/LABEL`, and that of a sealed key `index/STORE/.sealed-ID~PROVIDER/LABEL`.

So `list` and completion need no unlocking, and an export reads only the files of its keys. If the index is lost, only
dates are lost: the stores hold value and kind, and the folder `policy` holds a copy of each entry that has a policy. So
a lost index gives nobody more access to a key.
"""

import os

from lkrshell.core import clock, policy, records
from lkrshell.core.entry import MAX_TTL, Entry
from lkrshell.core.errors import LkrError
from lkrshell.core.secret import KINDS
from lkrshell.core.text import show
from lkrshell.state import files, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_BY_BROKER = ("via", "models", "budget", "rate", "tokens")


def locked(store: str) -> "AbstractContextManager[object]":
    """The lock to hold while a key or its entry is read and rewritten. Without it, two writers could lose a value or
    policy."""
    files.note_change()
    return files.locked(os.path.join(paths.data_dir(), "index", store))


def _path(store: str, name: str, folder: str = "index") -> str:
    hidden = "." if name.startswith("sealed-") else ""  # completions do not offer these names
    return os.path.join(paths.data_dir(), folder, store, *(hidden + name.replace("/", "~")).split(":"))


def read(store: str, name: str) -> Entry | None:
    """The entry, or its copy if the entry is lost; None for a key without one. LkrError if it is damaged."""
    data = files.read_private(_path(store, name))
    if data is None:
        data = files.read_private(_path(store, name, "policy"))
    return None if data is None else _parse(name, data)


def exists(store: str, name: str) -> bool:
    """True if the key has an entry."""
    return os.path.exists(_path(store, name))


def rebuilt(store: str, name: str, kind: str, created: str) -> Entry:
    """A new entry in place of one that is lost or damaged, with the policy of its copy."""
    data = files.read_private(_path(store, name, "policy"))
    entry = Entry(name, kind, created) if data is None else _parse(name, data)
    entry.kind = kind
    return entry


def _parse(name: str, data: bytes) -> Entry:
    try:
        rows = [(field, value) for field, value in records.load(data)]
        fields = dict(rows)
        entry = Entry(name, fields["kind"], fields["created"], fields["rotated"])
        entry.ttl, entry.agents = int(fields["ttl"]), fields["agents"]
        if not 0 <= entry.ttl < MAX_TTL:
            raise ValueError("ttl")
        entry.only = tuple(value for field, value in rows if field == "only")
        entry.before = fields.get("before", "")
        entry.confirm = {"": False, "1": True}[fields.get("confirm", "")]
        entry.via = fields.get("via", "")
        entry.models, entry.budget = fields.get("models", ""), fields.get("budget", "")
        entry.rate, entry.tokens = fields.get("rate", ""), fields.get("tokens", "")
        if "end" in fields:
            entry.fetched, entry.stale, entry.end = (int(fields[field]) for field in ("fetched", "stale", "end"))
            entry.version, entry.lease = fields["version"], fields["lease"]
        if entry.agents not in policy.AGENTS or entry.kind not in KINDS or entry.via not in policy.VIA:
            raise ValueError("policy")
    except (ValueError, KeyError):
        raise LkrError(f"the index entry of {name} is damaged", "lkr doctor --fix") from None
    return entry


def write(store: str, entry: Entry, was: str = "") -> None:
    """Writes the entry. `was` is its previous name, if that changed. This does not count as a use of the key."""
    rows: list[tuple[str, ...]] = [("kind", entry.kind), ("created", entry.created), ("rotated", entry.rotated)]
    rows += [("ttl", str(entry.ttl)), ("agents", entry.agents), *(("only", folder) for folder in entry.only)]
    rows += [("confirm", "1")] * entry.confirm + [("before", entry.before)] * bool(entry.before)
    rows += [(field, getattr(entry, field)) for field in _BY_BROKER if getattr(entry, field)]
    if entry.end:
        rows += [(field, str(getattr(entry, field))) for field in ("fetched", "stale", "end", "version", "lease")]
    data, copy = records.dump(rows), _path(store, entry.name, "policy")
    if has_policy(entry):
        files.write_private(copy, data)
    path = _path(store, entry.name)
    used = _used(_path(store, was or entry.name), entry)
    files.write_private(path, data)
    try:
        os.utime(path, (used, used))
    except OSError:
        pass
    if not has_policy(entry):
        files.remove_private(copy)


def has_policy(entry: Entry) -> bool:
    """True when the person has changed what the key may do."""
    by_broker = any(getattr(entry, field) for field in _BY_BROKER)
    return bool(entry.ttl or entry.agents != "exec" or entry.only or entry.confirm or by_broker)


def _used(path: str, entry: Entry) -> float:
    """The date of the key's last use, which is that of the file at `path`; for a new entry, the date of the key."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return clock.seconds(entry.rotated or entry.created)


def touch(store: str, name: str) -> None:
    """Notes a use: the file's date is the date of the last use. If it cannot be set, the use is not noted."""
    try:
        os.utime(_path(store, name))
    except OSError:
        pass


def last_use(store: str, entry: Entry) -> str:
    """The date of the last use since the key was stored, empty if there was none.

    A new entry has the whole second of its key's date, so even a use within that second is later.
    """
    used = os.stat(_path(store, entry.name)).st_mtime
    return clock.stamp(used) if used > clock.seconds(entry.rotated or entry.created) else ""


def remove(store: str, name: str) -> None:
    files.remove_private(_path(store, name))
    files.remove_private(_path(store, name, "policy"))


def names(store: str) -> list[str]:
    """Every key's name, sorted, without the copies of sources' keys."""
    from lkrshell.core.names import is_own

    return [name for name in _names(store) if is_own(name)]


def copies(store: str, source: str = "") -> list[str]:
    """The sorted names of sources' keys that have an entry. `source` limits them to one source."""
    from lkrshell.core.names import is_key, source_of

    return [name for name in _names(store) if "/" in name and is_key(name) and source in ("", source_of(name))]


def _names(store: str) -> list[str]:
    root = os.path.join(paths.data_dir(), "index", store)
    try:
        providers = os.listdir(root)
        return sorted(
            f"{provider.replace('~', '/', 1).removeprefix('.')}:{label}"
            for provider in providers
            if not provider.startswith(".") or provider.startswith(".sealed-")
            for label in os.listdir(os.path.join(root, provider))
        )
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LkrError(f"cannot read {show(root)}: {error.strerror}") from None
