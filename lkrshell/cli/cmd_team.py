"""`lkr team`: shows and changes who can open the keys that are sealed in the project's git repository."""

import os
import sys

from lkrshell.cli import common, declare, layout, output, prompts, sealing
from lkrshell.core import clock
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.project import lookup
from lkrshell.state import config
from lkrshell.stores import age_keys
from lkrshell.team import accepted, members, opening, sealed
from lkrshell.team.members import Member, Team

_FROM_FILE = ("ssh-ed25519", "ssh-rsa", "age1")


@declare.group("team")
def command() -> None:
    """Share keys through git, sealed to the members of a team."""


@command.command("list", examples=("lkr team", "lkr team --json"))
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(as_json: bool) -> None:
    """List the members, and who can open which sealed key."""
    team = sealing.here()
    keys = {name: sealed.note_of(team.folder, name) for name in sealed.keys(team.folder)}
    if as_json:
        people = [
            {"name": each.name, "recipients": each.recipients, "since": each.since, "by": each.by}
            for each in team.members.values()
        ]
        readers = {name: sorted(note.recipients) if note else None for name, note in keys.items()}
        declare.echo_json({"members": people, "keys": readers})
        return
    rows = [
        (m.name, m.since or "-", m.by or "-", ", ".join(map(members.shortened, m.recipients)))
        for m in team.members.values()
    ]
    declare.echo(output.table(("MEMBER", "SINCE", "ADDED BY", "RECIPIENT"), rows), nl=False)
    if keys:
        sealed_rows = [
            (n, note.value_since[:10], show(", ".join(note.recipients))) if note else (n, "-", "?")
            for n, note in keys.items()
        ]
        declare.echo("\n" + output.table(("SEALED KEY", "VALUE SINCE", "CAN BE OPENED BY"), sealed_rows), nl=False)
    _tell_changes(team)


def _tell_changes(team: Team) -> None:
    if lines := accepted.changes(team):
        declare.echo("\nSince you last looked:", err=True)
        for line in lines:
            declare.echo(layout.marked(f"  {show(line)}", "yellow", sys.stderr), err=True)


@command.command("init", examples=("lkr team init", "lkr team init alice 'ssh-ed25519 AAAA...'"))
@declare.argument("member", required=False, metavar="[NAME]")
@declare.argument("recipient", required=False, metavar="[RECIPIENT]")
@declare.option("--yes", is_flag=True, help="Do not ask.")
def init(member: str | None, recipient: str | None, yes: bool) -> None:
    """Start a team in this project, with you as its first member. By default, NAME is your login
    name, and RECIPIENT is the vault's public key or your SSH key.
    """
    folder = lookup.find(lookup.current_folder()) or os.getcwd()
    if os.path.lexists(os.path.join(folder, members.FILE)):
        raise LkrError(f"there is already a {members.FILE} here", "add a member: lkr team add NAME RECIPIENT")
    first = members.check_name(member or sealing.me())
    own = [recipient] if recipient else opening.own_recipients(config.load())[:1]
    if not own:
        raise LkrError("there is no vault and no SSH key here", "name your public key: lkr team init NAME RECIPIENT")
    age_keys.recipient(own[0])
    declare.echo(f"{first}: {members.shortened(own[0])}", err=True)
    prompts.yes(f"Write {members.FILE} in {show(folder)} with this member?", yes, default=True)
    members.init(folder, Member(first, own, clock.now()[:10], first))
    accepted.accept(members.read(folder))
    common.log("team", project=os.path.realpath(folder))
    declare.echo(f"lkr: wrote {members.FILE}; seal a key: lkr seal openai:prod", err=True)


@command.command(
    "add",
    examples=("lkr team add bob age1...", "curl https://github.com/bob.keys > bob.keys; lkr team add bob @bob.keys"),
)
@declare.argument("member", metavar="NAME")
@declare.argument("recipient", metavar="RECIPIENT|@FILE")
@declare.option("--identity", metavar="PATH", help="Your age or SSH private key, if it is not the usual one.")
@declare.option("--yes", is_flag=True, help="Do not ask.")
def add(member: str, recipient: str, identity: str | None, yes: bool) -> None:
    """Add a member, and seal the keys that you can open to them too. RECIPIENT is an age or SSH public key, or
    @FILE with one on each line, such as GitHub's list of a user's keys.
    """
    team = sealing.here()
    name = members.check_name(member)
    if name in team.members:
        raise LkrError(f"{name} is already a member", f"lkr team rm {name} first; nothing was changed")
    recipients = _recipients(recipient)
    if other := team.member_with(recipients):
        raise LkrError(f"{other} already has this recipient", "nothing was changed")
    sealing.accept(team, yes)
    declare.echo(f"{name}: {', '.join(map(members.shortened, recipients))}", err=True)
    values, problems = sealing.opened_to_seal(team, sealed.keys(team.folder), identity)
    count = common.count(len(values), "key", "keys")
    prompts.yes(f"Let {name} read {count}?", yes)
    team = members.add(team, Member(name, recipients, clock.now()[:10], sealing.me(team)))
    accepted.accept(team)
    sealing.seal_again(team, values)
    common.tell_problems(problems)
    declare.echo(f"lkr: added {name}, and sealed {count} to them; commit {members.FOLDER}", err=True)


