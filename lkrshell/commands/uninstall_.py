"""`lkr uninstall`: takes back what `lkr install` wrote. Keys, grants and manifests stay."""

import click

from lkrshell import shellfiles
from lkrshell.commands.install_ import agree
from lkrshell.files import show


@click.command("uninstall")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(yes: bool) -> None:
    """Take lkr out of the shells' files again. Keys and manifests stay."""
    changes, remarks = shellfiles.uninstall()
    agree(changes, remarks, yes)
    for change in changes:
        if not shellfiles.revert(change):
            click.echo(f"lkr: {show(change.path)} has your changes since the install, they stay", err=True)
    shellfiles.forget()
    click.echo("lkr: no file of a shell loads lkr any more" if changes else "lkr: nothing to take out", err=True)
