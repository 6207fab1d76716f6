"""`lkr schema`: prints the manifest's JSON Schema, for an editor to find."""

from lkrshell.cli import declare
from lkrshell.project import schema


@declare.command("schema", examples=("lkr schema > lkr.schema.json", "lkr schema --local"))
@declare.option("--local", is_flag=True, help="The schema of .lkr.local.toml.")
def command(local: bool) -> None:
    """Print the JSON Schema of .lkr.toml, for editors."""
    declare.echo(schema.text(schema.FILES[local]), nl=False)
