"""The sealed files of a project: `.lkr/sealed/PROVIDER/LABEL.age`, each with a `.toml` that says whom it is sealed to.

A sealed file is a plain age file that holds only the value, so `age -d` opens it. An age file does not name its
recipients, so the file beside it does. Somebody who wants to forge that note needs the value first. Never
writes a value in plain text.
"""

import base64
import hashlib
import os

import pyrage

from lkrshell.core import clock, names, toml_text
from lkrshell.core.errors import LkrError
from lkrshell.core.secret import MAX_VALUE, Secret
from lkrshell.core.text import show
from lkrshell.project import project_files
from lkrshell.stores import age_keys
from lkrshell.team.members import FOLDER, Team

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SEALED = f"{FOLDER}/sealed"
_MAGIC = b"age-encryption.org/v1\n"
_LIMIT = 1 << 20  # bytes of a sealed file


class Note:
    """What the file beside a sealed one says: which key it is, the digest, whom it is sealed to, by whom, and the
    value's version and date. The version grows with each new value, but not when the same value is sealed to other
    people."""

    __slots__ = ("by", "key", "recipients", "sha256", "value_since", "version")

    def __init__(
        self, key: str, sha256: str, recipients: dict[str, tuple[str, ...]], by: str, value_since: str, version: int
    ) -> None:
        self.key, self.sha256, self.recipients, self.by = key, sha256, recipients, by
        self.value_since, self.version = value_since, version


def path_of(name: str, end: str = ".age") -> str:
    """Returns the path of a key's sealed file in the project. `name` is `provider:label`."""
    provider, label = name.split(":")
    return f"{SEALED}/{provider}/{label}{end}"


def keys(folder: str) -> list[str]:
    """Returns the names of all sealed keys of the project, sorted."""
    return sorted(f"{provider}:{file[:-4]}" for provider, file in _files(folder) if _is_sealed(provider, file))


def _is_sealed(provider: str, file: str) -> bool:
    return file.endswith(".age") and names.is_own(f"{provider}:{file[:-4]}")


def _files(folder: str) -> "Iterator[tuple[str, str]]":
    """Yields folder and name of every file below `.lkr/sealed`, without following links."""
    top = os.path.join(folder, SEALED)
    if os.path.islink(os.path.join(folder, FOLDER)) or os.path.islink(top) or not os.path.isdir(top):
        return
    for provider in os.scandir(top):
        if not provider.is_dir(follow_symlinks=False):
            yield "", provider.name
            continue
        for file in os.scandir(provider.path):
            yield provider.name, file.name


def read(folder: str, name: str) -> bytes | None:
    """Returns the sealed file of a key; None when there is none."""
    return project_files.read(folder, path_of(name), _LIMIT)


def digest(data: bytes) -> str:
    """Returns the SHA-256 of a sealed file in hexadecimal, as `sha256sum` prints it."""
    return hashlib.sha256(data).hexdigest()


def note_of(folder: str, name: str) -> Note | None:
    """Returns the note beside the sealed file; None when it is missing or cannot be read."""
    data = project_files.read(folder, path_of(name, ".toml"), toml_text.MAX_BYTES)
    try:
        table = toml_text.parse((data or b"").decode())
        rows = table["recipients"]
        if not isinstance(rows, dict):
            return None
        recipients = {
            str(who): tuple(map(str, each if isinstance(each, list) else [each])) for who, each in rows.items()
        }
        by, since, version = str(table["by"])[:64], str(table["value_since"])[:32], int(str(table["version"]))
        if not (by.isprintable() and since.isprintable()):
            return None
        return Note(str(table["key"]), str(table["sha256"]), recipients, by, since, version)
    except (toml_text.TomlError, KeyError, ValueError):
        return None


def write(team: Team, name: str, secret: Secret, by: str, same: bool = False, new: bool = False) -> Note:
    """Seals a value to all members, and returns the note beside the sealed file. `same` means that the value did not
    change, and `new` that a person called it a new one."""
    before = note_of(team.folder, name)
    # A key that was sealed here before may get its old value, which a former member could read.
    read_before = max((gone.keys.get(name, 0) for gone in team.removed), default=0)
    since, version = clock.now(), max(1, read_before + new)
    if before:
        since, version = (before.value_since, before.version) if same else (since, before.version + 1)
    recipients = team.recipients()
    to = [age_keys.recipient(each) for group in recipients.values() for each in group]
    data = pyrage.encrypt(secret.reveal().encode("utf-8", "surrogateescape"), to)
    project_files.check(team.folder, path_of(name), path_of(name, ".toml"))
    os.makedirs(os.path.join(team.folder, os.path.dirname(path_of(name))), exist_ok=True)
    note = Note(name, digest(data), recipients, by, since, version)
    project_files.replace(team.folder, path_of(name), data)
    project_files.replace(team.folder, path_of(name, ".toml"), _text(note).encode())
    return note


def remove(folder: str, name: str) -> None:
    """Removes a sealed key from the project. git still has it."""
    project_files.check(folder, path_of(name), path_of(name, ".toml"))
    project_files.remove(folder, path_of(name))
    project_files.remove(folder, path_of(name, ".toml"))


