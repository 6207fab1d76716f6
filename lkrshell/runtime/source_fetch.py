"""Fetches keys from sources where a person or a command waits for them: `allow`, `init`, `exec`, `refresh`."""

import os
import threading
import time

from lkrshell.core import names
from lkrshell.core.errors import LkrError
from lkrshell.core.secret import Secret
from lkrshell.core.time_limit import TimeLimit
from lkrshell.sources import cache, refresh, settings
from lkrshell.state import index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lkrshell.sources.base import Source
    from lkrshell.sources.refresh import Report
    from lkrshell.stores.base import Store

_FOR_LEASES = 3.0  # seconds


def fetch(store: "Store", keys: "Iterable[str]", which: str) -> "Report":
    """Does the same as `refresh.refresh`. After a second, a line says that lkr is still working."""
    wanted = [key for key in dict.fromkeys(keys) if names.is_fetched(key)]
    sources = ", ".join(dict.fromkeys(key.rpartition("/")[0] for key in wanted))
    timer = threading.Timer(1, lambda: os.write(2, f"lkr: fetching from {sources} ...\n".encode()))
    timer.daemon = True
    timer.start()
    try:
        return refresh.refresh(store, wanted, which)
    finally:
        timer.cancel()


def filler(store: "Store") -> "Callable[[list[str]], tuple[dict[str, Secret], LkrError | None]]":
    """For `session.fetch`: fetches the keys without a valid copy. Returns the values that are not kept, and the
    error."""

    def fill(keys: list[str]) -> tuple[dict[str, Secret], LkrError | None]:
        report = fetch(store, keys, refresh.NEEDED)
        return report.values, report.trouble(keys)

    return fill


def take_leases(store: "Store", source: str = "") -> "list[tuple[Source, list[str]]]":
    """Drops the leased copies, and returns the leases with the sources that can end them.

    `source` limits that to one source. Returns nothing if the store is locked: the leases then end by themselves.
    """
    by_source: dict[str, list[str]] = {}
    for name in index.copies(store.name, source):
        try:
            entry = index.read(store.name, name)
        except LkrError:
            continue  # damaged; `lkr doctor` reports it
        if entry and entry.lease and entry.end > time.time():
            by_source.setdefault(names.source_of(name), []).append(name)
    found = []
    for name, keys in by_source.items():
        try:
            leases = [entry.lease for key in keys if (entry := index.read(store.name, key))]
            found.append((refresh.opened(store, settings.find(name)), leases))
            for key in keys:
                cache.drop(store, key)
        except LkrError:
            continue
    return found


def end_leases(lent: "list[tuple[Source, list[str]]]") -> None:
    """Ends these leases at their sources. Tries for a few seconds only."""
    for source, leases in lent:
        try:
            with TimeLimit(_FOR_LEASES):
                source.revoke(leases)
        except LkrError:
            pass  # they end by themselves
