"""Writes keys: their values, their index entries, and the old value of one that is being rotated.

Nothing else writes these. Each function checks everything before its first write, under the lock of all writers, and
then has live shells look again. A key's old value has no entry of its own: it is named nowhere, may do nothing, and
goes and moves with its key. Asking the person and writing the log are for the commands.
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
    """Stores a value. What a key that is there may do stays, its kind too unless `kind` says another.

    LkrError (2) when it is there and `replace` does not allow for that.
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
    """Stores a key as it was elsewhere: its value, its dates, its policy and its old value. False when it was kept.

    Of one that is there the policy stays as it is here, and an admin key is not made a runtime one.
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
        index.write(store.name, entry)  # what it may do is there before it is
        store.set(name, Secret(value.reveal(), entry.kind))
        if old:
            store.set(names.old_of(name), Secret(old.reveal(), entry.kind))
    generation.bump()
    return True


def remove(store: "Store", name: str) -> None:
    """Removes a key and its old value. LkrError when there is none, or when the store keeps it."""
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
    """Removes what has moved into another store. What is not `ours`, of another service, has no entry of ours."""
    if ours:
        remove(store, account)
    else:
        store.delete(account)


def _meant(store: "Store", name: str, otherwise: str) -> str:
    """A question for a slip of the keyboard in a key's name, else `otherwise`."""
    import difflib

    close = difflib.get_close_matches(name, index.names(store.name), 1)
    return f"did you mean {close[0]}?" if close else otherwise


def no_such_key(store: "Store", name: str) -> LkrError:
    return KeyNotStored(f"there is no key {name} in the {store.name}", _meant(store, name, "see lkr list"))


def rename(store: "Store", name: str, new: str) -> None:
    """Gives a key, and its old value, another name."""
    with index.locked(store.name):
        if store.exists(new):
            raise LkrError(f"there is already a key {new}", f"lkr rm {new} first")
        value, old = _value(store, name), _old(store, name)
        entry = index.read(store.name, name) or Entry(new, value.kind, now())
        entry.name = new
        _drop_old(store, new)
        index.write(store.name, entry, was=name)  # its policy is there before it is
        store.set(new, value)  # a kill from here on leaves both names, never none
        if old:
            store.set(names.old_of(new), old)
        _drop_old(store, name)
        store.delete(name)
        index.remove(store.name, name)
    generation.bump()


def value_to_rotate(store: "Store", name: str, begun: bool) -> Secret:
    """The key's value. LkrError unless the key is being rotated, or is not, as `begun` says."""
    value, old = _value(store, name), _old(store, name)
    if begun and not old:
        raise LkrError(f"{name} is not being rotated", f"start with lkr rotate {name}")
    if old and not begun:
        raise LkrError(f"{name} is already being rotated", "finish that with --confirm or --undo")
    return value


def rotate(store: "Store", name: str, fresh: Secret) -> None:
    """Gives a key a new value, and keeps the one that it had until `end`."""
    with index.locked(store.name):
        value = value_to_rotate(store, name, begun=False)
        entry = index.read(store.name, name) or Entry(name, value.kind, now())
        store.set(names.old_of(name), value)  # the old value is safe before the new one takes its place
        store.set(name, Secret(fresh.reveal(), entry.kind))
        entry.before, entry.rotated = entry.rotated or entry.created, now()
        index.write(store.name, entry)
    generation.bump()


def end_rotation(store: "Store", name: str, undo: bool) -> None:
    """Forgets the old value, or has it take its place again."""
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
    """Changes what a key may do by `edit`; returns its entry. LkrError (2) when that would let the key do more than the
    person has `agreed` to, in the words of policy.widened."""
    with index.locked(store.name):
        before = entry_of(store, name)
        import copy

        after = copy.copy(before)
        edit(after)
        if set(policy.widened(before, after)) - set(agreed):
            raise LkrError(f"the policy of {name} changed in the meantime", "look at it again", REFUSED)
        if after.kind != before.kind:
            value = _value(store, name)
            store.set(name, Secret(value.reveal(), after.kind))
        index.write(store.name, after)
    generation.bump()
    return after


def entry_of(store: "Store", name: str) -> Entry:
    """The entry of a key. LkrError without one."""
    if entry := index.read(store.name, name):
        return entry
    raise LkrError(f"there is no key {name} in the index", _meant(store, name, "see lkr list, lkr doctor"))


def write_entry_anew(store: "Store", name: str) -> bool:
    """For `lkr doctor --fix`: the entry of a key that has none, or a damaged one. False when the key is gone."""
    with index.locked(store.name):
        value = store.get([name]).get(name)
        if value:
            index.write(store.name, index.rebuilt(store.name, name, value.kind, now()))
    generation.bump()
    return value is not None


def remove_entry(store: "Store", name: str) -> bool:
    """For `lkr doctor --fix`: the entry of a key that is gone. False when the key is there."""
    with index.locked(store.name):
        gone = not store.exists(name)
        if gone:
            index.remove(store.name, name)
    generation.bump()
    return gone


def settle_old(store: "Store", name: str) -> None:
    """For `lkr doctor --fix`: an old value in the form of 0.1.0, or of a key that is gone."""
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
    """The value that the key had before the rotation which goes on; None without one."""
    forms = [names.old_of(name), name + names.OLD_BEFORE]
    found = store.get(forms)
    return next((found[form] for form in forms if form in found), None)


def _drop_old(store: "Store", name: str) -> None:
    for form in (names.old_of(name), name + names.OLD_BEFORE):
        if store.exists(form):
            store.delete(form)
    index.remove(store.name, name + names.OLD_BEFORE)
