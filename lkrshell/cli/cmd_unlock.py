"""`lkr unlock`: unlocks the store, or creates the vault at the first use."""

from lkrshell.cli import ask, common, declare, passphrases
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.runtime import unlocking
from lkrshell.state import generation


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
        if from_stdin or store.is_created():
            passphrase = common.read_secret(f"Passphrase of the {store.noun}", from_stdin)
            if not store.is_created() and (warning := passphrases.weakness(passphrase)):
                declare.echo(f"lkr: {warning} Choose another: lkr passwd", err=True)
        else:
            passphrase = passphrases.new_passphrase(f"A passphrase for the new {store.noun}")
        unlocking.open_with(store, passphrase)
        return
    if from_stdin:
        raise LkrError("the keychain asks for its passphrase itself", "run lkr unlock without --stdin", USAGE)
    store.unlock(None)
    generation.bump()
    common.log("unlock")
    declare.echo("lkr: unlocked", err=True)
