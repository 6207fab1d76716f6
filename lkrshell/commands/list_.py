"""`lkr list`: the names of the keys, never a value."""

import json

import click

from lkrshell import index, providers
from lkrshell.commands import common
from lkrshell.names import is_hidden


@click.command("list")
@click.option("--all", "show_all", is_flag=True, help="Admin keys too, and old values of a rotation.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(show_all: bool, as_json: bool) -> None:
    """List the stored keys: name, kind, variable, date."""
    store = common.store().name
    names = [name for name in index.names(store) if show_all or not is_hidden(name)]
    width = max(map(len, names), default=0)
    rows = (
        _row(store, entry)
        for name in names
        if (entry := index.read(store, name)) and (show_all or entry.kind != "admin")
    )
    if as_json:
        click.echo(json.dumps(list(rows), indent=2))
        return
    shown = 0
    for shown, row in enumerate(rows, 1):  # noqa: B007
        used = str(row["last_use"] or "never used")[:10]
        date = str(row["rotated"] or row["created"])[:10]
        click.echo(f"{row['name']:<{width}}  {row['kind']:<7}  {date}  {used:<10}  {row['variable'] or '-'}")
    if not shown:
        click.echo("lkr: no keys stored; lkr set openai:prod stores one", err=True)


def _row(store: str, entry: index.Entry) -> dict[str, str | int | None]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "variable": providers.variable_of(entry.name),
        "created": entry.created,
        "rotated": entry.rotated or None,
        "last_use": index.last_use(store, entry) or None,
        "ttl": entry.ttl or None,
    }
