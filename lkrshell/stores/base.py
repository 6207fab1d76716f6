"""What every store can do."""

from typing import Protocol

from lkrshell.core.secret import Secret


class Store(Protocol):
    """What every store can do. Errors: StoreLocked, StoreUnreachable, LkrError."""

    name: str
    noun: str  # "vault" or "keychain", for a sentence
    takes_passphrase: bool  # lkr may ask for it, and `unlock` takes it; False where the system alone asks
    has_dialog: bool  # `unlock(None)` has the system ask
    counts_reads: bool  # `get` of a key, stored or not, starts the time anew after which the store locks itself

    def is_created(self) -> bool:
        """False while it has to be made by the first `unlock`."""

    def describe(self) -> str:
        """Its name, and what it is made of where that differs between machines."""

    def weakness(self) -> str | None:
        """What serves in it and protects nothing, None when all is well."""

    def get(self, names: list[str]) -> dict[str, Secret]:
        """Values and kinds of those keys that there are; one turn of the store for all of them."""

    def set(self, name: str, secret: Secret) -> None:
        """Stores or replaces, durably. Only lkrshell.runtime.keys calls this."""

    def delete(self, name: str) -> bool:
        """False when there was none; LkrError when it is there still. Only lkrshell.runtime.keys calls this."""

    def exists(self, name: str) -> bool:
        """Without unlocking where the store allows that."""

    def names(self) -> list[str] | None:
        """Every name that the store itself knows of, old values of a rotation too; None when it cannot list them."""

    def is_locked(self) -> bool:
        """True when `get` would raise StoreLocked."""

    def lock(self) -> None:
        """Until `unlock`."""

    def unlock(self, passphrase: Secret | None) -> None:
        """With a passphrase where the store is ours, by the system's own prompt elsewhere."""

    def seconds_left(self) -> int | None:
        """Seconds until it locks itself, None for never."""
