"""`lkr allow`: shows what a project would get, and what changed, and records the grant."""

import os
import sys

from lkrshell.cli import ask, common, declare, layout, prompts
from lkrshell.core import names
from lkrshell.core.binding import shown
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.project import approve, granted, lookup, manifest, manifest_reader, worktrees
from lkrshell.runtime import broker_client, session
from lkrshell.state import index, paths
from lkrshell.state.paths import tilde
from lkrshell.vendors import providers, routes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lkrshell.core.binding import Binding
    from lkrshell.core.entry import Entry
    from lkrshell.project import grants

_MOST = 5  # keys that are not stored; more are only counted


@declare.command("allow", examples=("lkr allow", "lkr allow ~/work/app"))
@declare.argument("folder", required=False)
@declare.option("--yes", is_flag=True, help="Do not ask.")
@declare.option("--variable", "variables", multiple=True, metavar="NAME", help="Also allow a key in this variable.")
@declare.option(
    "--worktrees/--no-worktrees", "everywhere", default=None, help="Include the repository's other git worktrees."
)
@declare.option("--json", "as_json", is_flag=True, help="Print what was allowed as JSON.")
def command(folder: str | None, yes: bool, variables: tuple[str, ...], everywhere: bool | None, as_json: bool) -> None:
    """Let a project have the keys its manifest names. FOLDER is the current folder by default."""
    place = lookup.Place(common.project_folder(folder))
    if everywhere:
        place = worktrees.target(place)
    before = manifest_reader.grant_of(place)
    parsed = manifest_reader.read_manifest(place, _checked(variables))
    if unnamed := [name for name in variables if name not in {binding.variable for binding in parsed.bindings}]:
        raise LkrError(f"this manifest does not name {unnamed[0]}", "nothing was changed", USAGE)
    others = granted.projects_with_text(place.text, place.local) if before is None else []
    if others := [each for each in others if each != place.real]:
        declare.echo(_elsewhere(others), err=True)
    declare.echo(f"{show(place.real)} would get:", err=True)
    for line in layout.changes(approve.difference(before.bindings if before else (), parsed.bindings), sys.stderr):
        declare.echo(line, err=True)
    _warn(_remarks(parsed, place.real))
    accept_team = _show_team(place.folder, parsed)
    if everywhere is None and before is not None and before.worktrees:
        everywhere = True
    if everywhere:
        _warn([f"this includes {_others(place)} with this manifest, and later ones, until lkr deny"])
    is_new = before is None or accept_team is not None or _differs(before, place, parsed, bool(everywhere))
    if is_new:
        prompts.yes("Allow?", yes)
    if everywhere is None and (is_new or not (before and before.of)):
        place, everywhere = _offer_worktrees(place, yes or not ask.on_terminal())
        is_new = is_new or everywhere
    if accept_team:
        accept_team()
    if is_new:
        prompts.allow(place, parsed, everywhere)
    else:
        paths.accept()
        prompts.bring_in(place, parsed)
    if as_json:
        _print_json(place.real, parsed, bool(everywhere))
    where = f"{show(place.real)}{' and its worktrees' if everywhere else ''}"
    declare.echo(f"lkr: allowed {where}" if is_new else f"lkr: {where} was already allowed; nothing changed", err=True)


def _differs(before: "grants.Grant", place: lookup.Place, parsed: manifest.Manifest, everywhere: bool) -> bool:
    """True unless `before` already allows all of this."""
    then = (before.bindings, before.inherit, before.profile, before.require_all, before.let_in, before.worktrees)
    now = (parsed.bindings, parsed.inherit, parsed.profile, parsed.require_all, parsed.let_in, everywhere)
    return then != now or not before.covers(place)


def _print_json(real: str, parsed: manifest.Manifest, everywhere: bool) -> None:
    keys = [
        {"variable": each.variable, "key": shown(each.key), "profile": each.profile or None} for each in parsed.bindings
    ]
    declare.echo_json({"folder": real, "worktrees": everywhere, "keys": keys})


