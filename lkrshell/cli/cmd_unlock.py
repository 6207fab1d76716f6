"""`lkr unlock`: unlocks the store, or creates the vault at the first use."""

from lkrshell.cli import ask, common, declare, passphrases
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.runtime import unlocking
from lkrshell.state import generation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.stores.base import Store


@declare.command("unlock", examples=("lkr unlock", "pass show lkr | lkr unlock --stdin"))
@declare.option("--stdin", "from_stdin", is_flag=True, help="Read the passphrase from standard input.")
@declare.option("--passphrase", "by_passphrase", is_flag=True, help="Ask for the passphrase at once.")
def command(from_stdin: bool, by_passphrase: bool) -> None:
    """Unlock the store. Creates the vault if there is none.

    First tries the TPM, Touch ID or device that `lkr vault enroll` set up, and then asks for the passphrase.
    """
    store = common.store()
    if not from_stdin and not by_passphrase and store.takes_passphrase and unlocking.by_enrolled(store):
        return
    if store.takes_passphrase and (from_stdin or ask.on_terminal() or not store.has_dialog):
        if store.is_created():
            prompt = f"Passphrase of the {store.noun}"
            passphrases.current(prompt, from_stdin, lambda given: unlocking.open_with(store, given))
        else:
            passphrases.create(store, _for_new(store, from_stdin), unlocking.open_with)
        return
    if from_stdin:
        raise LkrError("the keychain asks for its passphrase itself", "run lkr unlock without --stdin", USAGE)
    store.unlock(None)
    generation.bump()
    common.log("unlock")
    declare.echo("lkr: unlocked", err=True)


def _for_new(store: "Store", from_stdin: bool) -> Secret:
    """The passphrase for a new store. A passphrase from standard input may be weak."""
    if not from_stdin:
        return passphrases.for_new_store(store)
    given = common.read_secret("Passphrase", True)
    if warning := passphrases.weakness(given):
        declare.echo(f"lkr: {warning} Choose another: lkr passwd", err=True)
    return given
