"""`lkr doctor`: what is wrong, and the command that mends it. Changes nothing without --fix, and never a value."""

import json
import os
from collections.abc import Iterator

import click

from lkrshell import config, files, generation, index, paths, records, stores
from lkrshell.commands import common
from lkrshell.errors import LkrError
from lkrshell.files import quoted, show

Finding = tuple[str, str, str]  # what is wrong, the command that mends it, and what --fix does ("" for nothing)


@click.command("doctor")
@click.option("--fix", is_flag=True, help="Mend the index, stale grants and leftovers of killed writers.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(fix: bool, as_json: bool) -> int:
    """Look for what is wrong. Exit code 1 when something is."""
    found = []
    for check in (_folders, _store, _index, _stale_grants, _leftovers):
        try:
            for what, mend, mended in check(fix):
                found.append({"problem": what, "mend": mend, "mended": bool(mended)})
        except LkrError as error:
            found.append({"problem": error.message, "mend": error.hint, "mended": False})
    if as_json:
        click.echo(json.dumps(found, indent=2))
    for each in () if as_json else found:
        state = "mended" if each["mended"] else f"mend it: {each['mend']}"
        click.echo(f"{each['problem']}\n    {state}")
    if not found and not as_json:
        click.echo("lkr: nothing is wrong")
    return 1 if any(not each["mended"] for each in found) else 0


def _folders(fix: bool) -> Iterator[Finding]:
    for folder in (paths.data_dir(), paths.state_dir()):
        for parent, names, entries in os.walk(folder):
            for path in [os.path.join(parent, name) for name in (*names, *entries)] + [parent] * (parent == folder):
                try:
                    files.check_private(path, os.lstat(path))
                except LkrError as error:
                    yield error.message, error.hint, ""
                except FileNotFoundError:
                    continue


def _store(fix: bool) -> Iterator[Finding]:
    settings = config.load()
    store = stores.choose(settings)
    if store.name == "keyring":
        from lkrshell.stores.keyring import weak_backend

        if name := weak_backend():
            yield f"python-keyring's backend {name} does not protect what it keeps", "LKR_BACKEND=vault, or another", ""
    elif store.is_locked():
        return
    store.get(["lkr:probe"])


def _index(fix: bool) -> Iterator[Finding]:
    store = common.store()
    indexed = index.names(store.name)
    for name in indexed:
        try:
            index.read(store.name, name)
        except LkrError as error:
            if fix and (secret := store.get([name]).get(name)):
                index.write(store.name, index.anew(store.name, name, secret.kind, common.now()))
                generation.bump()
                yield error.message, error.hint, "written anew"
            else:
                yield error.message, "lkr doctor --fix", ""
    listed = store.names()
    if listed is None:
        yield "this keychain cannot list its keys, so the index cannot be compared with it", "lkr list", ""
        return
    for name in sorted(set(indexed) - set(listed)):
        if fix:
            index.remove(store.name, name)
        yield f"{name} is in the index and not in the {store.name}", "lkr doctor --fix", "removed" if fix else ""
    missing = sorted(set(listed) - set(indexed))
    secrets = store.get(missing) if fix and missing else {}
    for name in missing:
        if name in secrets:
            index.write(store.name, index.anew(store.name, name, secrets[name].kind, common.now()))
        mended = "added" if name in secrets else ""
        yield f"{show(name)} is in the {store.name} and not in the index", "lkr doctor --fix", mended


def _stale_grants(fix: bool) -> Iterator[Finding]:
    folder = paths.grants_dir()
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = os.path.join(folder, name)
        if name.startswith("."):
            continue
        try:
            real = records.load(files.read_private(path) or b"")[1][1]
        except (ValueError, IndexError):
            yield f"the grant {show(name)} is damaged", f"rm {quoted(path)}", ""
            continue
        if not os.path.isdir(real):
            if fix:
                files.remove_private(path)
            yield f"{show(real)} is allowed and not there any more", "lkr doctor --fix", "revoked" if fix else ""


def _leftovers(fix: bool) -> Iterator[Finding]:
    for folder in (paths.data_dir(), paths.state_dir()):
        for path in files.leftovers(folder):
            if fix:
                os.unlink(path)
            yield f"{show(path)} was left by a writer that was killed", "lkr doctor --fix", "removed" if fix else ""
