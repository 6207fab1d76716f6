"""`lkr lock`: closes the store and empties every live shell at its next prompt."""

import click

from lkrshell.cli import common
from lkrshell.runtime import confirm
from lkrshell.state import generation


@click.command("lock")
def command() -> None:
    """Lock the store. Loaded keys leave every shell at its next prompt."""
    try:
        confirm.forget()
    finally:
        common.store().lock()
    generation.bump()
    common.log("lock")
    click.echo("lkr: locked", err=True)
