"""`lkr allow`: shows what a project would get, and what changed, and records the grant."""

import os

from lkrshell.cli import common, declare, prompts
from lkrshell.core.errors import ManifestError
from lkrshell.core.text import show, tilde
from lkrshell.project import approve, grants, lookup, references
from lkrshell.state import index


@declare.command("allow", examples=("lkr allow", "lkr allow ~/work/app"))
@declare.argument("folder", required=False)
@declare.option("--yes", is_flag=True, help="Do not ask.")
def command(folder: str | None, yes: bool) -> None:
    """Let a project have the keys its manifest names. FOLDER: here, by default."""
    place = lookup.Place(common.project_folder(folder))
    parsed = approve.read_manifest(place)
    try:
        before = grants.read(place.real)
    except ManifestError:
        before = None
    if before is None and (others := references.with_text(place.text, place.local)):
        home = os.path.expanduser("~")
        declare.echo(f"The same content is allowed at {show(tilde(others[0], home))}.", err=True)
    declare.echo(f"{show(place.real)} would get:", err=True)
    for line in approve.difference(before.wants if before else (), parsed.wants):
        declare.echo(line, err=True)
    store = common.store()
    entries = {want.key: index.read(store.name, want.key) for want in parsed.wants}
    needed = {want.key for want in parsed.wants if not want.optional}
    for key, entry in entries.items():
        lacking = approve.missing(store, key) if key in needed and not entry else []
        for line in approve.limits(entry, place.real) if entry else lacking:
            declare.echo(f"! {line}", err=True)
    prompts.yes("Allow?", yes)
    prompts.allow(place, parsed)
    declare.echo(f"lkr: allowed {show(place.real)}", err=True)
