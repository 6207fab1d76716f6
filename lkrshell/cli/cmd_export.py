"""`lkr export SHELL` with options; the plain form goes past the command line library (see __main__)."""

import click

from lkrshell.runtime import export
from lkrshell.shells import dialects


@click.command("export")
@click.argument("shell", type=click.Choice(dialects.SHELLS))
def command(shell: str) -> int:
    """Print what SHELL is to evaluate here. The hook runs this for you."""
    return export.main([shell])
