"""Writes keys: their values, their index entries, and old values during a rotation. Nothing else writes these.

Each function holds the lock of all writers, checks everything before its first write, and then makes live shells check
their keys. A key's old value has no entry and cannot be used; it is removed and renamed together with its key. The
commands ask the person and write the log.
"""

from lkrshell.core import names, policy
from lkrshell.core.clock import now
from lkrshell.core.entry import Entry
from lkrshell.core.errors import REFUSED, KeyNotStored, LkrError
from lkrshell.core.secret import Secret
from lkrshell.state import generation, index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lkrshell.stores.base import Store


def set_value(store: "Store", name: str, value: Secret, kind: str = "", replace: bool = False) -> None:
    """Stores a value. An existing key keeps its policy, and its kind unless `kind` is given.

    LkrError (2) if the key exists and `replace` is False.
    """
    with index.locked(store.name):
        there = store.exists(name)
        if there and not replace:
            raise already_stored(name)
        entry = index.read(store.name, name)
        if there and entry is None:
            entry = index.rebuilt(store.name, name, _value(store, name).kind, now())
        rotated = now() if entry else ""
        entry = entry or Entry(name, kind or "runtime", now())
        entry.kind, entry.rotated = kind or entry.kind, rotated
        if not there:
            _drop_old(store, name)
        store.set(name, Secret(value.reveal(), entry.kind))
        index.write(store.name, entry)
    generation.bump()


def already_stored(name: str) -> LkrError:
    return LkrError(
        f"{name} is already stored", f"lkr rotate {name} gives it a new value; --force replaces it", REFUSED
    )


def restore(store: "Store", entry: Entry, value: Secret, old: Secret | None = None, replace: bool = False) -> bool:
    """Stores a key from a backup: value, dates, policy and old value. False if the key exists and was left alone.

    With `replace`, an existing key keeps its policy, and an admin key stays an admin key.
    """
    name = entry.name
    with index.locked(store.name):
        there = store.exists(name)
        if there and not replace:
            return False
        here = index.read(store.name, name)
        if there:
            kinds = value.kind, _value(store, name).kind, here.kind if here else ""
            kind = "admin" if "admin" in kinds else "runtime"
            here = here or index.rebuilt(store.name, name, kind, entry.created)
            here.kind, here.rotated, here.before = kind, entry.rotated or entry.created, entry.before
            entry = here
        else:
            entry.kind = value.kind
            _drop_old(store, name)
        entry.before = entry.before if old else ""
        _write(store, entry, Secret(value.reveal(), entry.kind), is_new=not there)
        if old:
            store.set(names.old_of(name), Secret(old.reveal(), entry.kind))
    generation.bump()
    return True


def _write(store: "Store", entry: Entry, value: Secret, is_new: bool = True, was: str = "") -> None:
    """Writes the entry, and then the value, since the policy must exist before the value.

    If the store refuses a new key's value, the entry goes as well.
    """
    index.write(store.name, entry, was=was)
    try:
        store.set(entry.name, value)
    except LkrError:
        if is_new:
            index.remove(store.name, entry.name)
        raise


def remove(store: "Store", name: str) -> None:
    """Removes a key and its old value. LkrError if there is no such key, or if the store does not remove it."""
    with index.locked(store.name):
        there = store.exists(name)
        _drop_old(store, name)
        if there:
            store.delete(name)
        index.remove(store.name, name)
    generation.bump()
    if not there:
        raise no_such_key(store, name)


def remove_moved(store: "Store", account: str, ours: bool) -> None:
    """Removes a key that has moved into another store. Without `ours` it belongs to another service and has no
    entry."""
    if ours:
        remove(store, account)
    else:
        store.delete(account)


def meant(store: "Store", name: str, otherwise: str) -> str:
    """`did you mean …?` for a mistyped name, else `otherwise`."""
    others = [each for each in index.names(store.name) if each != name]
    return names.did_you_mean(name, others, otherwise, alike=0.8)


def no_such_key(store: "Store", name: str) -> LkrError:
    if names.is_sealed(name):
        return KeyNotStored(f"{name} is not opened yet", "lkr unseal")
    if index.read(store.name, name):
        return KeyNotStored(f"lkr list has {name}, but the {store.name} does not", "lkr doctor says what to do")
    return KeyNotStored(f"there is no key {name} in the {store.name}", meant(store, name, "see lkr list"))


def rename(store: "Store", name: str, new: str) -> Secret:
    """Renames a key and its old value. Returns the value."""
    if new == name:
        raise LkrError(f"{name} already has that name", "nothing was changed")
    with index.locked(store.name):
        if store.exists(new):
            raise LkrError(f"there is already a key {new}", f"lkr rm {new} first")
        value, old = _value(store, name), _old(store, name)
        entry = index.read(store.name, name) or Entry(new, value.kind, now())
        entry.name = new
        _drop_old(store, new)
        _write(store, entry, value, was=name)  # if lkr is killed here, both names exist, and nothing is lost
        if old:
            store.set(names.old_of(new), old)
        _drop_old(store, name)
        store.delete(name)
        index.remove(store.name, name)
    generation.bump()
    return value


