"""`lkr schema`: prints the manifest's JSON Schema, for an editor to find."""

import click

from lkrshell.project import schema


@click.command("schema")
@click.option("--local", is_flag=True, help="The schema of .lkr.local.toml.")
def command(local: bool) -> None:
    """Print the JSON Schema of .lkr.toml, for editors."""
    click.echo(schema.text(schema.FILES[local]), nl=False)
