"""`lkr rename OLD NEW`."""

import click

from lkrshell.cli import common
from lkrshell.runtime import keys


@click.command("rename")
@click.argument("old")
@click.argument("new")
def command(old: str, new: str) -> None:
    """Rename the key OLD to NEW. Manifests that name OLD are not changed."""
    common.checked_key(old)
    common.checked_key(new)
    keys.rename(common.store(), old, new)
    common.log("rename", old, new)
    click.echo(f"lkr: {old} is {new} now", err=True)
