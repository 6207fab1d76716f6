"""A second way to open the store, besides its passphrase: this machine's TPM, Touch ID, or the device of an age plugin.

age encrypts what opens the store (the vault's identity, the keychain's password), and one of those three decrypts it.
The passphrase keeps working, so a cleared TPM or a lost device locks nobody out. One file in the data folder, 0600,
holds nothing secret in plain text.

The TPM and the login keychain keep an age identity made only for this. A plugin keeps its own.
"""

import base64
import os
import sys

import pyrage

from lkrshell.core import clock, platform, records
from lkrshell.core.errors import REFUSED, USAGE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.state import files, paths
from lkrshell.stores import registry
from lkrshell.system import terminal, tpm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from lkrshell.stores.base import Store
    from lkrshell.stores.macos_keychain import MacosKeychain
    from lkrshell.stores.vault import Vault

    Opened = Vault | MacosKeychain

_FORM = "lkr-enrolled-1"
_TRIES = 2  # wrong PINs; a TPM refuses every PIN after a few
_PLUGIN = "AGE-PLUGIN-"
TPM, TOUCH_ID, DEVICE = "tpm", "touch-id", "plugin"


class Questions:
    """The questions that an age plugin may ask the person: pyrage's callbacks."""

    def display_message(self, message: str) -> None:
        _say(show(message))

    def confirm(self, message: str, yes: str, no: str | None) -> bool:
        return terminal.ask(show(message))

    def request_public_string(self, description: str) -> str:
        return terminal.hidden(show(description))

    request_passphrase = request_public_string


class Way:
    """What was enrolled. `opener` is an age recipient or, for a plugin, its identity. `parts` are those of the TPM."""

    def __init__(self, kind: str, date: str, opener: str, parts: list[bytes], sealed: bytes) -> None:
        self.kind, self.date, self.opener, self.parts, self.sealed = kind, date, opener, parts, sealed

    def describe(self) -> str:
        """A name for it that fits into a sentence."""
        if self.kind == DEVICE:
            return f"the device of {_plugin(self.opener)}"
        return "Touch ID" if self.kind == TOUCH_ID else "this machine's TPM and its PIN"


def _path() -> str:
    return os.path.join(paths.data_dir(), "enrolled")


def way(store: "Store") -> Way | None:
    """Returns what opens this store besides its passphrase; None if nothing does. LkrError if the file is damaged."""
    data = files.read_private(_path())
    if data is None:
        return None
    try:
        head, parts, sealed = records.load(data)
        form, name, kind, date, opener = head
        if form != _FORM:
            raise ValueError
        found = Way(kind, date, opener, [base64.b64decode(each) for each in parts[1:]], base64.b64decode(sealed[1]))
    except (ValueError, IndexError):
        raise LkrError(f"{show(_path())} is damaged", "lkr vault unenroll") from None
    return found if name == store.name else None


def by_tpm(store: "Opened", key: bytes, pin: Secret) -> Way:
    """Enrolls the TPM. Here and below, `key` comes from `Vault.key_of`. Raises LkrError or NoTpm."""
    if not platform.LINUX:
        raise LkrError("lkr uses a TPM on Linux only", "on a Mac: lkr vault enroll touch-id", USAGE)
    fresh = pyrage.x25519.Identity.generate()
    parts = tpm.seal(str(fresh).encode(), pin)
    return _write(store, TPM, str(fresh.to_public()), parts, key)


def by_touch_id(store: "Opened", key: bytes) -> Way:
    """Enrolls Touch ID, which macOS asks for at once."""
    if not platform.DARWIN:
        raise LkrError("Touch ID is macOS's own", "on Linux: lkr vault enroll tpm", USAGE)
    from lkrshell.stores import macos_login

    if not _touch(store, "let Touch ID unlock"):
        raise LkrError("Touch ID was canceled", "nothing was changed", REFUSED)
    fresh = pyrage.x25519.Identity.generate()
    macos_login.keep(store.name, str(fresh).encode())
    return _write(store, TOUCH_ID, str(fresh.to_public()), [], key)


def by_plugin(store: "Opened", key: bytes, identity: str) -> Way:
    """Enrolls the device of an age plugin."""
    return _write(store, DEVICE, identity, [], key)


