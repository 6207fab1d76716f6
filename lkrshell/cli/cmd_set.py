"""`lkr set NAME`: stores a value, from a hidden prompt or standard input."""

from lkrshell.cli import common, declare
from lkrshell.core import names
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.state import generation, index
from lkrshell.vendors import providers


@declare.command("set")
@common.KEY
@declare.option("--stdin", "from_stdin", is_flag=True, help="Read the value from standard input, as a pipe does too.")
@declare.option("--kind", type=declare.Choice(["runtime", "admin"]), help="admin: never in an environment.")
def command(name: str, from_stdin: bool, kind: str | None) -> None:
    """Store the key NAME (provider:label). Asks for the value; never takes it as an argument."""
    if names.is_hidden(common.checked_key(name)):
        raise LkrError(f"names that end in {names.HIDDEN} are for lkr rotate", "choose another", USAGE)
    from_stdin = from_stdin or common.piped()
    store = common.store()
    common.make_vault(store)
    old = index.read(store.name, name)
    secret = common.read_secret(f"Value of {name}", from_stdin, kind or (old.kind if old else "runtime"))
    if warning := providers.shape_warning(name, secret.reveal()):
        declare.echo(f"lkr: {warning}; stored all the same", err=True)
    common.keep(store, name, secret)
    generation.bump()
    common.log("set", name)
    declare.echo(f"lkr: stored {name} in the {store.name}", err=True)