def _text(note: Note) -> str:
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("What lkr knows of the sealed file beside this one. lkr team check compares the two."))
    document["key"], document["sha256"], document["by"] = note.key, note.sha256, note.by
    document["value_since"], document["version"] = note.value_since, note.version
    document["recipients"] = {who: each[0] if len(each) == 1 else list(each) for who, each in note.recipients.items()}
    return tomlkit.dumps(document)


def value(plain: bytes, name: str) -> Secret:
    """Returns the value in a sealed file. Raises LkrError when that is not a key's value."""
    text = plain.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")
    if not text or "\0" in text or len(plain) > MAX_VALUE:
        raise LkrError(f"the sealed {name} does not hold a key", "have the person who sealed it do it again")
    return Secret(text)


def opened(data: bytes, name: str, identities: "Sequence[age_keys.Identity]") -> Secret | None:
    """Returns the value in a sealed file; None when none of the identities opens it."""
    if not identities:
        return None
    try:
        return value(pyrage.decrypt(data, identities), name)
    except pyrage.DecryptError:
        return None


def _stanzas(data: bytes) -> list[list[str]] | None:
    """Returns the recipient lines in the header of an age file, split into words; None when it is not an age file."""
    head, found, _ = data.partition(b"\n---")
    if not data.startswith(_MAGIC) or not found:
        return None
    return [line[3:].decode("ascii", "replace").split() for line in head.split(b"\n") if line.startswith(b"-> ")]


def _tag(recipient: str) -> str:
    """Returns what age writes into the header for an SSH key: four bytes of its digest. Source:
    https://c2sp.org/age."""
    blob = base64.b64decode(recipient.split()[1])
    return base64.b64encode(hashlib.sha256(blob).digest()[:4]).rstrip(b"=").decode()


def _header_problem(data: bytes, recipients: "Sequence[str]") -> str | None:
    """Returns why the header of a sealed file does not fit exactly these recipients."""
    if (stanzas := _stanzas(data)) is None:
        return "is not a binary age file" if data else "is empty"
    ssh = sorted(words[1] for words in stanzas if words[:1] in (["ssh-ed25519"], ["ssh-rsa"]) and len(words) > 1)
    if ssh != sorted(_tag(each) for each in recipients if each.startswith("ssh-")):
        return "is sealed to other SSH keys than its .toml says"
    x25519 = sum(words[:1] == ["X25519"] for words in stanzas)
    known = len(ssh) + x25519 + sum(words[0].endswith("-grease") for words in stanzas if words)
    if x25519 != sum(each.startswith("age1") for each in recipients) or known != len(stanzas):
        return "is sealed to more or fewer recipients than its .toml says"
    return None


def problems(team: Team) -> list[str]:
    """Returns one line for each problem with the sealed files. Opens none of them, and needs no store."""
    strays = [os.path.join(SEALED, *each) for each in _strays(team.folder)]
    found = [f"{show(path)} is not a sealed key" for path in strays]
    for name in keys(team.folder):
        try:
            found += [f"{path_of(name)} {line}" for line in _problems(team, name)]
        except LkrError as error:
            found.append(error.message)
    return found


def _strays(folder: str) -> "Iterator[tuple[str, str]]":
    for provider, file in _files(folder):
        beside = f"{file[:-5]}.age" if file.endswith(".toml") else file
        if not _is_sealed(provider, beside):
            yield provider, file


def mismatch(name: str, data: bytes, note: Note | None) -> str:
    """Returns why the sealed file may belong to another key, or may have been swapped; empty if its note fits."""
    if note is None:
        return f"has no {name.partition(':')[2]}.toml beside it that says whom it is sealed to"
    if note.sha256 != digest(data):
        return "is not the file that its .toml was written for"
    return "" if note.key == name else f"is a copy of the sealed {names.redacted(note.key)}"


def _problems(team: Team, name: str) -> "Iterator[str]":
    data, note = read(team.folder, name) or b"", note_of(team.folder, name)
    if wrong := mismatch(name, data, note):
        yield f"{wrong}; lkr seal {name}"
    if note is None:
        return
    if problem := _header_problem(data, [each for group in note.recipients.values() for each in group]):
        yield f"{problem}; lkr seal {name}"
    now = team.recipients()
    if others := sorted(who for who in note.recipients if note.recipients[who] != now.get(who)):
        yield f"is sealed to {', '.join(map(show, others))}, who is not a member with that recipient; lkr seal {name}"
    if lacking := sorted(who for who in now if now[who] != note.recipients.get(who)):
        yield f"is not sealed to {', '.join(lacking)}; lkr seal {name}"


class ToRotate:
    """A key that a former member could read, whose value may not have changed since, and until when they were a member.
    `here` says whether it is still sealed in the project."""

    __slots__ = ("here", "key", "member", "until")

    def __init__(self, key: str, member: str, until: str, here: bool) -> None:
        self.key, self.member, self.until, self.here = key, member, until, here


def to_rotate(team: Team) -> list[ToRotate]:
    """Returns the keys to rotate. Removing a sealed file does not take back what somebody read, so such a key stays in
    the list until it is sealed with a new value, or until a person deletes it from the file of members."""
    found = []
    for gone in team.removed:
        for name, version in gone.keys.items():
            if not names.is_own(name):
                continue
            here = read(team.folder, name) is not None
            note = note_of(team.folder, name) if here else None
            if note is None or note.version <= version:
                found.append(ToRotate(name, gone.name, gone.until, here))
    return found
