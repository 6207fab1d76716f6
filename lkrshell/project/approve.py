"""Writes manifests and grants. Nothing else writes grants, and each function checks everything before its first write.

It does not ask the person or write to the log. The commands do that.
"""

import os

from lkrshell.core import limits, names, policy, records
from lkrshell.core.binding import Binding, shown
from lkrshell.core.clock import now
from lkrshell.core.entry import Entry
from lkrshell.core.errors import LkrError, ManifestError
from lkrshell.core.text import quoted, show
from lkrshell.project import grants, lookup, manifest, manifest_reader, project_files, worktrees
from lkrshell.state import files, generation, index, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.stores.base import Store


def check_allowed(place: lookup.Place) -> None:
    """ManifestError unless the current manifest is valid and allowed. An edit must not bring in unseen changes."""
    manifest_reader.read_manifest(place)
    known = grants.in_force(place)
    if known is None or not known.covers(place):
        raise ManifestError("the manifest's current content is not allowed", "review it first: lkr allow")


def record(place: lookup.Place, parsed: manifest.Manifest, everywhere: bool | None = None) -> None:
    """Writes the grant for exactly the texts in `place`. `everywhere`: for its worktrees too; None keeps what was
    allowed."""
    paths.accept()
    if everywhere is None:
        known = manifest_reader.grant_of(place)
        everywhere = known is not None and known.worktrees
    grant = grants.Grant(
        place.real, place.text, place.local, parsed.inherit, parsed.profile, parsed.bindings, now(), parsed.let_in,
        everywhere, require_all=parsed.require_all,
    )  # fmt: skip
    grants.write(grant)
    grants.note_denied(place.real, False)
    generation.bump()


def save(place: lookup.Place, text: str | None = None, local: str | None = None) -> manifest.Manifest:
    """Writes the manifest, or the `.lkr.local.toml` of `place`. Writes nothing invalid, and allows nothing.

    ManifestError if a file changed since `place` was read.
    """
    lay_there = place.files()
    place.text = place.text if text is None else lookup.TEXT + text
    place.local = place.local if local is None else lookup.TEXT + local
    parsed = manifest_reader.read_manifest(place)
    # Two calls at once must not both find the text that they read: the second would undo the first.
    with files.locked(os.path.join(paths.state_dir(), "manifests"), records.digest(os.fsencode(place.real))):
        for path, content in lay_there:
            if lookup.read_text(path) != content:
                raise ManifestError(f"{show(path)} changed in the meantime", "nothing was written; try again")
        for (path, content), (_, new) in zip(lay_there, place.files(), strict=True):
            if new != content:
                project_files.replace(place.folder, os.path.basename(path), new[1:].encode())
    return parsed


def write(place: lookup.Place, text: str | None = None, local: str | None = None) -> manifest.Manifest:
    """Writes as `save` does, and allows the result.

    The grant is for what was written and what `place` holds. The files are not read again, so nobody can swap in other
    content. ManifestError, once a new manifest is written, if there was a `.lkr.local.toml` that nobody allowed.
    """
    was_local = place.text == lookup.ABSENT and place.local != lookup.ABSENT
    parsed = save(place, text, local)
    if was_local:
        hint = f"review it, then run lkr allow {quoted(place.folder)}"
        raise ManifestError(f"wrote the manifest, but {lookup.LOCAL} was already there and is not allowed", hint)
    record(place, parsed)
    return parsed


def revoke(real: str) -> list[str]:
    """Revokes the grant of this real folder and, in a worktree, the one that serves all worktrees. Returns the folders
    whose grants were revoked."""
    try:
        denied = [folder for folder in worktrees.granted(real) if grants.remove(folder)]
    finally:
        generation.bump()  # before anything is written, since that fails on a full disk
    for folder in denied:
        grants.note_denied(folder, True)
    return denied


def difference(before: tuple[Binding, ...], after: tuple[Binding, ...]) -> list[str]:
    """Lines such as `+ VARIABLE ← key`: `+` for what is new, `-` for what is removed, two spaces for what stays."""
    lines = [f"- {describe(binding)}" for binding in before if binding not in after]
    lines += [f"{' ' if binding in before else '+'} {describe(binding)}" for binding in after]
    return lines or ["  (nothing)"]


def restrictions(entry: Entry, folder: str) -> list[str]:
    """What the key's own policy restricts in `folder`, whatever the manifest says, with the commands that change it."""
    name = shown(entry.name)
    policy_of = f"lkr policy {name}"
    lines = []
    if entry.kind == "admin":
        lines.append(f"{name} is an admin key: it never enters an environment; {policy_of} --kind runtime")
    if reason := policy.wrong_folder(entry, folder):
        lines.append(reason)
    if entry.agents == "deny":
        lines.append(f"{name} is refused to coding agents, even with lkr exec; {policy_of} --agents exec")
    if entry.agents == "allow":
        lines.append(f"{name} is also loaded for coding agents; {policy_of} --agents exec")
    if entry.confirm:
        lines.append(f"{name} needs lkr confirm before its first load in a session; {policy_of} --no-confirm")
    if entry.ttl:
        lines.append(f"{name} leaves a shell {policy.duration(entry.ttl)} after loading; {policy_of} --ttl off")
    if entry.via:
        lines.append(
            f"{name} stays out of every environment, and programs get a virtual key; {policy_of} --via environment"
        )
    if words := limits.Limits.of(entry).words():
        off = " ".join(f"--{field} off" for field in limits.FIELDS if getattr(entry, field))
        lines.append(f"{name} is limited at the broker to {', '.join(words)}; {policy_of} {off}")
    return lines


def missing(store: "Store", key: str) -> list[str]:
    """A line that says so if the store does not have the key, or if the key's source does not exist; else nothing."""
    if names.is_sealed(key):
        return []  # the lines about members cover these
    if source := names.source_of(key):
        from lkrshell.sources import settings

        return [] if source in settings.user_table() else [f"you have no source {source}; lkr source add {source}"]
    try:
        if store.exists(key):
            return []
        meant = names.did_you_mean(key, index.names(store.name), "", alike=0.8)
        return [f"{key} is not stored; {f'{meant} Otherwise: ' if meant else ''}lkr set {key}"]
    except LkrError as error:
        return [str(error)]


def of_sources(parsed: manifest.Manifest) -> list[str]:
    """What the person should know about the sources that the manifest describes."""
    if not parsed.sources:
        return []
    from lkrshell.sources import settings

    lines, mine = [], settings.user_table()
    for name, table in parsed.sources.items():
        theirs = settings.parse(name, table, lookup.MANIFEST, in_manifest=True)
        if name not in mine:
            lines.append(f"the manifest describes the source {name} at {theirs.place()}; lkr init offers to add it")
        elif (own := settings.find(name)).identity() != theirs.identity():
            lines.append(
                f"the manifest has {name} at {theirs.place()}, but yours is at {own.place()} and lkr keeps yours"
            )
    return lines


def describe(binding: Binding) -> str:
    notes = [f"profile {binding.profile}"] * bool(binding.profile) + ["optional"] * binding.optional
    notes += ["only for lkr exec"] * (binding.scope == "exec")
    notes += [f"only for {' and '.join(binding.commands)}"] * bool(binding.commands)
    at_broker = limits.Limits.of(binding).words()
    notes += ["by the broker", *at_broker] if binding.via else [f"at the broker: {each}" for each in at_broker]
    return f"{binding.variable} ← {shown(binding.key)}" + (f" ({', '.join(notes)})" if notes else "")