def value_to_rotate(store: "Store", name: str, begun: bool) -> Secret:
    """The key's value. LkrError unless `begun` says correctly whether the key is being rotated."""
    value, old = _value(store, name), _old(store, name)
    if begun and not old:
        raise LkrError(f"{name} is not being rotated", f"start with lkr rotate {name}")
    if old and not begun:
        raise LkrError(f"{name} is already being rotated", "finish that with --confirm or --undo")
    return value


def rotate(store: "Store", name: str, fresh: Secret) -> None:
    """Gives a key a new value, and keeps the old one until `end_rotation`."""
    with index.locked(store.name):
        value = value_to_rotate(store, name, begun=False)
        entry = index.read(store.name, name) or Entry(name, value.kind, now())
        store.set(names.old_of(name), value)  # save the old value before replacing it
        store.set(name, Secret(fresh.reveal(), entry.kind))
        entry.before, entry.rotated = entry.rotated or entry.created, now()
        index.write(store.name, entry)
    generation.bump()


def end_rotation(store: "Store", name: str, undo: bool) -> None:
    """Removes the old value; with `undo`, restores it first."""
    with index.locked(store.name):
        value = value_to_rotate(store, name, begun=True)
        entry = index.read(store.name, name) or Entry(name, value.kind, now())
        if undo and (old := _old(store, name)):
            store.set(name, Secret(old.reveal(), entry.kind))
            entry.rotated = entry.before if entry.before != entry.created else ""
        entry.before = ""
        index.write(store.name, entry)
        _drop_old(store, name)
    generation.bump()


def change(store: "Store", name: str, edit: "Callable[[Entry], None]", agreed: list[str]) -> Entry:
    """Changes a key's policy with `edit`, and returns its entry. LkrError (2) if the key could then do more than the
    person `agreed` to; `agreed` has the words of policy.widened."""
    with index.locked(store.name):
        before = entry_of(store, name)
        import copy

        after = copy.copy(before)
        edit(after)
        if set(policy.widened(before, after)) - set(agreed):
            raise LkrError(f"the policy of {name} changed in the meantime", "look at it again", REFUSED)
        if after.kind != before.kind and (store.exists(name) or "/" not in name):
            value = _value(store, name)
            store.set(name, Secret(value.reveal(), after.kind))
        index.write(store.name, after)
    generation.bump()
    return after


def entry_of(store: "Store", name: str) -> Entry:
    """The entry of a key. LkrError if there is none."""
    if entry := index.read(store.name, name):
        return entry
    if "/" in name:  # a person can set a key's policy before it is ever fetched
        return Entry(name, "runtime", now())
    raise LkrError(f"there is no key {name} in the index", meant(store, name, "see lkr list, lkr doctor"))


def write_entry_anew(store: "Store", name: str) -> bool:
    """For `lkr doctor --fix`: writes a missing or damaged entry. False if the key no longer exists."""
    with index.locked(store.name):
        value = store.get([name]).get(name)
        if value:
            index.write(store.name, index.rebuilt(store.name, name, value.kind, now()))
    generation.bump()
    return value is not None


def remove_entry(store: "Store", name: str) -> bool:
    """For `lkr doctor --fix`: removes the entry of a key that no longer exists. False if the key exists."""
    with index.locked(store.name):
        gone = not store.exists(name)
        if gone:
            index.remove(store.name, name)
    generation.bump()
    return gone


def settle_old(store: "Store", name: str) -> None:
    """For `lkr doctor --fix`: converts an old value in the form of 0.1.0, or removes that of a key that no longer
    exists."""
    with index.locked(store.name):
        before = name + names.OLD_BEFORE
        if not store.exists(name):
            _drop_old(store, name)
        elif (value := store.get([before]).get(before)) and not store.exists(names.old_of(name)):
            store.set(names.old_of(name), value)
        if store.exists(before):
            store.delete(before)
        index.remove(store.name, before)


def _value(store: "Store", name: str) -> Secret:
    if value := store.get([name]).get(name):
        return value
    raise no_such_key(store, name)


def _old(store: "Store", name: str) -> Secret | None:
    """The key's value before the current rotation; None if there is no rotation."""
    forms = [names.old_of(name), name + names.OLD_BEFORE]
    found = store.get(forms)
    return next((found[form] for form in forms if form in found), None)


def _drop_old(store: "Store", name: str) -> None:
    for form in (names.old_of(name), name + names.OLD_BEFORE):
        if store.exists(form):
            store.delete(form)
    index.remove(store.name, name + names.OLD_BEFORE)