def _elsewhere(folders: list[str]) -> str:
    """A sentence about where the same manifest is allowed: a copy, or the place from which this folder was moved."""
    there = [folder for folder in folders if os.path.isdir(folder)]
    place = show(tilde((there or folders)[0]))
    if there:
        return f"The same content is allowed at {place}."
    return f"The same content was allowed at {place}, which no longer exists."


def _show_team(folder: str, parsed: manifest.Manifest) -> "Callable[[], None] | None":
    """Shows who can open the sealed keys of the manifest. If the person has not accepted all these members yet, returns
    a function that notes that they were accepted."""
    keys = dict.fromkeys(names.in_source(each.key) for each in parsed.bindings if names.is_sealed(each.key))
    if not keys:
        return None
    from lkrshell.cli import sealing
    from lkrshell.team import accepted, members

    try:
        team = members.read(folder)
    except LkrError as error:
        _warn([str(error)])
        return None
    _warn(sealing.remarks(team, list(keys)))
    return (lambda: accepted.accept(team)) if accepted.changes(team) else None


def _warn(remarks: list[str]) -> None:
    for remark in remarks:
        declare.echo(layout.marked(f"! {remark}", "yellow", sys.stderr), err=True)


def _remarks(parsed: manifest.Manifest, real: str) -> list[str]:
    """Remarks: what the keys' policies restrict here, which keys are not stored, which variables the person
    accepted."""
    store = common.store()
    entries = {binding.key: index.read(store.name, binding.key) for binding in parsed.bindings}
    needed = {binding.key for binding in parsed.bindings if not binding.optional}
    absent = {key: approve.missing(store, key) for key in entries if key in needed and not entries[key]}
    absent = {key: lines for key, lines in absent.items() if lines}
    found: list[str] = []
    if sys.stderr.isatty() and len(absent) > _MOST:
        some = ", ".join(list(absent)[:_MOST])
        found.append(f"{some} and {len(absent) - _MOST} more keys are not stored; lkr init asks for them")
        absent = {}
    for key, entry in entries.items():
        found += approve.restrictions(entry, real) if entry else absent.get(key, [])
    found += approve.of_sources(parsed)
    found += _at_broker(parsed.bindings, entries)
    return found + [f"{name} does not look like a secret's variable; --variable allows it" for name in parsed.let_in]


def _at_broker(bindings: "Sequence[Binding]", entries: "dict[str, Entry | None]") -> list[str]:
    """Remarks about keys that go through the broker: which variables its shells get too, and what does not work."""
    keys = dict.fromkeys(binding.key for binding in bindings if session.needs_broker(binding, entries[binding.key]))
    variables: dict[str, None] = {}
    lines = []
    for key in keys:
        route = routes.find(names.provider_of(key))
        if route is None:
            try:
                broker_client.check_route(key)
            except LkrError as error:
                lines.append(str(error))
        else:
            variables |= dict.fromkeys(variable for variable, _ in route.bases)
            lines += [f"{shown(key)}: {route.note}"] if route.note else []
    return [f"{' '.join(variables)} lead to the broker", *lines] if variables else lines


def _checked(variables: tuple[str, ...]) -> tuple[str, ...]:
    """`variables`, if the person may accept them. LkrError (64) for one that may never hold a key."""
    for name in variables:
        if not names.is_variable(name):
            raise LkrError(f"{names.redacted(name)} is not a valid variable name", "use A-Z, 0-9 and _", USAGE)
        if why := providers.refusal(name, variables):
            raise LkrError(*why, USAGE)
    return variables


def _others(place: lookup.Place) -> str:
    number = len(worktrees.registered(place.real))
    return common.count(number, "git worktree", "git worktrees") if number else "every git worktree"


def _offer_worktrees(place: lookup.Place, yes: bool) -> tuple[lookup.Place, bool]:
    """Asks whether to allow the repository's other worktrees too. Returns where the grant belongs, and the answer."""
    if not worktrees.registered(place.real):
        return place, False
    try:
        main = worktrees.target(place)
    except LkrError:  # the main checkout has another manifest, so only this worktree
        return place, False
    if yes:
        declare.echo(f"lkr: this does not cover its {_others(place)}; lkr allow --worktrees does", err=True)
        return place, False
    answer = ask.confirm(f"Include its {_others(place)}, and later ones?")
    return (main if answer else place), answer
