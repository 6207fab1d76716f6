"""Where values live. Only `choose` decides which store is used."""

import os

from lkrshell.core import platform
from lkrshell.core.errors import LkrError
from lkrshell.state import files, paths
from lkrshell.state.config import STORES, Config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.stores.base import Store
    from lkrshell.stores.macos_keychain import MacosKeychain
    from lkrshell.stores.vault import Vault


def _record() -> str:
    return os.path.join(paths.state_dir(), "backend")


def chosen_before() -> str:
    """The store that `auto` settled on; empty if that is still undecided."""
    name = (files.read_private(_record()) or b"").decode("ascii", "replace").strip()
    return name if name in STORES else ""


def is_another(config: Config) -> bool:
    """True if LKR_BACKEND names a different store from the settings, or from what `auto` settled on."""
    written, named = (chosen_before() if each == "auto" else each for each in (config.written_backend, config.backend))
    return written not in ("", named)


def choose(config: Config) -> "Store":
    """The store in use. `auto` is decided once, when a store is first needed, and remembered in the state folder. So
    a login without a keychain does not make keys look lost."""
    backend = config.backend
    if backend == "auto":
        backend = chosen_before()
        if not backend:
            backend = found(config)
            try:
                files.write_private(_record(), backend.encode() + b"\n", is_cache=True)
            except LkrError:
                pass  # with a read-only home, it is decided each time
    if backend == "vault":
        from lkrshell.stores.vault import Vault

        return Vault(config.lock_after, config.lock_limit)
    if backend == "keychain":
        if not platform.DARWIN:
            raise LkrError("the keychain backend is macOS's own", 'use backend = "keyring" or "vault"')
        from lkrshell.stores.macos_keychain import MacosKeychain

        return MacosKeychain(config.lock_after)
    from lkrshell.stores.keyring import Keyring

    return Keyring(config.collection)


def vault(config: Config) -> "Vault | None":
    """The vault, if it is the store in use; else None. For tasks that only a vault can do."""
    from lkrshell.stores.vault import Vault

    store = choose(config)
    return store if isinstance(store, Vault) else None


def with_passphrase(store: "Store") -> "Vault | MacosKeychain | None":
    """The store, if lkr itself takes the passphrase that opens it; else None."""
    from lkrshell.stores.macos_keychain import MacosKeychain
    from lkrshell.stores.vault import Vault

    return store if isinstance(store, Vault | MacosKeychain) else None


def found(config: Config) -> str:
    """The name of the best store on this machine: macOS's keychain, else what python-keyring finds, else the vault."""
    if platform.DARWIN:
        from lkrshell.stores import macos_items

        return "keychain" if macos_items.works() else "vault"
    from lkrshell.stores.keyring import works

    return "keyring" if works(config.collection) else "vault"
