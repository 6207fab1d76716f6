"""`lkr uninstall`: takes back what `lkr install` wrote. Keys, grants and manifests stay."""

import click

from lkrshell.cli import prompts
from lkrshell.core.text import show
from lkrshell.shells import rcfiles


@click.command("uninstall")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(yes: bool) -> None:
    """Take lkr out of the shells' files again. Keys and manifests stay."""
    changes, remarks = rcfiles.uninstall()
    prompts.agree(changes, remarks, yes)
    for change in changes:
        if not rcfiles.revert(change):
            click.echo(f"lkr: {show(change.path)} has your changes since the install, they stay", err=True)
    rcfiles.forget()
    click.echo("lkr: no file of a shell loads lkr any more" if changes else "lkr: nothing to take out", err=True)
