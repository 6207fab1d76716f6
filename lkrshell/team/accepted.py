"""What the person at this machine has accepted of a project's team: its members, and the sealed files that were opened.

The record is in our own data folder, so no pull request can change it. Differences are shown before a key is sealed to
somebody new or a new value is taken.
"""

import os

from lkrshell.core import records
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.state import files, paths
from lkrshell.team.members import Team, shortened


class Accepted:
    """`members` are the accepted recipients by name, None before the first time. `files` are, by key, the
    digests of the sealed files whose values were taken, and the versions of these values."""

    __slots__ = ("files", "members")

    def __init__(self, members: dict[str, tuple[str, ...]] | None, opened: dict[str, tuple[str, int]]) -> None:
        self.members, self.files = members, opened


def _path(team: Team) -> str:
    return os.path.join(paths.data_dir(), "teams", records.digest(os.fsencode(team.home)))


def read(team: Team) -> Accepted:
    """Returns what was accepted of the team. A damaged record counts as nothing, so everything is shown again."""
    data = files.read_private(_path(team))
    members: dict[str, tuple[str, ...]] = {}
    opened: dict[str, tuple[str, int]] = {}
    accepted = False
    if data is None:
        return Accepted(None, opened)
    try:
        for kind, *words in records.load(data):
            if kind == "accepted":
                accepted = True
            elif kind == "member":
                members[words[0]] = tuple(words[1:])
            elif kind == "file":
                opened[words[0]] = words[1], int(words[2])
    except (ValueError, IndexError):
        return Accepted(None, {})
    return Accepted(members if accepted else None, opened)


def folders_by_recipient() -> dict[str, list[str]]:
    """Returns the recipients of all accepted members, each with the projects whose keys are sealed to it. LkrError if a
    record is damaged."""
    top, found = os.path.join(paths.data_dir(), "teams"), dict[str, list[str]]()
    for name in sorted(os.listdir(top)) if os.path.isdir(top) else ():
        if name.startswith("."):
            continue  # a killed writer left it
        path = os.path.join(top, name)
        try:
            (_, folder), *rows = records.load(files.read_private(path) or b"")
        except ValueError:
            raise LkrError(f"{show(path)} is damaged", "remove it, and allow the project again") from None
        for recipient in [each for kind, *words in rows if kind == "member" for each in words[1:]]:
            found.setdefault(recipient, []).append(folder)
    return found


def _write(team: Team, seen: Accepted) -> None:
    rows: list[tuple[str, ...]] = [("folder", team.home)]
    if seen.members is not None:
        rows += [("accepted",), *(("member", name, *each) for name, each in sorted(seen.members.items()))]
    rows += [("file", name, digest, str(version)) for name, (digest, version) in sorted(seen.files.items())]
    files.write_private(_path(team), records.dump(rows))


def accept(team: Team) -> None:
    """Records that the person has seen these members."""
    seen = read(team)
    seen.members = team.recipients()
    _write(team, seen)


def note_opened(team: Team, name: str, digest: str, version: int) -> None:
    """Records which sealed file the copy in the store comes from."""
    seen = read(team)
    seen.files[name] = digest, version
    _write(team, seen)


def changes(team: Team) -> list[str]:
    """Returns a line for each difference from the accepted members: `+` joined, `-` left, `~` changed recipients. The
    first time, lists all members."""
    before, now = read(team).members or {}, team.recipients()
    lines = [f"- {name}" for name in before if name not in now]
    for name, recipients in now.items():
        if before.get(name) != recipients:
            member = team.members[name]
            by = f", added by {member.by}" if member.by else ""
            sign, what = ("~", "has other recipients") if name in before else ("+", f"since {member.since or '?'}{by}")
            lines.append(f"{sign} {name}: {what}: {', '.join(map(shortened, recipients))}")
    return lines
