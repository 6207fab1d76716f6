"""Where values live. `choose` is the one place that decides which store serves; on the path of `lkr export`."""

import os

from lkrshell import files, paths
from lkrshell.config import Config
from lkrshell.errors import LkrError
from lkrshell.secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Store(Protocol):
        """What every store can do. Errors: StoreLocked, StoreUnreachable, LkrError."""

        name: str

        def get(self, names: list[str]) -> dict[str, Secret]:
            """Values and kinds of those keys that there are; one turn of the store for all of them."""

        def set(self, name: str, secret: Secret) -> None:
            """Stores or replaces, durably."""

        def delete(self, name: str) -> bool:
            """False when there was none."""

        def exists(self, name: str) -> bool:
            """Without unlocking where the store allows that."""

        def names(self) -> list[str] | None:
            """Every key that the store itself knows of; None when it cannot list them."""

        def is_locked(self) -> bool:
            """True when `get` would raise StoreLocked."""

        def lock(self) -> None:
            """Until `unlock`."""

        def unlock(self, passphrase: Secret | None) -> None:
            """With a passphrase where the store is ours, by the system's own prompt elsewhere."""

        def left(self) -> int | None:
            """Seconds until it locks itself, None for never."""


_CHOSEN = "backend"


def choose(config: Config) -> "Store":
    """The store in force. `auto` is decided once, at the first need, and remembered in the state folder, so
    that a login without a keychain does not make keys seem lost."""
    backend = config.backend
    if backend == "auto":
        record = os.path.join(paths.state_dir(), _CHOSEN)
        backend = (files.read_private(record) or b"").decode("ascii", "replace").strip()
        if backend not in ("keyring", "vault"):
            from lkrshell.stores.keyring import works

            backend = "keyring" if works(config.collection) else "vault"
            try:
                files.write_private(record, backend.encode() + b"\n")
            except LkrError:
                pass  # a read-only home: asked anew each time
    if backend == "vault":
        from lkrshell.stores.vault import Vault

        return Vault(config.lock_after, config.lock_limit)
    from lkrshell.stores.keyring import Keyring

    return Keyring(config.collection)
