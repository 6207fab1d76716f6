"""The members of a team: reads and edits `.lkr/members.toml`, beside the manifest. It holds public keys only.

The file is reviewed like code, and anybody's pull request can change it. So it is read within limits, and an invalid
name or recipient makes the whole file invalid.
"""

import os
import re

from lkrshell.core import clock, names, toml_text
from lkrshell.core.errors import NOT_ALLOWED, LkrError
from lkrshell.core.text import show
from lkrshell.project import lookup, project_files, worktrees
from lkrshell.stores import age_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tomlkit import TOMLDocument

FOLDER = ".lkr"
FILE = lookup.TEAM
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_MOST = 256  # members, and recipients of each
_HEAD = """# Who can open the keys in .lkr/sealed. Review changes to this file like code.
# `lkr team add` and `lkr team rm` edit it and seal the keys again.
version = 1

[members]
"""
# git must not merge sealed files line by line: nobody could open the mixture.
_ATTRIBUTES = "*.age binary\n"


class Member:
    """One person: the recipients that keys are sealed to, the date they joined, and who added them."""

    __slots__ = ("by", "name", "recipients", "since")

    def __init__(self, name: str, recipients: "Sequence[str]", since: str, by: str) -> None:
        self.name, self.recipients, self.since, self.by = name, tuple(recipients), since, by


class Removed:
    """A former member: when they left, who removed them, and which version of which keys they could read."""

    __slots__ = ("by", "keys", "name", "until")

    def __init__(self, name: str, until: str, by: str, keys: dict[str, int]) -> None:
        self.name, self.until, self.by, self.keys = name, until, by, keys


class Team:
    """The team of the project in `folder`, according to `text`. `real` is the folder's real path. All worktrees of a
    repository have the same `home`."""

    __slots__ = ("folder", "home", "members", "real", "removed", "text")

    def __init__(self, folder: str, text: str, members: "Sequence[Member]", removed: "Sequence[Removed]") -> None:
        self.folder, self.real, self.text = folder, os.path.realpath(folder), text
        self.home = worktrees.home_of(self.real)
        self.members, self.removed = {member.name: member for member in members}, tuple(removed)

    def copy(self, name: str) -> str:
        """Returns the store's name for the opened copy of a sealed key."""
        return names.sealed_in(self.home, name)

    def recipients(self) -> dict[str, tuple[str, ...]]:
        """Returns whom a key is sealed to: each member's recipients."""
        return {name: member.recipients for name, member in sorted(self.members.items())}

    def member_with(self, recipients: "Sequence[str]") -> str | None:
        """Returns the member who has one of these recipients."""
        own = {without_comment(each) for each in recipients}
        return next((m.name for m in self.members.values() if own & set(map(without_comment, m.recipients))), None)


def without_comment(recipient: str) -> str:
    """Returns a recipient without the comment at the end of an SSH key's line."""
    return " ".join(recipient.split()[:2])


def shortened(recipient: str) -> str:
    """Returns the start and the end of a recipient, which a person compares."""
    text = without_comment(recipient)
    return text if len(text) <= 40 else f"{text[:22]}…{text[-10:]}"


def copy_of(name: str, folder: str) -> str:
    """Returns the store's name for the opened copy of `sealed/provider:label`, as a person in `folder` names it. Raises
    LkrError when there is no team."""
    return names.sealed_in(worktrees.home_of(os.path.realpath(_require(folder))), name)


def require(folder: str) -> Team:
    """Returns the team that serves `folder`. Raises LkrError when there is none."""
    return read(_require(folder))


def _require(folder: str) -> str:
    found = lookup.find_team(folder)
    if found is None:
        raise LkrError(f"there is no {FILE} here or above", "make one: lkr team init")
    return found


def read(folder: str) -> Team:
    """Returns the team of the project in `folder`. Raises LkrError (78) when its file is missing or invalid.

    No message repeats text of the file that could be a value.
    """
    path, text = show(os.path.join(folder, FILE)), _text(folder)
    if text is None:
        raise LkrError(f"there is no {path}", "make one: lkr team init", NOT_ALLOWED)
    if re.search(r"^(<{7}|={7}|>{7})", text, re.MULTILINE):
        hint = "keep every member who should stay, then run lkr seal --all and lkr team check"
        raise LkrError(f"{path} has conflicts that git left for you", hint, NOT_ALLOWED)
    try:
        return _team(folder, text)
    except (toml_text.TomlError, _Wrong) as error:
        raise LkrError(f"{path}: {error}", "fix that first", NOT_ALLOWED) from None


def _text(folder: str) -> str | None:
    data = project_files.read(folder, FILE, toml_text.MAX_BYTES)
    return None if data is None else data.decode("utf-8", "surrogateescape")


class _Wrong(ValueError):
    """What is wrong with the file. Quotes only valid names from its text."""


