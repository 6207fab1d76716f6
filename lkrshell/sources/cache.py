"""The copies of sources' keys, the opened keys of teams, and the logins. They are in the machine's own store, with the
same encryption, lock and policy as other keys.

Nothing else writes them. A copy's index entry says when it was fetched and how long it may be used. What a person
allowed or forbade stays in the entry when the copy goes.
"""

import json
import os
import time

from lkrshell.core import names
from lkrshell.core.clock import now
from lkrshell.core.entry import Entry
from lkrshell.core.secret import Secret
from lkrshell.sources.base import SAME, Answer
from lkrshell.sources.settings import Settings
from lkrshell.state import files, index, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lkrshell.stores.base import Store


def keep(store: "Store", settings: Settings, name: str, answer: Answer, before: Secret | None) -> bool:
    """Keeps a source's answer for `name` (which includes the source). `before` is the value of the present copy.
    Returns True when live shells should look again."""
    served = False

    def date(entry: Entry) -> None:
        nonlocal served
        served = entry.end > time.time()
        _date(entry, settings, answer)

    changed = write(store, name, None if answer.why == SAME else answer.secret, before, date)
    return changed or not served


def write(
    store: "Store", name: str, fresh: Secret | None, before: Secret | None, date: "Callable[[Entry], None]"
) -> bool:
    """Writes a copy: `fresh` instead of `before`, or only its entry when there is no new value. Kind and policy stay.

    `date` sets in the entry how long the copy may be used. Returns True when an existing value was replaced.
    """
    with index.locked(store.name):
        entry = index.read(store.name, name)
        changed = False
        if fresh is not None:
            kind = entry.kind if entry else "runtime"
            if before is None or (before.reveal(), before.kind) != (fresh.reveal(), kind):
                store.set(name, Secret(fresh.reveal(), kind))
                changed = before is not None
        if entry is None:
            entry = index.rebuilt(store.name, name, "runtime", now())
        if changed:
            entry.rotated = now()
        date(entry)
        index.write(store.name, entry)
    return changed


def _date(entry: Entry, settings: Settings, answer: Answer) -> None:
    """Sets when the copy should be fetched again, and when it ends. The source's own time overrides the settings."""
    entry.fetched = clock = int(time.time())
    entry.stale = clock + settings.cache
    entry.end = entry.stale + settings.grace
    if answer.seconds:
        entry.end = min(entry.end, clock + answer.seconds)
        entry.stale = min(entry.stale, clock + (answer.seconds * 2 // 3 if answer.lease else answer.seconds))
    if answer.why != SAME:
        entry.version = answer.version
    entry.lease = answer.lease


def drop(store: "Store", name: str) -> bool:
    """Drops the copy of a key, but keeps what the key may do. Returns False when there was no copy."""
    with index.locked(store.name):
        there = store.exists(name)
        if there:
            store.delete(name)
        entry = index.read(store.name, name)
        if entry is not None:
            entry.end, entry.lease = 0, ""
            if index.has_policy(entry):
                index.write(store.name, entry)
            else:
                index.remove(store.name, name)
    return there


def forget(store: "Store", source: str) -> int:
    """Drops every copy of a source's keys, and its login. Returns the number of copies."""
    count = sum(drop(store, name) for name in index.copies(store.name, source))
    forget_login(store, source)
    return count


def login(store: "Store", settings: Settings) -> Secret | None:
    """Returns the login for a source; None if there is no login, or if it belongs to a different address."""
    name = names.login_of(settings.name)
    kept = store.get([name]).get(name)
    if kept is None:
        return None
    try:
        good = json.loads(kept.reveal()).get("identity") == settings.identity()
    except (ValueError, AttributeError):
        good = False
    return kept if good else None


def keep_login(store: "Store", source: str, kept: Secret, expires: int) -> None:
    """Keeps a login. Its end is noted in a file, so that it can be read while the store is locked."""
    with index.locked(store.name):
        store.set(names.login_of(source), Secret(kept.reveal(), "admin"))
        files.write_private(_until(source), f"{expires}\n".encode())


def forget_login(store: "Store", source: str) -> bool:
    name = names.login_of(source)
    with index.locked(store.name):
        there = store.exists(name)
        if there:
            store.delete(name)
        files.remove_private(_until(source))
    return there


def _until(source: str) -> str:
    return os.path.join(paths.data_dir(), "sources", f"{source}.login")


def login_until(source: str) -> int | None:
    """Returns when the login for a source ends, 0 for never; None without a login. Does not ask a store."""
    text = (files.read_private(_until(source)) or b"").strip()
    return int(text) if text.isdigit() else None
