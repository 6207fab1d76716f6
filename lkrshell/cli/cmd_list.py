"""`lkr list`: the names of the keys, never a value."""

import sys

from lkrshell.cli import common, declare, layout, output
from lkrshell.core import clock, names
from lkrshell.core.entry import Entry
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.project import granted
from lkrshell.state import index
from lkrshell.vendors import providers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LEAST = 12  # columns; a narrower column of projects says nothing
_HEADINGS = ("NAME", "KIND", "SET", "LAST USE", "VARIABLE", "PROJECTS")


@declare.command("list", examples=("lkr list", "lkr list openai --json"))
@declare.argument("provider", required=False)
@declare.option("--all", "show_all", is_flag=True, help="Include admin keys.")
@declare.option(
    "--source",
    metavar="NAME",
    help="List the keys of this shared store, and which of them are copied here. sealed: this project's sealed keys.",
)
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(provider: str | None, show_all: bool, source: str | None, as_json: bool) -> None:
    """List the stored keys, or those of one PROVIDER. Never shows a value."""
    if source is not None:
        _tell_source(source, provider, as_json)
        return
    store = common.store().name
    every = index.names(store)
    named = layout.in_order(name for name in every if provider in (None, names.provider_of(name)))
    if provider and not named:
        there = sorted({names.provider_of(name) for name in every})
        if names.is_key(provider):
            hint = f"lkr list {names.provider_of(provider)}"
            raise LkrError(f"{provider} is the name of a key, and lkr list takes that of a provider", hint, USAGE)
        otherwise = f"there are keys of {', '.join(there)}" if 0 < len(there) <= 8 else "see lkr list"
        raise LkrError(
            f"no keys of {names.redacted(provider)} are stored", common.did_you_mean(provider, there, otherwise)
        )
    projects = granted.by_key() if named else {}
    entries = [entry for name in named if (entry := index.read(store, name)) and (show_all or entry.kind != "admin")]
    rows = [_row(store, entry, projects.get(entry.name, [])) for entry in entries]
    if as_json:
        declare.echo_json(rows)
        return
    if not rows:
        declare.echo("lkr: no keys stored yet; store one: lkr set openai:prod", err=True)
        return
    declare.echo(
        _for_terminal(rows) if sys.stdout.isatty() else output.table(_HEADINGS, [*map(_cells, rows)]), nl=False
    )


def _tell_source(source: str, provider: str | None, as_json: bool) -> None:
    if source == names.SEALED:
        from lkrshell.cli import sealing

        found = sealing.rows()
    else:
        from lkrshell.cli import source_keys

        found = source_keys.rows(source)
    rows = [row for row in found if provider in (None, names.provider_of(row["name"]))]
    if as_json:
        declare.echo_json(rows)
        return
    cells = [
        (row["name"], output.since(clock.stamp(row["fetched"])) if row["copy"] else "-", row["version"] or "-")
        for row in rows
    ]
    declare.echo(output.table(("NAME", "COPY HERE", "VERSION"), cells), nl=False)


def _cells(row: "dict[str, Any]") -> tuple[str, ...]:
    dates = (row["rotated"] or row["created"])[:10], (row["last_use"] or "never used")[:10]
    return row["name"], row["kind"], *dates, row["variable"] or "-", common.some_folders(row["projects"], 2)


def _for_terminal(rows: "list[dict[str, Any]]") -> str:
    """The same table within the terminal's width: names stay complete, and columns that are equal for all keys, or for
    which there is no room, are left out.

    The kind is shown if there are admin keys. In groups, a provider's variable is in its heading.
    """
    grouped, kinds = layout.is_grouped([row["name"] for row in rows]), any(row["kind"] == "admin" for row in rows)
    headings, cells, colors = ["NAME"], [[row["name"]] for row in rows], [["bold"] for _ in rows]

    def room() -> int:
        return layout.columns_left(headings, cells)

    def column(heading: str, color: str, texts: list[str]) -> None:
        headings.append(heading)
        for number, text in enumerate(texts):
            cells[number].append(text)
            colors[number].append("yellow" if text == "admin" else color)

    if kinds:
        column("KIND", "", [row["kind"] for row in rows])
    changed = [output.since(row["rotated"] or row["created"]) for row in rows]
    used = [output.since(row["last_use"]) if row["last_use"] else "never" for row in rows]
    for heading, dates in (("SET", changed), ("LAST USE", used)):
        if room() >= max(map(len, (heading, *dates))):
            column(heading, "dim", dates)
    if not grouped and room() >= len("VARIABLE"):
        column("VARIABLE", "", [output.cut(row["variable"] or "-", room()) for row in rows])
    if room() >= _LEAST and any(row["projects"] for row in rows):
        column("PROJECTS", "", [layout.short_paths(row["projects"], room()) for row in rows])
    return layout.by_provider(headings, cells, colors, _about)


def _about(provider: str) -> str:
    return providers.variable_of(f"{provider}:x") or ""  # a manifest may name any other


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