def _team(folder: str, text: str) -> Team:
    table = toml_text.parse(text)
    if table.get("version") != 1 or set(table) - {"version", "members", "removed"}:
        raise _Wrong("this lkr reads version 1, with the tables members and removed")
    rows, removed = table.get("members", {}), table.get("removed", {})
    if not isinstance(rows, dict) or not isinstance(removed, dict) or len(rows) > _MOST:
        raise _Wrong("members and removed must be tables")
    members = [_member(name, row) for name, row in rows.items()]
    seen: dict[str, str] = {}
    for member in members:
        for each in map(without_comment, member.recipients):
            if seen.setdefault(each, member.name) != member.name:
                raise _Wrong(f"{seen[each]} and {member.name} have the same recipient")
    return Team(folder, text, members, [_removed(name, row) for name, row in removed.items()])


def _member(name: str, row: object) -> Member:
    _check_name(name)
    if not isinstance(row, dict) or set(row) - {"recipient", "since", "by"}:
        raise _Wrong(f'{name} needs {{ recipient = "age1...", since = "2026-11-28", by = "..." }}')
    given = row.get("recipient")
    recipients = [each for each in (given if isinstance(given, list) else [given]) if isinstance(each, str)]
    if not recipients or len(recipients) > _MOST or (isinstance(given, list) and len(recipients) < len(given)):
        raise _Wrong(f"{name} has no recipient")
    for each in recipients:
        try:
            age_keys.recipient(each)
        except LkrError:
            raise _Wrong(f"{name} has a recipient that is neither an age nor an SSH key") from None
    return Member(name, recipients, _words(row, "since"), _words(row, "by"))


def _removed(name: str, row: object) -> Removed:
    _check_name(name)
    keys = row.get("keys", {}) if isinstance(row, dict) else None
    if not isinstance(row, dict) or set(row) - {"until", "by", "keys"} or not isinstance(keys, dict):
        raise _Wrong(f"{name} in removed is not what lkr writes")
    if not all(isinstance(version, int) for version in keys.values()):
        raise _Wrong(f"{name} in removed is not what lkr writes")
    return Removed(name, _words(row, "until"), _words(row, "by"), keys)


def _check_name(name: str) -> None:
    if not NAME.match(name):
        raise _Wrong("a member's name has a-z, 0-9 and - only")


def _words(row: "dict[str, object]", field: str) -> str:
    value = str(row.get(field, ""))
    if len(value) > 64 or not value.isprintable():
        raise _Wrong(f"{field} is not what lkr writes")
    return value


def check_name(name: str) -> str:
    """Returns `name` if it may name a member. Raises LkrError otherwise."""
    if not NAME.match(name):
        raise LkrError("a member's name has a-z, 0-9 and - only, such as alice", "choose another name")
    return name


def init(folder: str, first: Member) -> None:
    """Writes the first members.toml of `folder`, and tells git not to merge sealed files."""
    project_files.check(folder, FILE, f"{FOLDER}/.gitattributes")
    os.makedirs(os.path.join(folder, FOLDER), exist_ok=True)
    project_files.replace(folder, f"{FOLDER}/.gitattributes", _ATTRIBUTES.encode())
    project_files.replace(folder, FILE, (_HEAD + _line(first) + "\n").encode())


def add(team: Team, member: Member) -> Team:
    """Adds the member to the file, on one line, so that git shows one line for one person."""

    def edit(document: "TOMLDocument") -> None:
        document["members"][member.name] = _row(member)
        if member.name in document.get("removed", {}):
            document["removed"].remove(member.name)

    return _edited(team, edit)


def remove(team: Team, name: str, by: str, keys: dict[str, int]) -> Team:
    """Removes the member from the file, and records the keys that they could read, for `lkr team audit`."""

    def edit(document: "TOMLDocument") -> None:
        import tomlkit

        document["members"].remove(name)
        row = tomlkit.inline_table()
        row.update({"until": clock.now(), "by": by, "keys": keys})
        if "removed" not in document:
            document["removed"] = tomlkit.table()
        document["removed"][name] = row

    return _edited(team, edit)


def forget_rotated(team: Team, key: str, version: int) -> None:
    """Removes a key from what former members could read, where its value has changed since. `version` is the present
    one, and the note that says so is about to go."""
    rotated = [gone.name for gone in team.removed if gone.keys.get(key, version) < version]

    def edit(document: "TOMLDocument") -> None:
        for name in rotated:
            del document["removed"][name]["keys"][key]

    if rotated:
        _edited(team, edit)


def _edited(team: Team, edit: "Callable[[TOMLDocument], None]") -> Team:
    """Edits the text that was read before, so that nobody can slip in a member who was not shown. Raises LkrError when
    the file has changed since."""
    import tomlkit

    document = tomlkit.parse(team.text)
    edit(document)
    edited = _team(team.folder, tomlkit.dumps(document))  # checked before it is written
    if _text(team.folder) != team.text:
        raise LkrError(f"{FILE} changed in the meantime", "nothing was written; try again")
    project_files.replace(team.folder, FILE, edited.text.encode())
    return edited


def _row(member: Member) -> object:
    import tomlkit

    row = tomlkit.inline_table()
    recipients = list(member.recipients)
    row.update({"recipient": recipients[0] if len(recipients) == 1 else recipients})
    row.update({"since": member.since, "by": member.by})
    return row


def _line(member: Member) -> str:
    import tomlkit

    document = tomlkit.document()
    document[member.name] = _row(member)
    return tomlkit.dumps(document).strip()
