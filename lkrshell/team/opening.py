"""Opens sealed keys into the machine's own store: same encryption, same lock, same policy as every other key.

Asks through what it is given, and never opens for a hook.
"""

import os

from lkrshell.core import names
from lkrshell.core.clock import now
from lkrshell.core.entry import MAX_TTL
from lkrshell.core.errors import LkrError, StoreLocked
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.state import generation, index
from lkrshell.stores import age_keys, registry
from lkrshell.team import sealed, seen
from lkrshell.team.members import Team

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lkrshell.state.config import Config
    from lkrshell.stores.base import Store

_SSH_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_rsa")


class Openers:
    """The private keys that may open what is sealed to this person, tried in turn: the vault's, then those of a file.

    `identity` is a file that the person named; without one, the usual SSH keys are tried. `passphrase` asks for one.
    """

    def __init__(self, settings: "Config", identity: str | None, passphrase: "Callable[[str], Secret]") -> None:
        self._vault = registry.vault(settings)
        self._files = [identity] if identity else [os.path.expanduser(path) for path in _SSH_KEYS]
        self._named, self._passphrase = identity is not None, passphrase
        self._identities: dict[str, list[age_keys.Identity]] = {}

    def open(self, data: bytes, name: str, recipients: "Sequence[str]") -> Secret:
        """The value in a sealed file. `recipients` are this person's, so that no passphrase is asked for in vain.

        StoreLocked when the locked vault may be what opens it; LkrError when nothing does.
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
        raise LkrError(f"no key of yours opens the sealed {name}", hint)

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
    """Type and key of the public half beside an SSH key; empty without one."""
    try:
        with open(f"{path}.pub", encoding="ascii") as file:
            return " ".join(file.read(1 << 14).split()[:2])
    except (OSError, UnicodeDecodeError):
        return ""


def own_recipients(settings: "Config") -> list[str]:
    """The public keys that this person can be sealed to: the vault's, and those of the usual SSH keys."""
    vault = registry.vault(settings)
    found = [vault.recipient()] if vault and vault.is_created() else []
    return found + [key for path in _SSH_KEYS if (key := _public(os.path.expanduser(path)))]


def value(team: Team, name: str, openers: Openers) -> Secret:
    """The value that is sealed in the repository now. LkrError when there is none, or it cannot be opened."""
    data = sealed.read(team.folder, name)
    if data is None:
        raise LkrError(f"there is no sealed {name} here", f"seal it: lkr seal {name}")
    note = sealed.note_of(team.folder, name)
    everyone = [each for group in (note.recipients if note else team.recipients()).values() for each in group]
    return openers.open(data, name, [" ".join(each.split()[:2]) for each in everyone])


def is_current(store: "Store", team: Team, name: str) -> bool:
    """True when the store's copy was taken from the sealed file that lies there now."""
    data = sealed.read(team.folder, name)
    copy = names.sealed_in(os.path.realpath(team.folder), name)
    there = index.read(store.name, copy) is not None and store.exists(copy)
    return there and data is not None and seen.read(team.folder).files.get(name) == sealed.digest(data)


def keep(store: "Store", team: Team, name: str, secret: Secret) -> bool:
    """Keeps an opened value in the store. True when it replaced another one."""
    data = sealed.read(team.folder, name) or b""
    copy = names.sealed_in(os.path.realpath(team.folder), name)
    with index.locked(store.name):
        before = store.get([copy]).get(copy)
        entry = index.read(store.name, copy) or index.rebuilt(store.name, copy, "runtime", now())
        changed = before is not None and before.reveal() != secret.reveal()
        if before is None or changed:
            store.set(copy, secret)
        if changed:
            entry.rotated = now()
        entry.fetched, entry.stale, entry.end = 1, MAX_TTL, MAX_TTL  # it serves until the file changes
        index.write(store.name, entry)
    seen.note_opened(team.folder, [(name, sealed.digest(data))])
    generation.bump()
    return changed
