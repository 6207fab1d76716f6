"""The vault: one age file for each key, encrypted to one X25519 identity that a passphrase protects.

`identity.age` is an age passphrase file with the identity, `recipient` is its public half, and the keys are in
`keys/PROVIDER/LABEL.age`. `age -d` opens all of them. Adding a key needs no unlocking.
"""

import os

from lkrshell.core.errors import LkrError, StoreLocked, StoreUnreachable, WrongPassphrase
from lkrshell.core.secret import Secret, parse_secret
from lkrshell.core.text import show
from lkrshell.state import files, memory, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    import pyrage

_ENOUGH_WORK = 17  # age's own program takes 18
_LOST = "if it is lost: lkr vault reset --help"


class Vault:
    """The vault in the data folder. It locks `lock_after` seconds after its last use, at latest `lock_limit` after
    unlocking."""

    name, noun, takes_passphrase, has_dialog, counts_reads = "vault", "vault", True, False, True

    def __init__(self, lock_after: int, lock_limit: int) -> None:
        self._root = os.path.join(paths.data_dir(), "vault")
        self._lock_after, self._lock_limit = lock_after, lock_limit
        self._left = lock_after

    def _file(self, name: str) -> str:
        provider, label = name.replace("/", "~").split(":")
        return os.path.join(self._root, "keys", provider, label + ".age")

    def recipient(self) -> str:
        """The public half of the identity, as age writes it."""
        data = files.read_private(os.path.join(self._root, "recipient"))
        if data is None:
            raise StoreLocked("there is no vault yet", "create it: lkr unlock, or lkr unlock --stdin")
        text = data.decode("ascii", "replace").strip()
        if not text.isalnum():  # the kernel's key and the memory file are named after it
            raise LkrError(f"{show(self._root)}/recipient is damaged", "restore it from a backup")
        return text

    def _kernel_name(self) -> str:
        return f"lkr:{self.recipient()}"

    def is_created(self) -> bool:
        """True once the vault has its identity."""
        return os.path.exists(os.path.join(self._root, "recipient"))

    def describe(self) -> str:
        return self.name

    def weakness(self) -> None:
        return None

    def get(self, names: list[str]) -> dict[str, Secret]:
        sealed = {name: data for name in names if (data := files.read_private(self._file(name))) is not None}
        if not sealed:
            return {}
        openers = _identities(self._unlocked(renew=True))
        import pyrage

        found = {}
        for name, data in sealed.items():
            try:
                found[name] = parse_secret(pyrage.decrypt(data, openers))
            except pyrage.DecryptError:
                hint = f"store it again with lkr set {name}, or restore a backup"
                raise LkrError(
                    f"the vault's file for {name} is damaged, or encrypted to another identity", hint
                ) from None
        return found

    def _unlocked(self, renew: bool) -> bytes:
        """The identities of the unlocked vault. StoreLocked if it is locked."""
        import time

        memory.harden()
        name = self._kernel_name()
        deadline, _, identities = (memory.get(name) or b"").partition(b"\n")
        left = int(deadline) - int(time.time()) if deadline.isdigit() else 0
        if left <= 0:
            if deadline:
                memory.forget(name)
            raise StoreLocked("the vault is locked", "lkr unlock")
        self._left = min(self._lock_after, left)
        if renew:
            memory.renew(name, self._left)
        return identities

    def set(self, name: str, secret: Secret) -> None:
        import pyrage

        try:
            with files.locked(self._root):  # otherwise a simultaneous rekey could make this recipient outdated
                recipient = pyrage.x25519.Recipient.from_str(self.recipient())
                files.write_private(self._file(name), pyrage.encrypt(secret.dump(), [recipient]))
        except pyrage.RecipientError:
            raise LkrError(f"{show(self._root)}/recipient is damaged", "restore it from a backup") from None

    def delete(self, name: str) -> bool:
        with files.locked(self._root):
            return files.remove_private(self._file(name))

    def exists(self, name: str) -> bool:
        return os.path.exists(self._file(name))

    def names(self) -> list[str]:
        from lkrshell.core.names import is_key, is_of_source, key_of_old

        root = os.path.join(self._root, "keys")
        return sorted(
            name
            for provider in _listed(root)
            for label in _listed(os.path.join(root, provider))
            if label.endswith(".age")
            and (is_key(name := _name(provider, label)) or key_of_old(name) or is_of_source(name))
        )

    def is_locked(self) -> bool:
        try:
            self._unlocked(renew=False)
        except StoreLocked:
            return True
        return False

    def lock(self) -> None:
        if self.is_created():
            memory.forget(self._kernel_name())

    def unlock(self, passphrase: Secret | None) -> None:
        """Opens the identity, or creates the vault with this passphrase if there is none."""
        if passphrase is None or not passphrase.reveal():
            raise LkrError("the vault needs a passphrase", "run it on a terminal, or lkr unlock --stdin")
        self._keep(self._open(passphrase) if self.is_created() else self._make(passphrase))

    def key_of(self, passphrase: Secret) -> bytes:
        """What `open_by` takes: the identities, one of which is the vault's. StoreLocked for a wrong passphrase."""
        return self._open(passphrase)

    def open_by(self, key: bytes) -> None:
        """Unlocks with what `key_of` returned. StoreLocked if that was for another vault, or is older than a rekey."""
        if self.recipient() not in (str(each.to_public()) for each in _identities(key)):
            raise StoreLocked("the vault has another identity now", "lkr vault enroll")
        self._keep(key)

    def seconds_left(self) -> int | None:
        return self._left

    def open_file(self, data: bytes) -> bytes:
        """The content of an age file that is encrypted to this vault. Raises StoreLocked, pyrage.DecryptError."""
        import pyrage

        plain: bytes = pyrage.decrypt(data, _identities(self._unlocked(renew=True)))
        return plain

    def put_aside(self) -> str:
        """Renames the vault's folder, so that there is no vault any more. Returns the new path. LkrError if the disk
        refuses."""
        import time

        aside = f"{self._root}-{time.strftime('%Y-%m-%dT%H%M%S')}"
        files.note_change()
        self.lock()
        try:
            with files.locked(self._root):
                os.rename(self._root, aside)
                files.sync_dir(os.path.dirname(aside))
        except OSError as error:
            raise LkrError(f"cannot rename {show(self._root)}: {error.strerror}", "nothing was changed") from None
        return aside

    def checked(self, passphrase: Secret) -> Secret:
        """Returns the vault's passphrase; WrongPassphrase for any other."""
        self._open(passphrase)
        return passphrase

    def passwd(self, old: Secret, new: Secret) -> None:
        """Changes the passphrase of the identity. The keys stay as they are."""
        with files.locked(self._root):
            self._seal(self._open(old), new)

    def rekey(
        self, passphrase: Secret, each: "Callable[[list[str]], Iterable[str]]" = iter, used: "Collection[str]" = ()
    ) -> int:
        """Makes a new identity and encrypts every key to it. Returns how many there are.

        Until the last step, identity.age also holds the old identity. So wherever this is interrupted, the passphrase
        still opens every key, and running it again completes it. `each` iterates over the names and may show progress.
        `used` are recipients to which files elsewhere are encrypted: their identities stay, after the new one.
        """
        import pyrage

        with files.locked(self._root):
            old = self._open(passphrase)
            fresh = pyrage.x25519.Identity.generate()
            both = old + f"\n{fresh}".encode()
            self._seal(both, passphrase)
            memory.forget(self._kernel_name())
            self._write_recipient(fresh)
            self._keep(both)  # so that the vault is open for those who read in the meantime
            openers = _identities(both)
            names = self.names()
            for name in each(names):
                sealed = files.read_private(self._file(name))
                if sealed is not None:
                    plain = pyrage.decrypt(sealed, openers)
                    files.write_private(self._file(name), pyrage.encrypt(plain, [fresh.to_public()]))
            stay = [identity for identity in _identities(old) if str(identity.to_public()) in used]
            left = "\n".join(map(str, (fresh, *stay))).encode()
            self._seal(left, passphrase)
        self._keep(left)
        return len(names)

    def _keep(self, identities: bytes) -> None:
        import time

        deadline = f"{int(time.time()) + self._lock_limit}\n".encode()
        memory.put(self._kernel_name(), deadline + identities, min(self._lock_after, self._lock_limit))

    def _seal(self, identities: bytes, passphrase: Secret) -> None:
        files.write_private(os.path.join(self._root, "identity.age"), passphrase_file(identities + b"\n", passphrase))

    def _write_recipient(self, identity: "pyrage.x25519.Identity") -> None:
        files.write_private(os.path.join(self._root, "recipient"), f"{identity.to_public()}\n".encode())

    def _make(self, passphrase: Secret) -> bytes:
        import pyrage

        with files.locked(self._root):
            if self.is_created():
                return self._open(passphrase)
            identity = pyrage.x25519.Identity.generate()
            self._seal(str(identity).encode(), passphrase)
            self._write_recipient(identity)
        return str(identity).encode()

    def _open(self, passphrase: Secret) -> bytes:
        """The identities in identity.age, one on each line."""
        import pyrage

        memory.harden()
        sealed = files.read_private(os.path.join(self._root, "identity.age"))
        if sealed is None:
            raise StoreUnreachable("the vault's identity.age is missing", "restore it from a backup")
        try:
            plain = open_passphrase_file(sealed, passphrase)
        except pyrage.DecryptError:
            raise WrongPassphrase("that is not the vault's passphrase, or identity.age is damaged", _LOST) from None
        return plain.strip()


