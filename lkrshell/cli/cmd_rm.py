"""`lkr rm NAME`: forgets a key."""

from lkrshell.cli import ask, common, declare
from lkrshell.core.errors import REFUSED, LkrError
from lkrshell.state import generation, index


@declare.command("rm")
@common.KEY
@declare.option("--yes", "--force", "yes", is_flag=True, help="Do not ask.")
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
        ask.agree(f"Remove {name} for good?")
    with index.changing(store.name):
        store.delete(name)
        index.remove(store.name, name)
    generation.bump()
    common.log("rm", name)
    declare.echo(f"lkr: removed {name}", err=True)
