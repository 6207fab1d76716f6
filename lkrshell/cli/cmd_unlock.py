"""`lkr unlock`: opens the store, or makes the vault at first use."""

from lkrshell.cli import common, declare
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.state import generation
from lkrshell.stores.vault import Vault


@declare.command("unlock")
@declare.option("--stdin", "from_stdin", is_flag=True, help="Read the passphrase from standard input.")
def command(from_stdin: bool) -> None:
    """Unlock the store. Makes the vault, when there is none."""
    store = common.store()
    passphrase = None
    if isinstance(store, Vault):
        made = store.made()
        prompt = "Passphrase of the vault" if made else "A passphrase for the new vault"
        passphrase = common.read_secret(prompt, from_stdin, twice=not made)
    elif from_stdin:
        raise LkrError("the keychain asks for its passphrase itself", "run lkr unlock without --stdin", USAGE)
    store.unlock(passphrase)
    generation.bump()
    common.log("unlock")
    declare.echo("lkr: unlocked", err=True)
