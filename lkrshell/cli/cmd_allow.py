"""`lkr allow`: shows what a project would get, and what changed, and records the grant."""

from lkrshell.cli import ask, common, declare
from lkrshell.cli.cmd_policy import span
from lkrshell.core import policy
from lkrshell.core.clock import now
from lkrshell.core.entry import Entry
from lkrshell.core.errors import REFUSED, LkrError, ManifestError
from lkrshell.core.text import quoted, show
from lkrshell.core.want import Want
from lkrshell.project import grants, lookup, manifest
from lkrshell.state import generation, index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.stores.base import Store


@declare.command("allow")
@declare.argument("folder", required=False)
@declare.option("--yes", is_flag=True, help="Do not ask.")
def command(folder: str | None, yes: bool) -> None:
    """Let a project have the keys its manifest names. FOLDER: here, by default."""
    place = lookup.Place(common.project_folder(folder))
    parsed = read_manifest(place)
    try:
        before = grants.read(place.real)
    except ManifestError:
        before = None
    declare.echo(f"{show(place.real)} would get:", err=True)
    for line in difference(before.wants if before else (), parsed.wants):
        declare.echo(line, err=True)
    store = common.store()
    entries = {want.key: index.read(store.name, want.key) for want in parsed.wants}
    needed = {want.key for want in parsed.wants if not want.optional}
    for key, entry in entries.items():
        for line in limits(entry, place.real) if entry else missing(store, key) if key in needed else ():
            declare.echo(f"! {line}", err=True)
    if not yes:
        if not common.on_terminal():
            raise LkrError("no terminal to ask on", "say --yes", REFUSED)
        ask.agree("Allow?")
    record(place, parsed)
    declare.echo(f"lkr: allowed {show(place.real)}", err=True)


def read_manifest(place: lookup.Place) -> manifest.Manifest:
    """The manifest of `place`, checked. ManifestError when it cannot be read or is invalid."""
    (path, text), (local_path, local) = place.files()
    for each, content in ((path, text), (local_path, local)):
        if content == lookup.UNREADABLE:
            raise ManifestError(f"cannot read {show(each)}", "it must be a text file that you may read")
    return manifest.parse(path, text[1:], local_path, None if local == lookup.ABSENT else local[1:])


def check_allowed(place: lookup.Place) -> None:
    """ManifestError unless the manifest as it lies there is valid and allowed: an edit must not smuggle the rest in."""
    read_manifest(place)
    known = grants.read(place.real)
    if known is None or not known.covers(place):
        raise ManifestError("the manifest as it is now is not allowed", "look at it first: lkr allow")


def record_written(place: lookup.Place, text: str, local: str | None = None) -> manifest.Manifest:
    """Allows what lkr itself has just written over the files of `place`: `text`, and `local` where it wrote that.

    The files are not read again, so nobody can swap another content in; ManifestError when a `.lkr.local.toml` that
    nobody allowed lies beside a new manifest.
    """
    if place.text == lookup.ABSENT and place.local != lookup.ABSENT:
        hint = f"look at it, then: lkr allow {quoted(place.folder)}"
        raise ManifestError(f"wrote the manifest, but {lookup.LOCAL} was there before and is not allowed", hint)
    place.text = lookup.TEXT + text
    if local is not None:
        place.local = lookup.TEXT + local
    parsed = read_manifest(place)
    record(place, parsed)
    return parsed


def record(place: lookup.Place, parsed: manifest.Manifest) -> None:
    """Writes the grant for exactly the texts in `place`. LkrError (2) when a coding agent asks for it."""
    keys = list(dict.fromkeys(want.key for want in parsed.wants))
    hint = f"run it yourself: lkr allow {show(place.real)}"
    common.refuse_agent("a coding agent ({}) allows no project", hint, *keys, project=place.real)
    grants.write(grants.Grant(place.real, place.text, place.local, parsed.inherit, parsed.profile, parsed.wants, now()))
    generation.bump()
    common.log("allow", *keys, project=place.real)


def difference(before: tuple[Want, ...], after: tuple[Want, ...]) -> list[str]:
    """Lines `+ VARIABLE ← key`, `-` for what goes, two spaces for what stays."""
    lines = [f"- {describe(want)}" for want in before if want not in after]
    lines += [f"{' ' if want in before else '+'} {describe(want)}" for want in after]
    return lines or ["  (nothing)"]


def limits(entry: Entry, folder: str) -> list[str]:
    """What the key's own policy refuses in `folder`, however the manifest is, each with the command that changes it."""
    name, policy_of = entry.name, f"lkr policy {entry.name}"
    lines = []
    if entry.kind == "admin":
        lines.append(f"{name} is an admin key: it never enters an environment; {policy_of} --kind runtime")
    if reason := policy.elsewhere(entry, folder):
        lines.append(reason)
    if entry.agents == "deny":
        lines.append(f"{name} is for no coding agent, not even by lkr exec; {policy_of} --agents exec")
    if entry.agents == "allow":
        lines.append(f"{name} is loaded for coding agents too; {policy_of} --agents exec")
    if entry.confirm:
        lines.append(f"{name} waits for lkr confirm before the first load of a session; {policy_of} --no-confirm")
    if entry.ttl:
        lines.append(f"{name} leaves a shell {span(entry.ttl)} after loading; {policy_of} --ttl off")
    return lines


def missing(store: "Store", key: str) -> list[str]:
    """A line where the store says that it has no such key."""
    try:
        return [] if store.exists(key) else [f"{key} is not stored; lkr set {key}"]
    except LkrError as error:
        return [str(error)]


def describe(want: Want) -> str:
    notes = [f"profile {want.profile}"] * bool(want.profile) + ["optional"] * want.optional
    notes += ["only by lkr exec"] * (want.scope == "exec")
    notes += [f"only for {' and '.join(want.commands)}"] * bool(want.commands)
    return f"{want.variable} ← {want.key}" + (f" ({', '.join(notes)})" if notes else "")
