"""The OS keychain through python-keyring: Secret Service, KWallet, macOS, Windows, or what is configured.

Service `com.llm-key-ring`, account `provider:label`: what the Rust `lkr` writes and reads.
"""

import os

from lkrshell import files, paths
from lkrshell.errors import LkrError, StoreLocked, StoreUnreachable
from lkrshell.secret import Secret, parse_secret
from lkrshell.timelimit import TimeLimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")

SERVICE = "com.llm-key-ring"
_KIND, _SECRET_SERVICE = "keychain", b"keyring.backends.SecretService\n"
_WAIT = 30.0  # seconds until a keychain counts as hung


def works() -> bool:
    """True when python-keyring finds a backend that can keep a secret, and that answers."""
    if os.name == "posix" and os.uname().sysname == "Linux" and not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        if not runtime or not os.path.exists(os.path.join(runtime, "bus")):
            return False
    import keyring

    backend = keyring.get_keyring()
    if not (type(backend).priority or 0) >= 1:
        return False
    try:
        backend.get_password(SERVICE, "lkr:probe")
    except LkrError:
        raise  # the hook's time limit: says nothing about the keychain, so nothing is to be remembered
    except Exception:
        return False
    return True


class Keyring:
    """Whatever backend python-keyring chooses. `lock` is a flag of ours: it locks nobody else's secrets."""

    name = "keyring"

    def _flag(self) -> str:
        return os.path.join(paths.state_dir(), "locked")

    def _call(self, function: "Callable[[], T]") -> "T":
        import keyring
        import keyring.errors

        self._remember(type(keyring.get_keyring()).__module__)
        try:
            with TimeLimit(_WAIT):
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
        if self.is_locked():
            raise StoreLocked("lkr is locked", "lkr unlock")
        if self._is_secret_service():
            from lkrshell.stores import secret_service

            found = secret_service.fetch(SERVICE, names)
            return {name: parse_secret(data) for name, data in found.items()}
        import keyring

        texts = {name: self._call(lambda name=name: keyring.get_password(SERVICE, name)) for name in names}  # type: ignore[misc]
        return {
            name: parse_secret(text.encode("utf-8", "surrogateescape"))
            for name, text in texts.items()
            if text is not None
        }

    def _is_secret_service(self) -> bool:
        """True when that is what python-keyring took the last time, and nothing says that it would not now."""
        if os.environ.get("PYTHON_KEYRING_BACKEND"):
            return False
        return files.read_private(os.path.join(paths.state_dir(), _KIND)) == _SECRET_SERVICE

    def _remember(self, kind: str) -> None:
        path = os.path.join(paths.state_dir(), _KIND)
        if not os.environ.get("PYTHON_KEYRING_BACKEND") and files.read_private(path) != f"{kind}\n".encode():
            try:
                files.write_private(path, f"{kind}\n".encode())
            except LkrError:
                pass  # a read-only home: slower, not wrong

    def set(self, name: str, secret: Secret) -> None:
        import keyring

        self._call(lambda: keyring.set_password(SERVICE, name, secret.dump().decode("ascii")))

    def delete(self, name: str) -> bool:
        import keyring
        import keyring.errors

        try:
            self._call(lambda: keyring.delete_password(SERVICE, name))
        except keyring.errors.PasswordDeleteError:
            return False
        return True

    def exists(self, name: str) -> bool:
        return bool(self.get([name]))

    def is_locked(self) -> bool:
        return os.path.exists(self._flag())

    def lock(self) -> None:
        files.write_private(self._flag(), b"1\n")

    def unlock(self, passphrase: Secret | None) -> None:
        """Takes our flag away; the keychain's own lock opens by its own prompt, as it is asked."""
        files.remove_private(self._flag())

    def left(self) -> int | None:
        return None
