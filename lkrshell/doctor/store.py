"""The store in use, its index, the grants, and who may read them."""

import os
import stat
from collections.abc import Iterator

from lkrshell.core import platform, records
from lkrshell.core.errors import LkrError, ManifestError, StoreLocked, StoreUnreachable
from lkrshell.core.names import OLD_BEFORE, is_key, is_of_source, key_of_old
from lkrshell.core.text import quoted, show
from lkrshell.core.time_limit import TimeLimit
from lkrshell.doctor import Finding, fact, warning, wrong
from lkrshell.project import approve, lookup, worktrees
from lkrshell.project.grants import read as read_grant
from lkrshell.runtime import keys
from lkrshell.state import config, files, index, paths
from lkrshell.stores import registry
from lkrshell.stores.base import Store

_RESTORE = {
    "vault": "lkr vault import FILE restores a backup; lkr unlock makes a new vault",
    "keychain": "restore ~/Library/Keychains/lkr.keychain-db from a backup; lkr unlock starts over",
}
WAIT = 5.0  # seconds for the whole store, since a person is waiting and wants to know whether a keychain hangs


def in_force(settings: config.Config) -> tuple["Store | None", str]:
    """The store, and why it was chosen. None if the first key will decide that: asking must not decide it."""
    if settings.backend != "auto":
        why = "LKR_BACKEND" if os.environ.get("LKR_BACKEND") else "config.toml"
        return registry.choose(settings), f"by {why}"
    if not registry.chosen_before():
        return None, ""
    return registry.choose(settings), "chosen at the first use"


def store(fix: bool) -> Iterator[Finding]:
    """Which store lkr uses, whether it answers, and whether the index agrees with it."""
    settings = config.load()
    try:
        with TimeLimit(WAIT):
            chosen, why = in_force(settings)
            if chosen is None:
                found = "vault" if registry.found(settings) == "vault" else "keychain"
            elif chosen.is_created():
                state, weak = _state(chosen), chosen.weakness()
    except StoreUnreachable as error:
        yield wrong(f"{error.message}; until then, you can use the vault", "export LKR_BACKEND=vault")
        return
    if chosen is None:
        yield fact(f"none yet; the first key would go to the {found}", "lkr set NAME")
    elif not chosen.is_created() and (lost := index.names(chosen.name)):
        yield wrong(f"the {chosen.noun} is missing, but the index lists {_some(lost)}", _RESTORE[chosen.noun])
    elif not chosen.is_created():
        yield fact(f"{chosen.noun} ({why}), not created yet", "lkr unlock")
    else:
        yield fact(f"{chosen.describe()} ({why}), {state}")
        yield from _enrolled(chosen)
        if weak:
            yield wrong(f"{weak} does not protect what it keeps", "export LKR_BACKEND=vault")
        yield from _index(chosen, fix)


def _enrolled(chosen: "Store") -> Iterator[Finding]:
    from lkrshell.runtime import enrollment

    try:
        if found := enrollment.way(chosen):
            yield fact(f"{found.describe()} can open it, too")
    except LkrError as error:
        yield wrong(error.message, error.hint)


def access(fix: bool) -> Iterator[Finding]:
    """On macOS, keys whose access list names other programs: the Rust `lkr`, or Python before it was upgraded.

    With `fix` macOS asks the person about each, in a dialog.
    """
    if not platform.DARWIN:
        return
    from lkrshell.stores.macos_keychain import MacosKeychain

    try:
        chosen, _ = in_force(config.load())
        foreign = chosen.foreign() if isinstance(chosen, MacosKeychain) else []
    except StoreUnreachable:
        return  # `store` reports it
    for name in foreign:
        text, fixed = (
            f"macOS does not let this lkr read {show(name)}: another program, or another version, stored it",
            "",
        )
        if fix and isinstance(chosen, MacosKeychain):
            try:
                chosen.take_access(name)
                fixed = "allowed"
            except LkrError as error:
                text += f"; {error.message}"
        yield wrong(text, "lkr doctor --fix", fixed)


def _state(chosen: "Store") -> str:
    try:
        if chosen.is_locked():
            return "locked"
        # For a name that it does not have, a keychain gives no answer, whether it is locked or not.
        chosen.get([] if chosen.counts_reads else index.names(chosen.name)[:1] or ["lkr:probe"])
    except StoreLocked:
        return "locked"
    left = chosen.seconds_left()
    return "unlocked" if left is None else f"unlocked for {max(1, round(left / 60))} min"


