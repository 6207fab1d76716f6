"""`lkr passwd`: another passphrase for the vault."""

from lkrshell.cli import common, declare


@declare.command("passwd")
@declare.option("--stdin", "from_stdin", is_flag=True, help="Read both from standard input, a line each: old, new.")
def command(from_stdin: bool) -> None:
    """Change the vault's passphrase. No key is encrypted anew; backups keep the old one."""
    vault = common.vault()
    if from_stdin:
        old, new = common.two_lines()
    else:
        old = common.read_secret("Present passphrase", False)
        new = common.read_secret("New passphrase", False, twice=True)
    vault.passwd(old, new)
    common.log("passwd")
    declare.echo("lkr: the passphrase is changed", err=True)
