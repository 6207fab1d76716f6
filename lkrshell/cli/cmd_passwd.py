"""`lkr passwd`: changes the vault's passphrase."""

from lkrshell.cli import common, declare, passphrases


@declare.command("passwd", examples=("lkr passwd", "lkr passwd --stdin < two-lines"))
@declare.option(
    "--stdin", "from_stdin", is_flag=True, help="Read both from standard input, the old one first, on two lines."
)
def command(from_stdin: bool) -> None:
    """Change the vault's passphrase. The keys are not encrypted again. Copies of the vault keep the old passphrase."""
    vault = common.vault()
    if from_stdin:
        old, new = common.two_secrets()
        if warning := passphrases.weakness(new):
            declare.echo(f"lkr: {warning}", err=True)
    else:
        old = passphrases.current("Current passphrase", False, vault.checked)  # before asking for the new one
        new = passphrases.new_passphrase("New passphrase")
    vault.passwd(old, new)
    common.log("passwd")
    declare.echo("lkr: the passphrase has been changed", err=True)
