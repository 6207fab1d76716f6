"""Opens sealed keys into the machine's own store, with the same encryption, lock and policy as every other key.

Asks for passphrases only through what it is given, and never opens a key for a hook.
"""

import os
import time

from lkrshell.core.entry import MAX_TTL, Entry
from lkrshell.core.errors import LkrError, StoreLocked
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.sources import cache
from lkrshell.state import generation, index
from lkrshell.stores import age_keys, registry
from lkrshell.team import accepted, members, sealed
from lkrshell.team.members import Team

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lkrshell.state.config import Config
    from lkrshell.stores.base import Store

_SSH_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_rsa")


class Openers:
    """The private keys that may open what is sealed to this person, tried in turn: the vault's, then those in files.

    `identity` is a file that the person named; without one, the usual SSH keys are tried. `passphrase` asks for a
    passphrase.
    """

    def __init__(self, settings: "Config", identity: str | None, passphrase: "Callable[[str], Secret]") -> None:
        self._vault = registry.vault(settings)
        self._files = [identity] if identity else [os.path.expanduser(path) for path in _SSH_KEYS]
        self._named, self._passphrase = identity is not None, passphrase
        self._identities: dict[str, list[age_keys.Identity]] = {}

    def open(self, data: bytes, name: str, recipients: "Sequence[str]") -> Secret:
        """Returns the value in a sealed file. `recipients` are this person's, so that no passphrase is asked for
        without need.

        Raises StoreLocked when the locked vault may be able to open it, LkrError when no key opens it.
        """
        locked: StoreLocked | None = None
        if self._vault and self._vault.is_created():
            import pyrage

            try:
                return sealed.value(self._vault.open_file(data), name)
            except StoreLocked as error:
                locked = error
            except pyrage.DecryptError:
                pass
        for path in self._files:
            if (secret := sealed.opened(data, name, self._of(path, recipients))) is not None:
                return secret
        if locked:
            raise locked
        hint = "ask a member to add you: lkr team add NAME RECIPIENT; or name your key: --identity PATH"
        raise LkrError(f"none of your private keys opens the sealed {name}", hint)

    def _of(self, path: str, recipients: "Sequence[str]") -> "list[age_keys.Identity]":
        if path not in self._identities:
            try:
                with open(path, "rb") as file:
                    data = file.read(1 << 20)
            except OSError as error:
                if self._named:
                    raise LkrError(f"cannot read {show(path)}: {error.strerror}") from None
                data = b""
            wanted = self._named or (data and _public(path) in recipients)
            found = age_keys.identities(data, show(path), self._passphrase) if wanted else []
            self._identities[path] = found
        return self._identities[path]


def _public(path: str) -> str:
    """Returns type and key of the public half beside an SSH key; empty when there is none."""
    try:
        with open(f"{path}.pub", encoding="ascii") as file:
            return members.without_comment(file.read(1 << 14))
    except (OSError, UnicodeDecodeError):
        return ""


def own_recipients(settings: "Config") -> list[str]:
    """Returns the public keys that others can seal to for this person: the vault's, and those of the usual SSH keys."""
    vault = registry.vault(settings)
    found = [vault.recipient()] if vault and vault.is_created() else []
    return found + [key for path in _SSH_KEYS if (key := _public(os.path.expanduser(path)))]


class Opened:
    """The value of a sealed key, the digest of its file, the value's version, and why it may be the wrong file."""

    __slots__ = ("digest", "doubt", "name", "secret", "version")

    def __init__(self, name: str, secret: Secret, digest: str, version: int, doubt: str = "") -> None:
        self.name, self.secret, self.digest, self.version, self.doubt = name, secret, digest, version, doubt


def opened(team: Team, name: str, openers: Openers) -> Opened:
    """Returns what is sealed in the repository now. Raises LkrError when there is nothing, or it cannot be opened."""
    data = sealed.read(team.folder, name)
    if data is None:
        raise LkrError(f"there is no sealed {name} here", f"seal it: lkr seal {name}")
    note = sealed.note_of(team.folder, name)
    everyone = [each for group in (note.recipients if note else team.recipients()).values() for each in group]
    secret = openers.open(data, name, [members.without_comment(each) for each in everyone])
    version, last = note.version if note else 0, accepted.read(team).files.get(name)
    doubt = sealed.mismatch(name, data, note)
    if last and version < last[1]:
        doubt = doubt or f"has version {version}, which is older than version {last[1]}, which you have"
    return Opened(name, secret, sealed.digest(data), version, doubt)


def is_current(store: "Store", team: Team, name: str) -> bool:
    """True when the store's copy comes from the sealed file that is there now."""
    data, copy = sealed.read(team.folder, name), team.copy(name)
    there = index.read(store.name, copy) is not None and store.exists(copy)
    last = accepted.read(team).files.get(name)
    return there and data is not None and last is not None and last[0] == sealed.digest(data)


def copied(store: "Store", team: Team, name: str) -> Secret | None:
    """Returns the store's copy of a sealed key; None when there is none."""
    return store.get([team.copy(name)]).get(team.copy(name))


def keep(store: "Store", team: Team, found: Opened, before: Secret | None) -> None:
    """Keeps an opened value in the store, instead of `before`. It is used until it is replaced."""

    def date(entry: Entry) -> None:
        entry.fetched, entry.stale, entry.end = int(time.time()), MAX_TTL, MAX_TTL

    cache.write(store, team.copy(found.name), found.secret, before, date)
    accepted.note_opened(team, found.name, found.digest, found.version)
    generation.bump()