def _name(folder: str, file: str) -> str:
    """The name of the key in a file below `keys`."""
    return f"{folder.replace('~', '/', 1)}:{file[:-4]}"


def passphrase_file(plain: bytes, passphrase: Secret) -> bytes:
    """An age passphrase file with this content.

    age chooses the work factor so that guessing once takes a second at the present speed of this machine. Under load
    that is too little for later, so this tries up to three times, and takes the strongest.
    """
    import pyrage

    found: list[bytes] = []
    while len(found) < 3 and max(map(_work_factor, found), default=0) < _ENOUGH_WORK:
        found.append(pyrage.passphrase.encrypt(plain, passphrase.reveal()))
    return max(found, key=_work_factor)


def _work_factor(data: bytes) -> int:
    """The work factor in the first line of the header: `-> scrypt SALT FACTOR`. Source: https://c2sp.org/age."""
    return int(data.split(b"\n", 2)[1].rpartition(b" ")[2])


def open_passphrase_file(data: bytes, passphrase: Secret) -> bytes:
    """The content of an age passphrase file. Raises pyrage.DecryptError.

    age refuses a work factor that seems too high for the speed of this machine. Under load the machine seems slow, so
    this tries again after such a refusal.
    """
    import time

    import pyrage

    for _ in range(5):
        try:
            plain: bytes = pyrage.passphrase.decrypt(data, passphrase.reveal())
            return plain
        except pyrage.DecryptError as error:
            if "work" not in str(error).lower():
                raise
            time.sleep(0.5)
    raise LkrError("this machine is too busy to open an age passphrase file", "try again")


def _identities(text: bytes) -> "list[pyrage.x25519.Identity]":
    import pyrage

    try:
        return [pyrage.x25519.Identity.from_str(line) for line in text.decode("ascii").split()]
    except (pyrage.IdentityError, UnicodeDecodeError):
        raise LkrError("the vault's identity is damaged", "run lkr lock and lkr unlock, or restore a backup") from None


def _listed(folder: str) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LkrError(f"cannot read {show(folder)}: {error.strerror}") from None
