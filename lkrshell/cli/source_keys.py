"""`set`, `get`, `rotate`, `rm` and `list` for the keys of a source. The source decides; the copies here follow it."""

import time

from lkrshell.cli import ask, common, declare, prompts
from lkrshell.core import names
from lkrshell.core.errors import UNREACHABLE, USAGE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.runtime import keys, source_fetch
from lkrshell.sources import base, cache, refresh, settings
from lkrshell.state import files, generation, index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lkrshell.sources.base import Source
    from lkrshell.stores.base import Store


def _opened(store: "Store", name: str) -> "Source":
    return refresh.opened(store, settings.find(names.source_of(name)))


def _read(source: "Source", name: str) -> Secret | None:
    """Returns the value at the source; None if it has no value. LkrError if the source does not say."""
    answer = source.read([names.in_source(name)], {})[names.in_source(name)]
    if answer.error:
        raise answer.error
    if answer.why == base.FORBIDDEN:
        raise base.refused(settings.find(source.name), f"let you read {names.in_source(name)}")
    return answer.secret


def _is_there(source: "Source", name: str) -> bool:
    """True if the source has a value. Raises LkrError if it does not say, as with programs that just fail."""
    try:
        return _read(source, name) is not None
    except LkrError as error:
        if base.LOGINS in source.capabilities or error.code != UNREACHABLE:
            raise
        raise LkrError(error.message, f"if the key is new: lkr set {name} --force", UNREACHABLE) from None


def _missing(name: str) -> LkrError:
    source = names.source_of(name)
    return LkrError(f"the source {source} has no {names.in_source(name)}", f"see lkr list --source {source}")


def _renew_copy(store: "Store", name: str) -> None:
    """Fetches a key that was changed at the source, if there is a copy of it here."""
    entry = index.read(store.name, name)
    if entry and entry.end:
        report = source_fetch.fetch(store, [name], refresh.ALL)
        common.tell_problems(report.failed.values())


def set_value(name: str, from_stdin: bool, kind: str | None, replace: bool) -> None:
    if kind:
        raise LkrError("a source does not store the kind of a key", f"lkr policy {name} --kind {kind}", USAGE)
    store = common.store()
    source = _opened(store, name)
    if base.WRITES not in source.capabilities:
        raise base.cannot(settings.find(source.name), "write keys")
    if not replace and _is_there(source, name):
        if from_stdin or not ask.on_terminal():
            raise keys.already_stored(name)
        ask.agree(f"{name} already has a value in the source. Replace it for everyone?")
    value = prompts.value_of(name, f"Value of {name}", from_stdin, replace)
    files.note_change()
    source.write(names.in_source(name), value)
    common.log("set", name)
    _renew_copy(store, name)
    declare.echo(f"lkr: stored {names.in_source(name)} in the source {source.name}", err=True)


def value_of(store: "Store", name: str) -> Secret:
    """Returns the value of a fresh copy, or else asks the source."""
    entry = index.read(store.name, name)
    if entry and entry.stale > time.time() and (found := store.get([name]).get(name)):
        return found
    try:
        value = _read(_opened(store, name), name)
    except LkrError as error:
        found = store.get([name]).get(name)
        if error.code != UNREACHABLE or entry is None or entry.end <= time.time() or found is None:
            raise
        declare.echo(f"lkr: {error.message}; this is the copy", err=True)
        return found
    if value is None:
        raise _missing(name)
    return Secret(value.reveal(), entry.kind if entry else "runtime")


def rotate(name: str, from_stdin: bool, confirm: bool, undo: bool) -> None:
    store = common.store()
    source = _opened(store, name)
    if confirm:
        raise LkrError("a source keeps old values by its own rules", "there is nothing to confirm", USAGE)
    if undo:
        if base.VERSIONS not in source.capabilities:
            raise base.cannot(settings.find(source.name), "read an old value")
        value = source.previous(names.in_source(name))
        if value is None:
            raise LkrError(f"the source {source.name} has no older value of {names.in_source(name)}")
    else:
        if _read(source, name) is None:
            raise _missing(name)
        value = prompts.value_of(name, f"New value of {name}", from_stdin)
    files.note_change()
    source.write(names.in_source(name), value)
    common.log("rotate", name)
    _renew_copy(store, name)
    undoes = f"; lkr rotate {name} --undo brings the old one back" if base.VERSIONS in source.capabilities else ""
    declare.echo(f"lkr: {name} has {'its old' if undo else 'a new'} value{'' if undo else undoes}", err=True)


