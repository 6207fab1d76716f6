"""What the commands about a team's sealed keys share: the person's place in the team, and the questions to ask."""

import functools
import getpass
import os
import re
import sys

from lkrshell.cli import ask, common, declare, layout, prompts
from lkrshell.core import names
from lkrshell.core.errors import REFUSED, LkrError, StoreLocked
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.runtime import keys
from lkrshell.sources import cache
from lkrshell.state import config, generation, index
from lkrshell.team import accepted, members, opening, sealed
from lkrshell.team.members import Team
from lkrshell.team.opening import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from lkrshell.stores.base import Store


def here() -> Team:
    """Returns the team of the present folder."""
    return members.require(os.getcwd())


def me(team: Team | None = None) -> str:
    """Returns the person's name in the team: the member with their public key, or else their login name."""
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
    if not (lines := accepted.changes(team)):
        return
    declare.echo("These members are not the ones that you accepted before:", err=True)
    for line in lines:
        declare.echo(layout.marked(f"  {show(line)}", "yellow", sys.stderr), err=True)
    prompts.yes("Seal keys to the members of this file?", yes)
    accepted.accept(team)


def opened(team: Team, keys: "Iterable[str]", identity: str | None) -> tuple[list[Opened], list[LkrError]]:
    """Returns the sealed values that this person can open, and the errors for the others.

    StoreLocked when the vault has to be unlocked. When keys are sealed again, call this before the first write.
    """
    using, found, problems = openers(identity), [], []
    for name in keys:
        try:
            found.append(opening.opened(team, name, using))
        except StoreLocked:
            raise
        except LkrError as error:
            problems.append(error)
    return found, problems


def opened_to_seal(team: Team, keys: "Iterable[str]", identity: str | None) -> tuple[list[Opened], list[LkrError]]:
    """The same, but a file that may be the wrong one is an error, and so is a value that the person has not accepted.
    Nobody should seal a value unseen, in their own name, to more people."""
    found, problems = opened(team, keys, identity)
    good, store = [], common.store()
    for each in found:
        before = opening.copied(store, team, each.name)
        what, hint = each.doubt, "see git log .lkr, then lkr unseal {0}, lkr seal {0}"
        if not what and before is not None and before.reveal() != each.secret.reveal():
            what, hint = "has a new value, which you have not taken", "lkr unseal {0}, then lkr seal --all"
        if what:
            problems.append(LkrError(f"sealed/{each.name} {what}", hint.format(each.name), REFUSED))
        else:
            good.append(each)
    return good, problems


def seal(team: Team, name: str, secret: Secret, identity: str | None, yes: bool, new: bool = False) -> None:
    """Seals a value to the current members. Asks before it replaces another value, and about members not accepted yet.
    `new` means that the person calls it a new value.

    Raises LkrError when the present value cannot be opened: nobody should replace a value that they cannot see.
    """
    before = None
    if sealed.read(team.folder, name) is not None:
        before = opening.opened(team, name, openers(identity)).secret
    same = before is not None and before.reveal() == secret.reveal()
    if before is not None and not same:
        prompts.yes(f"{name} is sealed here with another value. Replace it for the whole team?", yes)
    accept(team, yes)
    store = common.store()
    note = sealed.write(team, name, secret, me(team), same, new)
    opening.keep(store, team, Opened(name, secret, note.sha256, note.version), opening.copied(store, team, name))
    log("seal", team, [name])
    who = ", ".join(team.members)
    declare.echo(f'lkr: sealed {name} to {who}; commit {sealed.path_of(name)}, and name it "sealed/{name}"', err=True)


def set_value(name: str, from_stdin: bool, replace: bool) -> None:
    """`lkr set sealed/NAME`: seals a value that is asked for."""
    team = here()
    if not replace and sealed.read(team.folder, name) is not None and (from_stdin or not ask.on_terminal()):
        raise keys.already_stored(f"sealed/{name}")
    common.make_vault(common.store())
    seal(team, name, prompts.value_of(name, f"Value of {name}", from_stdin, replace), None, replace)


def rotate(name: str, from_stdin: bool) -> None:
    """`lkr rotate sealed/NAME`: seals a new value in place of the present one."""
    team = here()
    _require(team, name)
    seal(team, name, prompts.value_of(name, f"New value of {name}", from_stdin), None, True)


