"""What the commands about a team's sealed keys share: who I am in the team, and the questions to the person."""

import functools
import getpass
import os
import re
import sys

from lkrshell.cli import ask, common, declare, layout, prompts
from lkrshell.core import names
from lkrshell.core.errors import LkrError, StoreLocked
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.state import config, index
from lkrshell.team import members, opening, sealed, seen
from lkrshell.team.members import Team

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def here() -> Team:
    """The team of the folder that we are in."""
    return members.require(os.getcwd())


def me(team: Team | None = None) -> str:
    """My name in the team: that of the member with my public key, else my login name in the form of a member's."""
    found = team.member_with(opening.own_recipients(config.load())) if team else None
    try:
        login = re.sub(r"[^a-z0-9-]+", "-", getpass.getuser().lower()).strip("-")
    except (KeyError, OSError):
        login = ""
    return found or login[:64] or "me"


def openers(identity: str | None) -> opening.Openers:
    return opening.Openers(config.load(), identity, functools.partial(common.read_secret, from_stdin=False))


def accept(team: Team, yes: bool) -> None:
    """Shows which members are new since the person last looked, and asks whether they may read the keys."""
    if not (lines := seen.changes(team)):
        return
    declare.echo("These members are not the ones that you accepted before:", err=True)
    for line in lines:
        declare.echo(layout.marked(f"  {show(line)}", "yellow", sys.stderr), err=True)
    prompts.yes("Seal keys to the members of this file?", yes)
    seen.accept(team)


def values(team: Team, keys: "Iterable[str]", identity: str | None) -> tuple[dict[str, Secret], list[str]]:
    """The sealed values that I can open, and why I cannot open others. StoreLocked when the vault has to be unlocked.

    Whoever seals them anew calls this before the first write.
    """
    using, found, problems = openers(identity), {}, []
    for name in keys:
        try:
            found[name] = opening.value(team, name, using)
        except StoreLocked:
            raise
        except LkrError as error:
            problems.append(str(error))
    return found, problems


def seal_anew(team: Team, found: dict[str, Secret]) -> None:
    """Seals the same values to the members of now."""
    by, store, real = me(team), common.store(), os.path.realpath(team.folder)
    for name, secret in found.items():
        sealed.write(team, name, secret, by, same=True)
        if index.read(store.name, names.sealed_in(real, name)) is not None:
            opening.keep(store, team, name, secret)
    common.log("team", *(f"sealed/{name}" for name in found), project=real)


def unseal(team: Team, wanted: "Sequence[str]", identity: str | None, yes: bool) -> tuple[list[str], list[str]]:
    """Opens sealed keys into the store: the names of those that were taken, and why others were not.

    A value that differs from the one that is here is shown as such, and taken only when the person agrees.
    """
    store, using, taken, problems = common.store(), openers(identity), [], []
    for name in wanted:
        try:
            if opening.is_current(store, team, name):
                continue
            secret = opening.value(team, name, using)
            copy = names.sealed_in(os.path.realpath(team.folder), name)
            before = store.get([copy]).get(copy)
            if before is not None and before.reveal() != secret.reveal():
                note = sealed.note_of(team.folder, name)
                by = f", sealed by {show(note.by)} on {show(note.value_since[:10])}" if note else ""
                prompts.yes(f"sealed/{name} has a new value{by}. Use it?", yes)
            opening.keep(store, team, name, secret)
            taken.append(name)
        except StoreLocked:
            raise
        except LkrError as error:
            problems.append(str(error))
    return taken, problems


def open_for(folder: str, keys: list[str]) -> None:
    """Opens the keys that a manifest names, after it was allowed. LkrError when the vault is locked, or as `unseal`."""
    team, store = members.read(folder), common.store()
    seen.accept(team)
    if not store.is_created() or store.is_locked():
        raise LkrError(f"the {store.noun} is locked, so no sealed key was opened", "lkr unlock, lkr unseal")
    taken, problems = unseal(team, keys, None, yes=not ask.on_terminal())
    for problem in problems:
        declare.echo(f"lkr: {problem}", err=True)
    if taken:
        common.log("unseal", *(f"sealed/{key}" for key in taken), project=os.path.realpath(folder))
        declare.echo(f"lkr: opened {common.count(len(taken), 'sealed key', 'sealed keys')}", err=True)


def tell(folder: str, keys: list[str]) -> list[str]:
    """Who can open these sealed keys, and which members are new since the person last looked; a line each."""
    try:
        team = members.read(folder)
    except LkrError as error:
        return [str(error)]
    lines = [
        f"{key} is in the manifest, but not sealed here; lkr seal {key}"
        for key in keys
        if sealed.read(folder, key) is None
    ]
    before = seen.read(folder).members
    lines += [f"{', '.join(team.members)} can open the sealed keys"]
    if before is not None:
        lines += [f"since you last allowed it: {line}" for line in seen.changes(team)]
    return lines + sealed.problems(team)
