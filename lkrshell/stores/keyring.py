"""The OS keychain through python-keyring: Secret Service, KWallet, macOS, Windows, or the configured backend.

Service `com.llm-key-ring`, account `provider:label`: what the Rust `lkr` writes and reads.
"""

import os

from lkrshell.core import platform
from lkrshell.core.errors import LkrError, StoreLocked, StoreUnreachable
from lkrshell.core.secret import Secret, parse_secret
from lkrshell.core.text import show
from lkrshell.core.time_limit import TimeLimit
from lkrshell.state import files, memory, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any, TypeVar

    from keyring.backend import KeyringBackend

    T = TypeVar("T")

SERVICE = "com.llm-key-ring"
_KIND, _SECRET_SERVICE = "keychain", b"keyring.backends.SecretService\n"
_WAIT, _WAIT_FOR_A_PERSON = 30.0, 300.0  # seconds until a keychain counts as hung; the second, while it asks the person


def works(collection: str = "") -> bool:
    """True when python-keyring finds a backend that can keep a secret, and the backend answers.

    With a collection of our own, which may not exist yet, it is enough that the Secret Service is there.
    """
    if platform.LINUX and not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        if not runtime or not os.path.exists(os.path.join(runtime, "bus")):
            return False
    backend = _backend()
    if not protects(backend):
        return False
    if collection:
        return type(backend).__module__ + "\n" == _SECRET_SERVICE.decode()
    try:
        with TimeLimit(_WAIT):
            backend.get_password(SERVICE, "lkr:probe")
    except LkrError:  # a slow answer says nothing about the keychain, so no decision is remembered
        hint = "if it asks you something, answer and try again; LKR_BACKEND=vault uses the vault instead"
        raise StoreUnreachable("the keychain does not answer", hint) from None
    except Exception:
        return False
    return True


def protects(backend: "KeyringBackend") -> bool:
    """False for backends that python-keyring itself does not recommend: plain files, or no storage at all."""
    return (getattr(type(backend), "priority", 0) or 0) >= 1


def _backend() -> "KeyringBackend":
    """The backend that python-keyring chooses; of a chain, the first backend, since keys are written there."""
    import keyring

    try:
        backend = keyring.get_keyring()
    except Exception as error:
        hint = "see PYTHON_KEYRING_BACKEND and keyring's own configuration, or use the vault: LKR_BACKEND=vault"
        raise StoreUnreachable(f"the configured keychain cannot be loaded ({type(error).__name__})", hint) from None
    chained = list(getattr(backend, "backends", ()))
    return chained[0] if chained else backend


def _configured() -> bool:
    """True when the user chose a backend for python-keyring."""
    import keyring.core

    return bool(os.environ.get("PYTHON_KEYRING_BACKEND")) or keyring.core.load_config() is not None


def _name(backend: "KeyringBackend") -> str:
    return f"{type(backend).__module__}.{type(backend).__name__}"


