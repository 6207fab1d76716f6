"""Fetches keys from their sources into the local copies: one batch per source, and one lkr at a time for each source.

It may wait for a network, so no hook runs it. A problem with one source does not affect the others.
"""

import os
import time

from lkrshell.core import names, records
from lkrshell.core.errors import LkrError
from lkrshell.core.secret import Secret
from lkrshell.sources import base, cache, registry, settings
from lkrshell.sources.settings import Settings
from lkrshell.state import files, generation, index, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from lkrshell.sources.base import Answer, Source
    from lkrshell.stores.base import Store

# which keys: all, those that are no longer fresh, or those that can no longer be used
ALL, DUE, NEEDED = "all", "due", "needed"


class Report:
    """What a refresh did. `values` are keys without a local copy (`cache = "0"`). `failed` is by source, or by key when
    only that key failed."""

    __slots__ = ("changed", "failed", "fetched", "gone", "values")

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.gone: dict[str, str] = {}  # by key: MISSING or FORBIDDEN
        self.failed: dict[str, LkrError] = {}
        self.values: dict[str, Secret] = {}
        self.changed = False

    def trouble(self, keys: "Iterable[str]") -> LkrError | None:
        """Returns why one of these keys could not be fetched; None when nothing went wrong."""
        for key in keys:
            if error := self.failed.get(key) or self.failed.get(names.source_of(key)):
                return error
            if why := self.gone.get(key):
                return gone(key, why)
        return None


def gone(key: str, why: str) -> LkrError:
    """Tells a person that a source does not have a key, or does not let them read it."""
    what = "does not have" if why == base.MISSING else "does not let you read"
    source = names.source_of(key)
    return LkrError(f"the source {source} {what} {names.in_source(key)}", f"see lkr list --source {source}")


def refresh(store: "Store", keys: "Iterable[str]", which: str) -> Report:
    """Fetches those of `keys` that `which` selects. Key names include their source. Errors of sources are in the
    report.

    Raises StoreLocked, StoreUnreachable or LkrError when the machine's own store cannot be used.
    """
    report = Report()
    by_source: dict[str, list[str]] = {}
    for key in dict.fromkeys(keys):
        if _is_wanted(store, key, which):  # checked here first, so that nobody waits for the lock without need
            by_source.setdefault(names.source_of(key), []).append(key)
    for source, wanted in by_source.items():
        if not source or names.is_reserved(source):
            continue
        try:
            found = settings.find(source)
            with files.locked(folder_of(source)):
                _refresh(store, found, [key for key in wanted if _is_wanted(store, key, which)], report)
            note(source, None)
        except LkrError as error:
            report.failed[source] = error
            note(source, error)
    if report.changed:
        generation.bump()
    return report


def folder_of(source: str) -> str:
    """Returns the folder with the lock and state of a source."""
    return os.path.join(paths.state_dir(), "sources", source)


def note(source: str, error: LkrError | None) -> None:
    """Records the result of the last attempt, for `lkr source` and `lkr doctor`."""
    row = (str(int(time.time())), error.message if error else "", error.hint if error else "")
    try:
        files.write_private(os.path.join(folder_of(source), "last"), records.dump([row]))
    except LkrError:
        pass  # the home may be read-only


def last(source: str) -> tuple[int, str, str] | None:
    """Returns when a source was last asked, with the message and hint of an error, or empty texts. None for never."""
    try:
        data = files.read_private(os.path.join(folder_of(source), "last"))
        ((when, message, hint),) = records.load(data) if data else [["", "", ""]]
        return (int(when), message, hint) if when else None
    except (ValueError, LkrError):
        return None


def opened(store: "Store", found: Settings) -> "Source":
    """Returns the source, with its stored login."""
    return registry.open_source(found, cache.login(store, found))


def _is_wanted(store: "Store", key: str, which: str) -> bool:
    """True when the key still has to be fetched. Asked again under the source's lock, since another lkr may have
    fetched it."""
    entry = index.read(store.name, key)
    if which == ALL or entry is None:
        return True
    return time.time() >= (entry.stale if which == DUE else entry.end)


def _refresh(store: "Store", found: Settings, keys: list[str], report: Report) -> None:
    if not keys:
        return
    source = opened(store, found)
    inside = {names.in_source(key): key for key in keys}
    leases = {name: entry.lease for name, key in inside.items() if (entry := index.read(store.name, key))}
    try:
        answers = source.read(list(inside), leases)
    finally:
        keep_login(store, found, source)
    before = store.get(keys)
    for name, answer in answers.items():
        _take(store, found, inside[name], answer, before.get(inside[name]), report)


def keep_login(store: "Store", found: Settings, source: "Source") -> None:
    """Keeps the login that a source gave in place of the old one, if it did."""
    if base.LOGINS in source.capabilities and (kept := source.kept()):
        cache.keep_login(store, found.name, kept, source.expires())


def _take(store: "Store", found: Settings, key: str, answer: "Answer", before: Secret | None, report: Report) -> None:
    from lkrshell.vendors import providers

    value = answer.secret.reveal() if answer.secret is not None and answer.error is None else ""
    if owner := providers.other_owner(key, value):
        text = f"the source {found.name} returned a key of {owner} for {key}"
        answer.error = LkrError(text, "tell whoever runs it; the copy stays as it was")
    if answer.error is not None:
        report.failed[key] = answer.error
    elif answer.why in (base.MISSING, base.FORBIDDEN):
        report.gone[key] = answer.why
        report.changed |= cache.drop(store, key)
    elif found.cache == 0 and answer.secret is not None:
        report.fetched.append(key)
        report.values[key] = answer.secret
        report.changed |= cache.drop(store, key)  # a copy from an earlier setting
    else:
        report.fetched.append(key)
        report.changed |= cache.keep(store, found, key, answer, before)


def forget_state(source: str) -> None:
    """Removes the records about a removed source."""
    import shutil

    shutil.rmtree(folder_of(source), ignore_errors=True)