def plugin_identity(path: str) -> str:
    """Returns the first identity of a plugin in an age identity file, as `age-plugin-NAME` writes it."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            lines = file.read(1 << 16).splitlines()
    except OSError as error:
        raise LkrError(f"cannot read {show(path)}: {error.strerror}", "nothing was changed") from None
    for line in lines:
        if line.startswith(_PLUGIN):
            try:
                pyrage.plugin.Identity.from_str(line.strip())
            except pyrage.IdentityError:
                break
            return line.strip()
    raise LkrError(f"{show(path)} holds no identity of an age plugin", "make one, as with: age-plugin-fido2-hmac -g")


def opens(store: "Store") -> bool:
    """Opens the store with what is enrolled.

    False if nothing is enrolled, if opening fails (a line says why), or if the person prefers the passphrase.
    """
    own = registry.with_passphrase(store)
    try:
        found = way(own) if own and own.is_created() else None
        if own is None or found is None or not (terminal.is_there() or found.kind == TOUCH_ID):
            return False
        for left in reversed(range(_TRIES)):
            try:
                return _open(own, found)
            except tpm.WrongPin as error:
                if not left:
                    raise
                _say(str(error))
    except LkrError as error:
        _say(f"{error.message}; the passphrase still opens it")
    return False


def _open(store: "Opened", found: Way) -> bool:
    """Unlocks the store. False when the person cancels. LkrError says why it failed."""
    if found.kind == DEVICE:
        openers = [_device(found.opener)]
    else:
        if found.kind == TPM:
            pin = Secret(terminal.hidden("PIN of the TPM, or Enter to give the passphrase", may_be_empty=True))
            if not pin.reveal():
                return False
            identity = tpm.unseal(found.parts, pin)
        elif not _touch(store, "unlock"):
            return False
        else:
            from lkrshell.stores import macos_login

            identity = macos_login.kept(store.name)
        openers = [pyrage.x25519.Identity.from_str(identity.decode("ascii", "replace"))]
    try:
        key = pyrage.decrypt(found.sealed, openers)
    except pyrage.DecryptError as error:
        raise LkrError(f"{found.describe()} did not open it: {_line(error)}", "lkr vault enroll") from None
    store.open_by(key)
    return True


def renew(vault: "Vault", passphrase: Secret) -> None:
    """After a rekey, makes what is enrolled open the new identity. If that fails, removes it and says so."""
    try:
        if found := way(vault):
            _write(vault, found.kind, found.opener, found.parts, vault.key_of(passphrase), found.date)
    except LkrError as error:
        _say(f"{error.message}; only the passphrase opens the vault now. To enroll again: lkr vault enroll")
        remove(vault)


def remove(store: "Store") -> bool:
    """Removes what is enrolled. False when there was nothing."""
    if platform.DARWIN:
        from lkrshell.stores import macos_login

        macos_login.forget(store.name)
    return files.remove_private(_path())


def enrollable(store: "Store") -> "Opened":
    """Returns the store if a second way can open it. LkrError when only the desktop can open it, or it does not exist
    yet."""
    found = registry.with_passphrase(store)
    if found is None:
        raise LkrError("this keychain is opened by your desktop", 'set backend = "vault" in config.toml', USAGE)
    if not found.is_created():
        raise LkrError(f"there is no {found.noun} yet", "create it: lkr unlock")
    return found


def _write(store: "Opened", kind: str, opener: str, parts: list[bytes], key: bytes, date: str = "") -> Way:
    date = date or clock.now()
    if kind == DEVICE:
        identity = pyrage.plugin.Identity.from_str(opener)
        recipient = _asked(pyrage.plugin.RecipientPluginV1, identity.plugin(), [], [identity], Questions())
    else:
        recipient = pyrage.x25519.Recipient.from_str(opener)
    try:
        sealed = pyrage.encrypt(key, [recipient])
    except pyrage.EncryptError as error:
        raise LkrError(f"{_plugin(opener)} encrypted nothing: {_line(error)}", "nothing was changed") from None
    fields = [base64.b64encode(each).decode() for each in (*parts, sealed)]
    rows = [(_FORM, store.name, kind, date, opener), ("parts", *fields[:-1]), ("sealed", fields[-1])]
    files.write_private(_path(), records.dump(rows))
    return Way(kind, date, opener, parts, sealed)


def _device(opener: str) -> "Any":
    identity = pyrage.plugin.Identity.from_str(opener)
    return _asked(pyrage.plugin.IdentityPluginV1, identity.plugin(), [identity], Questions())


def _asked(make: "Callable[..., Any]", *arguments: "Any") -> "Any":
    """Starts a plugin's program. LkrError when it is not installed."""
    try:
        return make(*arguments)
    except (pyrage.EncryptError, pyrage.DecryptError) as error:
        raise LkrError(_line(error), "install the plugin, or use the passphrase") from None


def _plugin(opener: str) -> str:
    return f"age-plugin-{pyrage.plugin.Identity.from_str(opener).plugin()}"


def _touch(store: "Opened", verb: str) -> bool:
    from lkrshell.system import macos_objects

    return macos_objects.authenticate(f"{verb} lkr's {store.noun}")


def _say(text: str) -> None:
    sys.stderr.write(f"lkr: {text}\n")
    sys.stderr.flush()


def _line(error: Exception) -> str:
    """Returns the first line of a library's message, without the quotation marks that it puts around names."""
    return show("".join(char for char in str(error).partition("\n")[0] if char not in "⁨⁩").rstrip("."))
