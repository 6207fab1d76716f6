"""`lkr exec -- COMMAND`: runs one command with the project's keys, in this process's place."""

import click

from lkrshell import execute, names, providers
from lkrshell.commands import common
from lkrshell.errors import USAGE, LkrError
from lkrshell.want import Want


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("-k", "--key", "keys", multiple=True, metavar="[VARIABLE=]NAME", help="This key, not the project's.")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
def command(keys: tuple[str, ...], words: tuple[str, ...]) -> None:
    """Run a command with this project's keys, those of scope "exec" too."""
    execute.replace([_named(key) for key in keys] if keys else execute.project_wants(), words)


def _named(text: str) -> Want:
    variable, equals, name = text.rpartition("=")
    common.checked_key(name)
    found = variable if equals else providers.variable_of(name)
    if not found:
        raise LkrError(f"no known variable for {name}", f"write -k VARIABLE={name}", USAGE)
    if not names.is_variable(found) or names.changes_programs(found):
        raise LkrError(f"{found} is no variable for a key", "use another", USAGE)
    return Want(found, name)
