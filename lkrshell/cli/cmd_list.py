"""`lkr list`: the names of the keys, never a value."""

import sys

from lkrshell.cli import common, declare, layout, output
from lkrshell.core import names
from lkrshell.core.entry import Entry
from lkrshell.core.errors import LkrError
from lkrshell.project import references
from lkrshell.state import index
from lkrshell.vendors import providers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HEADINGS = ("NAME", "KIND", "SET", "LAST USE", "VARIABLE", "PROJECTS")


@declare.command("list", examples=("lkr list", "lkr list openai --json"))
@declare.argument("provider", required=False)
@declare.option("--all", "show_all", is_flag=True, help="Include admin keys.")
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(provider: str | None, show_all: bool, as_json: bool) -> None:
    """List the stored keys, or those of one PROVIDER. Never shows a value."""
    store = common.store().name
    every = index.names(store)
    named = [name for name in every if provider in (None, name.partition(":")[0])]
    if provider and not named:
        there = sorted({name.partition(":")[0] for name in every})
        otherwise = f"there are keys of {', '.join(there)}" if 0 < len(there) <= 8 else "see lkr list"
        raise LkrError(f"no keys of {names.said(provider)} are stored", common.meant(provider, there, otherwise))
    projects = references.by_key() if named else {}
    entries = [entry for name in named if (entry := index.read(store, name)) and (show_all or entry.kind != "admin")]
    rows = [_row(store, entry, projects.get(entry.name, [])) for entry in entries]
    if as_json:
        import json

        declare.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        declare.echo("lkr: no keys stored yet; store one: lkr set openai:prod", err=True)
        return
    shown = [_cells(row) for row in rows]
    colours = [("bold", "yellow" if row["kind"] == "admin" else "", "dim", "dim", "", "") for row in rows]
    declare.echo(layout.by_provider(_HEADINGS, shown, colours), nl=False)


def _cells(row: "dict[str, Any]") -> tuple[str, ...]:
    set_on, used, terminal = row["rotated"] or row["created"], row["last_use"], sys.stdout.isatty()
    dates = (
        (output.since(set_on), output.since(used) if used else "never")
        if terminal
        else (set_on[:10], (used or "never used")[:10])
    )
    return row["name"], row["kind"], *dates, row["variable"] or "-", common.some_folders(row["projects"], 2)


def _row(store: str, entry: Entry, projects: list[str]) -> "dict[str, Any]":
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