def _recipients(word: str) -> list[str]:
    """Returns the recipients that the person named. LkrError (64) when there is none, or age cannot use one."""
    if not word.startswith("@"):
        age_keys.recipient(word)
        return [word]
    try:
        with open(word[1:], encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file.read(1 << 16).splitlines()]
    except OSError as error:
        raise LkrError(f"cannot read {show(word[1:])}: {error.strerror}", "nothing was changed", USAGE) from None
    found = [line for line in lines if line.startswith(_FROM_FILE)]
    for each in found:
        age_keys.recipient(each)
    if not found:
        raise LkrError(f"{show(word[1:])} has no ed25519, RSA or age key", "nothing was changed", USAGE)
    return found


@command.command("rm", examples=("lkr team rm bob", "lkr team rm bob --yes"))
@declare.argument("member", metavar="NAME")
@declare.option("--identity", metavar="PATH", help="Your age or SSH private key, if it is not the usual one.")
@declare.option("--yes", is_flag=True, help="Do not ask.")
def rm(member: str, identity: str | None, yes: bool) -> None:
    """Remove a member, and seal all keys to the others. Lists the keys to rotate: those that the member could read."""
    team, name = sealing.here(), member
    if name not in team.members:
        hint = common.did_you_mean(name, list(team.members), "see lkr team")
        raise LkrError(f"{show(name[:64])} is not a member", hint)
    if len(team.members) == 1:
        raise LkrError(f"{name} is the only member, so nobody could open the keys", "add another one first")
    sealing.accept(team, yes)
    keys, notes = sealed.keys(team.folder), {}
    for key in keys:
        note = sealed.note_of(team.folder, key)
        if note is None or name in note.recipients:
            notes[key] = note.version if note else 1
    values, problems = sealing.opened_to_seal(team, keys, identity)
    prompts.yes(f"Remove {name}, who can read {common.count(len(notes), 'key', 'keys')}?", yes)
    team = members.remove(team, name, sealing.me(team), notes)
    accepted.accept(team)
    sealing.seal_again(team, values)
    common.tell_problems(problems)
    declare.echo(f"lkr: removed {name}; commit {members.FOLDER}", err=True)
    _tell_rotation(sealed.to_rotate(team))


@command.command("audit", examples=("lkr team audit", "lkr team audit --json"))
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
def audit(as_json: bool) -> int:
    """List the keys to rotate, because a former member could read them. The exit code is 1 if there are any."""
    found = sealed.to_rotate(sealing.here())
    if as_json:
        declare.echo_json([{"key": e.key, "member": e.member, "until": e.until, "sealed": e.here} for e in found])
    else:
        _tell_rotation(found)
        if not found:
            declare.echo("lkr: no key has to be rotated", err=True)
    return 1 if found else 0


def _tell_rotation(found: list[sealed.ToRotate]) -> None:
    gone = "no longer sealed; revoke it at the vendor"
    rows = [(e.key, e.member, e.until[:10], f"lkr seal {e.key} --new" if e.here else gone) for e in found]
    if rows:
        declare.echo(output.table(("ROTATE", "READ BY", "UNTIL", "WHAT TO DO"), rows), nl=False)
    if removed := ", ".join(dict.fromkeys(e.key for e in found if not e.here)):
        where = f"[removed] in {members.FILE}"
        declare.echo(f"lkr: when you have revoked {removed} at the vendor, delete it from {where}", err=True)


@command.command("check", examples=("lkr team check", "lkr team check --json"))
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
def check(as_json: bool) -> int:
    """Check that every key is sealed to the members and to nobody else. For CI and git hooks: it opens no key and needs
    no store. The exit code is 1 if something is wrong.
    """
    team = sealing.here()
    found = sealed.problems(team)
    if as_json:
        declare.echo_json(found)
        return 1 if found else 0
    for problem in found:
        declare.echo(f"lkr: {show(problem)}", err=True)
    if not found:
        count = common.count(len(sealed.keys(team.folder)), "key is", "keys are")
        declare.echo(f"lkr: {count} sealed to {common.count(len(team.members), 'member', 'members')}", err=True)
    return 1 if found else 0


command.default = "list"
