"""`lkr rm NAME`: forgets a key."""

import click

from lkrshell.cli import common
from lkrshell.core.errors import REFUSED, LkrError
from lkrshell.state import generation, index


@click.command("rm")
@common.KEY
@click.option("--yes", "--force", "yes", is_flag=True, help="Do not ask.")
def command(name: str, yes: bool) -> None:
    """Remove the key NAME from the store. There is no way back."""
    common.checked_key(name)
    store = common.store()
    if not store.exists(name):
        index.remove(store.name, name)
        raise LkrError(f"no key {name} in the {store.name}", "see lkr list")
    if not yes:
        if not common.on_terminal():
            raise LkrError("no terminal to ask on", "say --yes", REFUSED)
        click.confirm(f"Remove {name} for good?", abort=True, err=True)
    with index.changing(store.name):
        store.delete(name)
        index.remove(store.name, name)
    generation.bump()
    common.log("rm", name)
    click.echo(f"lkr: removed {name}", err=True)