class Keyring:
    """The backend that python-keyring chooses.

    `lock` sets a flag of ours, since it must not lock the secrets of other programs. With `collection`, the label of
    our own collection in the Secret Service, it locks that collection.
    """

    name, noun, takes_passphrase, has_dialog, counts_reads = "keyring", "keychain", False, True, False

    def __init__(self, collection: str = "", service: str = SERVICE) -> None:
        self._collection, self._service = collection, service

    def is_created(self) -> bool:
        return True

    def describe(self) -> str:
        return f"{self.name} {_name(_backend())}"

    def weakness(self) -> str | None:
        backend = _backend()
        return None if protects(backend) else f"python-keyring's backend {_name(backend)}"

    def _flag(self) -> str:
        return os.path.join(paths.state_dir(), "locked")

    def _call(self, function: "Callable[[], T]", wait: float = _WAIT, own: bool | None = None) -> "T":
        """Calls python-keyring, in our own collection (`own`) when one is configured."""
        import keyring.errors

        own = bool(self._collection) if own is None else own
        backend = _backend()
        if not protects(backend) and not _configured():
            hint = "start one, or use the vault: LKR_BACKEND=vault"
            raise StoreUnreachable(f"there is no keychain, only {_name(backend)}, which protects nothing", hint)
        kind = type(backend).__module__
        if self._collection and f"{kind}\n".encode() != _SECRET_SERVICE:
            hint = "take collection out of config.toml, or start a Secret Service"
            raise StoreUnreachable(f"a collection needs the Secret Service, but lkr uses {_name(backend)} here", hint)
        self._remember(kind)
        try:
            with TimeLimit(wait):
                if own:
                    backend.preferred_collection = self._own().collection_path  # type: ignore[attr-defined]
                return function()
        except LkrError:
            raise
        except keyring.errors.KeyringLocked:
            raise StoreLocked("the keychain is locked", "unlock it in your desktop, then lkr unlock") from None
        except keyring.errors.NoKeyringError:
            raise StoreUnreachable("this machine has no keychain", "use the vault: LKR_BACKEND=vault") from None
        except keyring.errors.PasswordDeleteError:
            raise
        except Exception as error:
            hint = "start it, or use the vault: LKR_BACKEND=vault"
            raise StoreUnreachable(f"the keychain did not answer ({type(error).__name__})", hint) from None

    def get(self, names: list[str]) -> dict[str, Secret]:
        if not self._collection and self.is_locked():
            raise StoreLocked("lkr is locked", "lkr unlock")
        if self._is_secret_service():
            from lkrshell.stores import secret_service

            memory.harden()
            with TimeLimit(_WAIT):
                found = secret_service.fetch(self._service, names, self._collection)
            return {name: parse_secret(data) for name, data in found.items()}
        import keyring

        texts = {name: self._call(lambda name=name: keyring.get_password(self._service, name)) for name in names}  # type: ignore[misc]
        return {
            name: parse_secret(text.encode("utf-8", "surrogateescape"))
            for name, text in texts.items()
            if text is not None
        }

    def _is_secret_service(self) -> bool:
        """True when python-keyring used it the last time, and nothing suggests that this has changed."""
        if self._collection:
            return True
        if os.environ.get("PYTHON_KEYRING_BACKEND"):
            return False
        return files.read_private(os.path.join(paths.state_dir(), _KIND)) == _SECRET_SERVICE

    def _remember(self, kind: str) -> None:
        path = os.path.join(paths.state_dir(), _KIND)
        if not os.environ.get("PYTHON_KEYRING_BACKEND") and files.read_private(path) != f"{kind}\n".encode():
            try:
                files.write_private(path, f"{kind}\n".encode(), is_cache=True)
            except LkrError:
                pass  # a read-only home: slower, not wrong

    def set(self, name: str, secret: Secret) -> None:
        import keyring

        self._call(lambda: keyring.set_password(self._service, name, secret.dump().decode("ascii")))

    def delete(self, name: str) -> bool:
        import keyring
        import keyring.errors

        removed = True
        try:
            self._call(lambda: keyring.delete_password(self._service, name))
        except keyring.errors.PasswordDeleteError:  # there was no collection, or the person refused a dialog
            removed = False
        if self._call(lambda: keyring.get_password(self._service, name)) is not None:
            hint = "allow it where the keychain asks, or remove it there"
            raise LkrError(f"the keychain still has {name}: it did not remove it", hint)
        return removed

    def exists(self, name: str) -> bool:
        return bool(self.get([name]))

    def names(self) -> list[str] | None:
        self._call(lambda: None, own=False)  # after this, the kind of backend is known
        if not self._is_secret_service():
            return None

        def search() -> list[str]:
            with _bus() as bus:
                import secretstorage

                query = {"service": self._service}
                items = (
                    self._own(bus).search_items(query) if self._collection else secretstorage.search_items(bus, query)
                )
                return sorted({item.get_attributes().get("username", "") for item in items} - {""})

        return self._call(search)

    def _own(self, bus: "Any" = None) -> "Any":
        """Our own collection. StoreLocked if it does not exist yet."""
        import secretstorage

        bus = bus or secretstorage.dbus_init()
        for collection in secretstorage.get_all_collections(bus):
            if collection.get_label() == self._collection:
                return collection
        raise StoreLocked("the keychain has no collection for lkr yet", "create it: lkr unlock")

    def is_locked(self) -> bool:
        if self._collection:
            try:
                return bool(self._call(lambda: self._own().is_locked(), own=False))
            except StoreLocked:
                return True
        return os.path.exists(self._flag())

    def lock(self) -> None:
        if self._collection:
            self._call(lambda: self._own().lock(), own=False)
        else:
            files.make_private_dir(paths.state_dir())
            try:
                files.make_private_file(self._flag())  # an empty file, since this has to work on a full disk
                files.sync_dir(paths.state_dir())
            except OSError as error:
                raise LkrError(f"cannot write {show(self._flag())}: {error.strerror}", "check the disk") from None

    def unlock(self, passphrase: Secret | None) -> None:
        """Removes our flag. If the Secret Service is locked, it asks for its own passphrase.

        If our own collection does not exist yet, it is created, with a passphrase that the Secret Service asks for.
        """
        self._call(lambda: None, own=False)  # StoreUnreachable if this machine has no keychain
        files.remove_private(self._flag())
        if not self._is_secret_service():
            return  # it asks when a key is read

        def ask() -> bool:
            import secretstorage

            with _bus() as bus:
                try:
                    collection = self._own(bus) if self._collection else secretstorage.get_default_collection(bus)
                except StoreLocked:
                    try:
                        collection = secretstorage.create_collection(bus, self._collection)
                    except secretstorage.PromptDismissedException:
                        return False
                return not collection.is_locked() or not collection.unlock()

        if not self._call(ask, _WAIT_FOR_A_PERSON, own=False):
            raise StoreLocked("the keychain stayed locked", "answer its prompt, or unlock it in your desktop")

    def seconds_left(self) -> int | None:
        return None


def _bus() -> "AbstractContextManager[Any]":
    import contextlib

    import secretstorage

    return contextlib.closing(secretstorage.dbus_init())
