"""`lkr list`: the names of the keys, never a value."""

import json
import os
import sys

import click

from lkrshell.cli import common
from lkrshell.core.entry import Entry
from lkrshell.core.text import show, tilde
from lkrshell.project import references
from lkrshell.state import index
from lkrshell.vendors import providers


@click.command("list")
@click.option("--all", "show_all", is_flag=True, help="Admin keys too.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(show_all: bool, as_json: bool) -> None:
    """List the stored keys. Name, kind, date, last use, variable, projects; never a value."""
    store = common.store().name
    names = index.names(store)
    width = max(map(len, names), default=0)
    projects = references.by_key() if names else {}
    rows = (
        _row(store, entry, projects.get(name, []))
        for name in names
        if (entry := index.read(store, name)) and (show_all or entry.kind != "admin")
    )
    if as_json:
        click.echo(json.dumps(list(rows), indent=2))
        return
    home = os.path.expanduser("~")
    coloured = common.colours(sys.stdout)
    shown = 0
    for shown, row in enumerate(rows, 1):  # noqa: B007
        name, kind = f"{row['name']:<{width}}", f"{row['kind']:<7}"
        dates = f"{str(row['rotated'] or row['created'])[:10]}  {str(row['last_use'] or 'never used')[:10]}"
        if coloured:
            name, dates = click.style(name, bold=True), click.style(dates, dim=True)
            kind = click.style(kind, fg="yellow") if row["kind"] == "admin" else kind
        sys.stdout.write(f"{name}  {kind}  {dates}  {row['variable'] or '-'}{_projects(row['projects'], home)}\n")
    sys.stdout.flush()
    if not shown:
        click.echo("lkr: no keys stored; lkr set openai:prod stores one", err=True)


def _projects(folders: object, home: str) -> str:
    """The first two, and how many more."""
    if not isinstance(folders, list) or not folders:
        return ""
    short = [tilde(each, home) for each in folders[:2]]
    more = f" and {len(folders) - 2} more" if len(folders) > 2 else ""
    return "  " + show(", ".join(short)) + more


def _row(store: str, entry: Entry, projects: list[str]) -> dict[str, str | int | list[str] | None]:
    return {
        "name": entry.name,
        "kind": entry.kind,
        "variable": providers.variable_of(entry.name),
        "created": entry.created,
        "rotated": entry.rotated or None,
        "last_use": index.last_use(store, entry) or None,
        "ttl": entry.ttl or None,
        "projects": projects,
    }
