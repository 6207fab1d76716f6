"""What every store can do."""

from typing import Protocol

from lkrshell.core.secret import Secret


class Store(Protocol):
    """What every store can do. Errors: StoreLocked, StoreUnreachable, LkrError."""

    name: str
    noun: str  # "vault" or "keychain", for a sentence
    takes_passphrase: bool  # lkr may ask for it and give it to `unlock`; False if only the system asks
    has_dialog: bool  # `unlock(None)` makes the system ask
    counts_reads: bool  # each `get` restarts the time after which the store locks itself

    def is_created(self) -> bool:
        """False until the first `unlock` creates it."""

    def describe(self) -> str:
        """The store's name and, where that differs between machines, its implementation."""

    def weakness(self) -> str | None:
        """The implementation, if it protects nothing; else None."""

    def get(self, names: list[str]) -> dict[str, Secret]:
        """Values and kinds of those of the keys that exist, all read at once."""

    def set(self, name: str, secret: Secret) -> None:
        """Stores or replaces a key durably. Only lkrshell.runtime.keys calls this."""

    def delete(self, name: str) -> bool:
        """Removes a key. False if there was none; LkrError if it is still there. Only lkrshell.runtime.keys calls
        this."""

    def exists(self, name: str) -> bool:
        """True if there is such a key. Needs no unlocking where the store allows that."""

    def names(self) -> list[str] | None:
        """Every name that the store knows, including old values of a rotation; None if it cannot list them."""

    def is_locked(self) -> bool:
        """True when `get` would raise StoreLocked."""

    def lock(self) -> None:
        """Locks the store until `unlock`."""

    def unlock(self, passphrase: Secret | None) -> None:
        """Unlocks with a passphrase, or with None through the system's own dialog."""

    def seconds_left(self) -> int | None:
        """Seconds until it locks itself; None for never."""
