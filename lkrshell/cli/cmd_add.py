"""`lkr add VARIABLE[=NAME]`: one more key in the manifest, comments kept; then allows it."""

import tomlkit

from lkrshell.cli import common, declare, prompts
from lkrshell.core import names
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.project import approve, lookup
from lkrshell.vendors import providers


@declare.command("add")
@declare.argument("entry", metavar="VARIABLE[=NAME] | NAME")
def command(entry: str) -> None:
    """Add a key to this project's manifest. The result is allowed."""
    variable, name = _parts(entry)
    place = lookup.Place(common.project_folder(None))
    approve.check_allowed(place)
    document = tomlkit.parse(place.text[1:])
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
    prompts.write_and_allow(place, tomlkit.dumps(document))
    declare.echo(f"lkr: added {variable} ← {name}, and allowed it", err=True)


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
