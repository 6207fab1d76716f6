"""`lkr add VARIABLE[=NAME]`: one more key in the manifest, comments kept; then allows it."""

import os

import click
import tomlkit
import tomlkit.exceptions

from lkrshell.cli import cmd_allow, common
from lkrshell.core import names
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.project import inside, lookup
from lkrshell.vendors import providers


@click.command("add")
@click.argument("entry", metavar="VARIABLE[=NAME] | NAME")
def command(entry: str) -> None:
    """Add a key to this project's manifest. Makes the manifest where there is none; the result is allowed."""
    variable, name = _parts(entry)
    here = lookup.current_folder()
    folder = lookup.find(here) or here
    place = lookup.Place(folder)
    if place.text == lookup.ABSENT:
        inside.check_new(place)
    else:
        cmd_allow.check_allowed(place)
    document = tomlkit.parse(place.text[1:] or "version = 1\n\n[keys]\n")
    keys = document.setdefault("keys", tomlkit.table())
    if isinstance(keys, list):
        listed = [str(key) for key in keys]
        table = tomlkit.table()
        for key in listed:
            table[providers.variable_of(key) or ""] = key
        document["keys"] = table
        keys = table
    if keys.get(variable) == name:
        raise LkrError(f"{variable} is {name} already", "nothing was changed")
    keys[variable] = name
    text = tomlkit.dumps(document)
    write_manifest(os.path.join(folder, lookup.MANIFEST), text)
    cmd_allow.record_written(place, text)
    click.echo(f"lkr: added {variable} ← {name}, and allowed it", err=True)


def write_manifest(path: str, text: str) -> None:
    """Replaces the manifest atomically, its mode kept. LkrError when the disk says no, or a link leads elsewhere."""
    inside.replace(*os.path.split(path), text.encode())


def _parts(entry: str) -> tuple[str, str]:
    variable, equals, name = entry.partition("=")
    if not equals and names.is_key(entry):
        variable, name = providers.variable_of(entry) or "", entry
        if not variable:
            raise LkrError(f"no known variable for {entry}", f"write VARIABLE={entry}", USAGE)
    elif not equals:
        name = providers.key_for(variable) or ""
    if not names.is_variable(variable) or names.changes_programs(variable):
        raise LkrError("that is no variable for a key", "write VARIABLE=provider:label", USAGE)
    return variable, common.checked_key(name)