def remove(name: str, yes: bool) -> None:
    store = common.store()
    source = _opened(store, name)
    if _read(source, name) is None:
        raise _missing(name)
    prompts.tell_projects(name)
    prompts.yes(f"Remove {names.in_source(name)} from the source {source.name}, for everyone?", yes)
    files.note_change()
    source.remove(names.in_source(name))
    cache.drop(store, name)
    generation.bump()
    common.log("rm", name)
    declare.echo(f"lkr: removed {names.in_source(name)} from the source {source.name}", err=True)


def copy_to(
    source_name: str, accounts: dict[str, str], origin: "Store", replace: bool, dry_run: bool, yes: bool
) -> None:
    """Copies keys of a store to a source. `accounts` maps names to the store's accounts. Runtime keys only; reads each
    back."""
    found = settings.find(source_name)
    source = refresh.opened(common.store(), found)
    if base.WRITES not in source.capabilities:
        raise base.cannot(found, "write keys")
    given = origin.get(list(accounts.values()))
    values = {name: given[account] for name, account in accounts.items() if account in given}
    values = {name: secret for name, secret in values.items() if secret.kind == "runtime"}
    if not values:
        raise LkrError("no keys found there", "admin keys stay on this machine")
    there = source.read(list(values), {})
    state = {name: _state(there[name].secret, secret) for name, secret in values.items()}
    for name in values:
        declare.echo(f"  {name} ({state[name]})", err=True)
    if dry_run:
        return
    prompts.yes(f"Copy these to the source {source_name}, for everyone who may read it?", yes, "add --yes or --dry-run")
    kept = [name for name in values if state[name] == "differs" and not replace]
    with common.logged("migrate") as changed:
        for name in common.progress([name for name in values if name not in kept], "migrating"):
            if state[name] == "same":
                continue
            changed.append(f"{source_name}/{name}")
            files.note_change()
            source.write(name, values[name])
            back = source.read([name], {})[name].secret
            if back is None or back.reveal() != values[name].reveal():
                raise LkrError(f"{name} did not arrive intact in the source {source_name}", "the store is as it was")
    for name in kept:
        declare.echo(f"lkr: kept {name}, which has another value there; --replace replaces it", err=True)
    done = common.count(len(values) - len(kept), "key is", "keys are")
    declare.echo(f"lkr: {done} in the source {source_name}", err=True)


def _state(present: Secret | None, wanted: Secret) -> str:
    if present is None:
        return "new"
    return "same" if present.reveal() == wanted.reveal() else "differs"


def rows(source_name: str) -> "list[dict[str, Any]]":
    """Returns what a source has, and which copies are here."""
    found, store = settings.find(source_name), common.store()
    source = refresh.opened(store, found)
    if base.LISTS not in source.capabilities:
        raise base.cannot(found, "list keys")
    listed = [f"{source_name}/{name}" for name in source.names()]
    entries = {name: index.read(store.name, name) for name in listed}
    return [copy_row(name, entry) for name, entry in entries.items()]


def copy_row(name: str, entry: "Any") -> "dict[str, Any]":
    """Describes the copy of a key: that there is none, or when it was fetched and how long it may be used."""
    there = entry is not None and entry.end > time.time()
    return {
        "name": name,
        "source": names.source_of(name),
        "copy": there,
        "fetched": entry.fetched if there else None,
        "version": (entry.version or None) if there else None,
        "stale": entry.stale if there else None,
        "end": entry.end if there else None,
        "lease": bool(entry.lease) if there else False,
    }
