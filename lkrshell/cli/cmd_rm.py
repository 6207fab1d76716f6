"""`lkr rm NAME`: removes a key from the store."""

from lkrshell.cli import common, declare, prompts
from lkrshell.core import names
from lkrshell.runtime import keys


@declare.command("rm", examples=("lkr rm openai:old", "lkr rm openai:old --yes"))
@common.KEY
@declare.option("--yes", "--force", "yes", is_flag=True, help="Do not ask.")
def command(name: str, yes: bool) -> None:
    """Remove the key NAME from the store, or from its source. This cannot be undone."""
    stored = common.stored_name(name)
    if names.is_sealed(name):
        from lkrshell.cli import sealing

        sealing.remove(name, stored, yes)
        return
    if names.is_fetched(name):
        from lkrshell.cli import source_keys

        source_keys.remove(name, yes)
        return
    store = common.store()
    if store.exists(name):
        prompts.tell_projects(name)
        prompts.yes(f"Remove {name} for good?", yes)
    keys.remove(store, name)
    common.log("rm", name)
    declare.echo(f"lkr: removed {name}", err=True)