def _index(chosen: "Store", fix: bool) -> Iterator[Finding]:
    indexed = index.names(chosen.name)
    for name in indexed:
        try:
            index.read(chosen.name, name)
        except LkrError as error:
            fixed = ""
            if fix and keys.write_entry_anew(chosen, name):
                fixed = "rewritten"
            yield wrong(error.message, "lkr doctor --fix", fixed)
    listed = chosen.names()
    listed = listed and [stored for stored in listed if not is_of_source(stored)]
    if listed is None:
        yield fact("this keychain cannot list its keys, so the index cannot be compared with it")
        return
    if gone := sorted(set(indexed) - set(listed)):
        removed = [name for name in gone if fix and keys.remove_entry(chosen, name)]
        text = f"the index lists {_some(gone)}, which the {chosen.name} does not have"
        yield wrong(text, "lkr doctor --fix", "removed" if len(removed) == len(gone) else "")
    unlisted = sorted(set(listed) - set(indexed))
    for stored in unlisted:
        name = key_of_old(stored) or ""
        if not name or (name in listed and not stored.endswith(OLD_BEFORE)):
            continue  # a key, or one that is being rotated
        if fix:
            keys.settle_old(chosen, name)
        text = f"the {chosen.name} has an old value of {name}"
        reason = "as lkr 0.1.0 stored it" if name in listed else f"but no {name}"
        yield wrong(f"{text}, {reason}", "lkr doctor --fix", "settled" if fix else "")
    if missing := [stored for stored in unlisted if not key_of_old(stored)]:
        added = [stored for stored in missing if fix and is_key(stored) and keys.write_entry_anew(chosen, stored)]
        text = f"the {chosen.name} has {_some(missing)}, which the index does not list"
        yield wrong(text, "lkr doctor --fix", "added" if len(added) == len(missing) else "")


def _some(found: list[str]) -> str:
    """The first five keys, and how many more there are."""
    more = f" and {len(found) - 5} more keys" if len(found) > 5 else ""
    return ", ".join(map(show, found[:5])) + more


def folders(fix: bool) -> Iterator[Finding]:
    """Who may read and write lkr's files, and what interrupted writes left there."""
    for folder in dict.fromkeys((paths.data_dir(), paths.state_dir())):  # the same folder on macOS
        for path in _below(folder):
            if path == paths.config_file():
                continue  # has its own rule, see below
            try:
                files.check_private(path, os.lstat(path))
            except LkrError as error:
                yield wrong(error.message, error.hint)
            except FileNotFoundError:
                continue
        for path in files.leftovers(folder):
            if fix:
                os.unlink(path)
            yield wrong(
                f"{show(path)} is left over from an interrupted write", "lkr doctor --fix", "removed" if fix else ""
            )
    for path in _below(os.path.dirname(paths.config_file())):  # others may read it, since it contains nothing secret
        info = os.lstat(path)
        if info.st_mode & 0o022 and not stat.S_ISLNK(info.st_mode):
            yield wrong(f"{show(path)} can be changed by other users", f"chmod go-w {quoted(path)}")


def _below(folder: str) -> Iterator[str]:
    if os.path.isdir(folder):
        yield folder
    for parent, names, entries in os.walk(folder):
        for name in (*names, *entries):
            yield os.path.join(parent, name)


def _readable(real: str) -> Iterator[Finding]:
    try:
        read_grant(real)
    except ManifestError as error:
        yield wrong(error.message, error.hint)


def grants(fix: bool) -> Iterator[Finding]:
    """Grants of projects that no longer exist."""
    folder = paths.grants_dir()
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = os.path.join(folder, name)
        if name.startswith("."):
            continue
        try:
            real = records.load(files.read_private(path) or b"")[1][1]
        except (ValueError, IndexError):
            yield wrong(f"the grant {show(name)} is damaged", f"rm {quoted(path)}")
            continue
        except LkrError:
            continue  # not private, which `folders` reports
        if os.path.exists(os.path.join(real, lookup.MANIFEST)):
            yield from _readable(real)
            continue
        if worktrees.served(real):  # a bare repository, or the main checkout is on another branch
            continue
        if fix:
            approve.revoke(real)
        fixed = "revoked" if fix else ""
        if os.path.isdir(real):  # maybe on another branch
            yield warning(f"{show(real)} is allowed but no longer has a manifest", "lkr doctor --fix", fixed)
        else:
            yield wrong(f"{show(real)} is allowed but no longer exists", "lkr doctor --fix", fixed)