def remove(asked: str, copy: str, yes: bool) -> None:
    """`lkr rm sealed/NAME`: removes the sealed file from the project, and the copy here."""
    team, name = here(), names.in_source(asked)
    _require(team, name)
    prompts.tell_projects(copy)
    prompts.yes(f"Remove {asked} from the project, for everyone? git keeps the old file.", yes)
    if note := sealed.note_of(team.folder, name):
        members.forget_rotated(team, name, note.version)
    sealed.remove(team.folder, name)
    cache.drop(common.store(), copy)
    generation.bump()
    log("rm", team, [name])
    declare.echo(f"lkr: removed {asked}; commit {members.FOLDER}", err=True)


def _require(team: Team, name: str) -> None:
    if sealed.read(team.folder, name) is None:
        raise LkrError(
            f"{name} is not sealed here", common.did_you_mean(name, sealed.keys(team.folder), "see lkr team")
        )


def rows() -> "list[dict[str, Any]]":
    """`lkr list --source sealed`: the sealed keys of this project, and which are opened here."""
    from lkrshell.cli import source_keys

    team, store = here(), common.store()
    found = []
    for name in sealed.keys(team.folder):
        note, entry = sealed.note_of(team.folder, name), index.read(store.name, team.copy(name))
        row = source_keys.copy_row(f"sealed/{name}", entry)
        found.append(row | {"version": str(note.version) if note else None, "stale": None, "end": None})
    return found


def seal_again(team: Team, found: list[Opened]) -> None:
    """Seals the same values to the present members."""
    by, store = me(team), common.store()
    for each in found:
        note = sealed.write(team, each.name, each.secret, by, same=True)
        each.digest, each.version = note.sha256, note.version
        if index.read(store.name, team.copy(each.name)) is not None:
            opening.keep(store, team, each, opening.copied(store, team, each.name))
    log("team", team, [each.name for each in found])


def log(event: str, team: Team, keys: "Iterable[str]") -> None:
    common.log(event, *(f"sealed/{name}" for name in keys), project=team.real)


def unseal(
    team: Team, wanted: "Sequence[str]", identity: str | None, yes: bool, sure: bool
) -> tuple[list[str], list[LkrError]]:
    """Opens sealed keys into the store. Returns the names of those that were taken, and the errors of the others.

    A value that differs from the stored one is taken only if the person agrees, or `yes`. One from a file that may be a
    wrong one needs `sure`.
    """
    store, taken = common.store(), []
    found, problems = opened(team, [name for name in wanted if not opening.is_current(store, team, name)], identity)
    try:
        for each in found:
            try:
                _take(store, team, each, yes, sure)
                taken.append(each.name)
            except StoreLocked:
                raise
            except LkrError as error:
                problems.append(error)
    finally:  # Ctrl-C at a question undoes nothing
        if taken:
            log("unseal", team, taken)
    return taken, problems


def _take(store: "Store", team: Team, found: Opened, yes: bool, sure: bool) -> None:
    before = opening.copied(store, team, found.name)
    if found.doubt:
        what = f"sealed/{found.name} {found.doubt}"
        if not sure and not ask.on_terminal():
            raise LkrError(what, "see git log .lkr; lkr unseal --yes uses it", REFUSED)
        prompts.yes(f"{what}. Use it?", sure)
    elif before is not None and before.reveal() != found.secret.reveal():
        note = sealed.note_of(team.folder, found.name)
        by = f", sealed by {show(note.by)} on {show(note.value_since[:10])}" if note else ""
        prompts.yes(f"sealed/{found.name} has a new value{by}. Use it?", yes)
    opening.keep(store, team, found, before)


def open_for(folder: str, keys: list[str]) -> None:
    """Opens the keys that a manifest names, after it was allowed. LkrError when the vault is locked, and as for
    `unseal`."""
    team, store = members.read(folder), common.store()
    if not store.is_created() or store.is_locked():
        raise LkrError(f"the {store.noun} is locked, so no sealed key was opened", "lkr unlock, lkr unseal")
    taken, problems = unseal(team, keys, None, yes=not ask.on_terminal(), sure=False)
    common.tell_problems(problems)
    if taken:
        declare.echo(f"lkr: opened {common.count(len(taken), 'sealed key', 'sealed keys')}", err=True)


def remarks(team: Team, keys: list[str]) -> list[str]:
    """Returns a line for each remark: who can open these sealed keys, and which members are new to the person."""
    lines = [
        f"{key} is in the manifest, but not sealed here; lkr seal {key}"
        for key in keys
        if sealed.read(team.folder, key) is None
    ]
    lines += [f"{', '.join(team.members)} can open the sealed keys"]
    if accepted.read(team).members is not None:
        lines += [f"since you last allowed it: {line}" for line in accepted.changes(team)]
    return lines + sealed.problems(team)
