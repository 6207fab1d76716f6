"""The embedded vault: one age file a key, all to one X25519 identity behind a passphrase.

`identity.age` is an age passphrase file, `recipient` its public half, `keys/PROVIDER/LABEL.age` the keys:
`age -d` opens all of it. Adding a key needs no unlock. On the path of `lkr export`.
"""

import os

from lkrshell import files, kernel, paths
from lkrshell.errors import LkrError, StoreLocked, StoreUnreachable
from lkrshell.secret import Secret, parse_secret


class Vault:
    """A vault in the data folder, unlocked for `lock_after` seconds from its last use."""

    name = "vault"

    def __init__(self, lock_after: int) -> None:
        self._root = os.path.join(paths.data_dir(), "vault")
        self._lock_after = lock_after

    def _file(self, name: str) -> str:
        provider, label = name.split(":")
        return os.path.join(self._root, "keys", provider, label + ".age")

    def _recipient(self) -> str:
        data = files.read_private(os.path.join(self._root, "recipient"))
        if data is None:
            raise StoreLocked("there is no vault yet", "make one: lkr unlock, or lkr unlock --stdin")
        return data.decode("ascii", "replace").strip()

    def _kernel_name(self) -> str:
        return f"lkr:{self._recipient()}"

    def made(self) -> bool:
        """True once the vault has its identity."""
        return os.path.exists(os.path.join(self._root, "recipient"))

    def get(self, names: list[str]) -> dict[str, Secret]:
        sealed = {name: data for name in names if (data := files.read_private(self._file(name))) is not None}
        if not sealed:
            return {}
        identity = kernel.get(self._kernel_name(), self._lock_after)
        if identity is None:
            raise StoreLocked("the vault is locked", "lkr unlock")
        import pyrage

        found, opener = {}, None
        for name, data in sealed.items():
            try:
                opener = opener or pyrage.x25519.Identity.from_str(identity.decode("ascii"))
                found[name] = parse_secret(pyrage.decrypt(data, [opener]))
            except (pyrage.DecryptError, pyrage.IdentityError, UnicodeDecodeError):
                hint = f"lkr set {name}, or a backup"
                raise LkrError(f"the vault's file of {name} is damaged, or for another identity", hint) from None
        return found

    def set(self, name: str, secret: Secret) -> None:
        import pyrage

        try:
            recipient = pyrage.x25519.Recipient.from_str(self._recipient())
        except pyrage.RecipientError:
            raise LkrError(f"{files.show(self._root)}/recipient is damaged", "restore it from a backup") from None
        files.write_private(self._file(name), pyrage.encrypt(secret.dump(), [recipient]))

    def delete(self, name: str) -> bool:
        return files.remove_private(self._file(name))

    def exists(self, name: str) -> bool:
        return os.path.exists(self._file(name))

    def is_locked(self) -> bool:
        return not self.made() or kernel.get(self._kernel_name(), None) is None

    def lock(self) -> None:
        if self.made():
            kernel.forget(self._kernel_name())

    def unlock(self, passphrase: Secret | None) -> None:
        """Opens the identity, or makes the vault with this passphrase when there is none."""
        if passphrase is None or not passphrase.reveal():
            raise LkrError("the vault needs a passphrase", "run it on a terminal, or lkr unlock --stdin")
        identity = self._open(passphrase) if self.made() else self._make(passphrase)
        kernel.put(self._kernel_name(), identity, self._lock_after)

    def _make(self, passphrase: Secret) -> bytes:
        import pyrage

        with files.locked(self._root):
            if self.made():
                return self._open(passphrase)
            identity = pyrage.x25519.Identity.generate()
            text = str(identity)
            sealed = pyrage.passphrase.encrypt(text.encode() + b"\n", passphrase.reveal())
            files.write_private(os.path.join(self._root, "identity.age"), sealed)
            files.write_private(os.path.join(self._root, "recipient"), f"{identity.to_public()}\n".encode())
        return text.encode()

    def _open(self, passphrase: Secret) -> bytes:
        import pyrage

        sealed = files.read_private(os.path.join(self._root, "identity.age"))
        if sealed is None:
            raise StoreUnreachable("the vault's identity.age is missing", "restore it from a backup")
        try:
            plain: bytes = pyrage.passphrase.decrypt(sealed, passphrase.reveal())
        except pyrage.DecryptError:
            raise StoreLocked("that is not the vault's passphrase, or identity.age is damaged", "try again") from None
        return plain.strip()

    def left(self) -> int | None:
        return self._lock_after
