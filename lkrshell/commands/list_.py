"""`lkr list`: the names of the keys, never a value."""

import json

import click

from lkrshell import index, providers
from lkrshell.commands import common


@click.command("list")
@click.option("--all", "show_all", is_flag=True, help="Admin keys too.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(show_all: bool, as_json: bool) -> None:
    """List the stored keys: name, kind, variable, date."""
    store = common.store()
    entries = [entry for name in index.names(store.name) if (entry := index.read(store.name, name))]
    shown = [entry for entry in entries if show_all or entry.kind != "admin"]
    rows = [
        {
            "name": entry.name,
            "kind": entry.kind,
            "variable": providers.variable_of(entry.name),
            "created": entry.created,
            "rotated": entry.rotated or None,
        }
        for entry in shown
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        click.echo("lkr: no keys stored; lkr set openai:prod stores one", err=True)
    width = max((len(entry.name) for entry in shown), default=0)
    for row in rows:
        date = str(row["rotated"] or row["created"])[:10]
        click.echo(f"{row['name']:<{width}}  {row['kind']:<7}  {date}  {row['variable'] or '-'}")
