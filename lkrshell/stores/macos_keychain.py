"""A keychain of our own on macOS, ~/Library/Keychains/lkr.keychain-db, as the Rust `lkr` 0.3 has it: both share keys.

It holds generic passwords of the service `com.llm-key-ring`, account `provider:label`, with a JSON value. It is not in
the search list, has a password of its own, and locks on sleep and after a time. Only programs in an item's access list
get its value without a question. Only `unlock` without a passphrase and `take_access` can show a dialog, never a hook.
A program that imports lkrshell gets its own dialogs back after each call.

An export loads this module, so it only reads; everything else is in `macos_items`. It makes one query for each key,
since SecItemCopyMatching refuses the data of several passwords at once. A function that returns a reference makes its
caller the owner, who must release it (the Create Rule); see `Owned`.

Source: Apple's headers SecKeychain.h, SecKeychainItem.h, SecBase.h, and OSX/libsecurity_keychain/lib/SecItem.cpp as
published, where SecKeychain.cpp and Keychains.cpp say what the headers do not.
"""

import os

from lkrshell.core import platform, time_limit
from lkrshell.core.errors import REFUSED, LkrError, StoreLocked, StoreUnreachable
from lkrshell.core.secret import Secret, parse_secret
from lkrshell.state import memory, native, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

SERVICE = b"com.llm-key-ring"
FILE = "Library/Keychains/lkr.keychain-db"
WAIT, WAIT_FOR_A_PERSON = 30.0, 300.0  # seconds until macOS counts as hung; the second, while a dialog is open
FIX = "lkr doctor --fix, on the Mac's own desktop"

# SecBase.h
CANCELED, AUTH_FAILED, NO_SUCH_KEYCHAIN, NOT_FOUND = -128, -25293, -25294, -25300
NO_DIALOG = (-25308, -25315, -25320)  # errSecInteractionNotAllowed, errSecInteractionRequired, errSecInDarkWake
KEPT_BACK = (*NO_DIALOG, AUTH_FAILED, CANCELED)  # the results of reading an item whose access list names other programs

UNLOCKED = 1  # SecKeychain.h: kSecUnlockStateStatus
_SETTINGS = 12  # bytes of SecKeychainSettings: UInt32 version, two Boolean, two bytes of padding, UInt32 lockInterval
# The value of lockInterval if the keychain never locks by time. SecKeychainCopySettings leaves useLockInterval as it
# was.
_NEVER = 0x7FFFFFFF

# The functions' types, see native.function. OSStatus is "i", UInt32 "I", Boolean "B", a reference "P".
_TYPES = {
    "CFRelease": "vP",
    "SecKeychainGetUserInteractionAllowed": "iP",
    "SecKeychainSetUserInteractionAllowed": "iB",
    "SecKeychainOpen": "izP",
    "SecKeychainGetStatus": "iPP",
    "SecKeychainCopySettings": "iPP",
    "SecKeychainFindGenericPassword": "iPIzIzPPP",
    "SecKeychainItemFreeContent": "iPP",
}


def call(name: str, *arguments: "Any", types: str = "") -> "Any":
    """Calls a function of Security.framework or CoreFoundation; `types` if it is not in the table above."""
    library = "CoreFoundation" if name.startswith("CF") else "Security"
    return native.function(platform.library(library), name, types or _TYPES[name])(*arguments)


class Owned:
    """A block of calls into macOS. However it ends, it releases each reference that we own once, and restores what this
    process was allowed.

    macOS shows dialogs in it only with `may_ask`.
    """

    def __init__(self, may_ask: bool = False) -> None:
        self._may_ask = may_ask

    def __enter__(self) -> "Owned":
        before = native.out_variable("B")
        call("SecKeychainGetUserInteractionAllowed", native.byref(before))
        call("SecKeychainSetUserInteractionAllowed", self._may_ask)
        self._before: int = before.value
        self._held: list[int] = []
        return self

    def __exit__(self, *_: object) -> None:
        while self._held:
            call("CFRelease", self._held.pop())
        call("SecKeychainSetUserInteractionAllowed", self._before)

    def keep(self, reference: "int | None") -> int:
        """Takes over a reference and returns it. LkrError for NULL."""
        if not reference:
            raise StoreUnreachable("macOS made no object", "try again")
        self._held.append(reference)
        return reference

    def made(self, name: str, *arguments: "Any", types: str = "") -> "tuple[int, int]":
        """Calls a function that puts a reference into its last argument. Returns its status and the reference."""
        place = native.out_variable("P")
        status: int = call(name, *arguments, native.byref(place), types=types)
        return status, self.keep(place.value) if not status and place.value else 0


class MacosKeychain:
    """The keychain file. Its own settings say how long it stays unlocked; lkr creates it with `lock_after` seconds."""

    name, noun, takes_passphrase, has_dialog, counts_reads = "keychain", "keychain", True, True, True

    def __init__(self, lock_after: int) -> None:
        self.lock_after = lock_after
        self._left = lock_after

    def path(self) -> str:
        """The path of the file. LkrError without a home folder."""
        return os.path.join(paths.home(), FILE)

    def is_created(self) -> bool:
        """True once the file exists, created by this lkr or by the Rust `lkr`."""
        return os.path.exists(self.path())

    def describe(self) -> str:
        return f"macOS keychain {os.path.basename(FILE)}"

    def weakness(self) -> None:
        return None

    def get(self, names: list[str]) -> dict[str, Secret]:
        if not names:
            return {}
        memory.harden()
        found = patiently(lambda: self._read(names))
        return {name: parse_secret(data) for name, data in found.items()}

    def _read(self, names: list[str]) -> dict[str, bytes]:
        with Owned() as ours:
            keychain = self.open(ours)
            if (state := status_of(keychain)) is None:
                return {}
            if not state & UNLOCKED:
                raise locked()
            found = {}
            for name in names:
                status, data = password(keychain, name)
                if not status:
                    found[name] = data
                elif status in KEPT_BACK and is_open(keychain):
                    # The access list names other programs: the Rust lkr, or this one before an upgrade.
                    message = f"macOS does not let this lkr read {name}"
                    raise LkrError(f"{message}: another program, or another version, stored it", FIX, REFUSED)
                elif status != NOT_FOUND:
                    raise problem(status)
            self.note_time(keychain)
            return found

    def note_time(self, keychain: int) -> None:
        """Remembers for `seconds_left` how long the unlocked keychain stays unlocked without use."""
        settings = native.buffer((1).to_bytes(_SETTINGS, "little"))
        if call("SecKeychainCopySettings", keychain, native.byref(settings)):
            return
        data = bytes(memoryview(settings))
        seconds = int.from_bytes(data[8:], "little")
        self._left = seconds if seconds < _NEVER else 0

    def seconds_left(self) -> int | None:
        return self._left or None

    def open(self, ours: Owned) -> int:
        """A reference to the keychain, whether its file exists or not."""
        status, keychain = ours.made("SecKeychainOpen", os.fsencode(self.path()))
        if status:
            raise problem(status)
        return keychain

    # ---- not used on entering a project

    def exists(self, name: str) -> bool:
        from lkrshell.stores import macos_items

        return patiently(lambda: macos_items.exists(self, name))

    def names(self) -> list[str] | None:
        """By one query, which needs no unlocking: a keychain does not treat names as secrets."""
        from lkrshell.stores import macos_items

        return patiently(lambda: macos_items.names(self))

    def set(self, name: str, secret: Secret) -> None:
        from lkrshell.stores import macos_items

        data = secret.dump()
        patiently(lambda: macos_items.write(self, name, data))

    def delete(self, name: str) -> bool:
        from lkrshell.stores import macos_items

        return patiently(lambda: macos_items.remove(self, name))

    def is_locked(self) -> bool:
        return patiently(self._is_locked)

    def _is_locked(self) -> bool:
        with Owned() as ours:
            return not is_open(self.open(ours))

    def lock(self) -> None:
        from lkrshell.stores import macos_items

        patiently(lambda: macos_items.lock(self))

    def unlock(self, passphrase: Secret | None) -> None:
        """Unlocks with the password, or through macOS's own dialog. Creates the keychain if there is none."""
        from lkrshell.stores import macos_items

        data = passphrase.reveal().encode("utf-8", "surrogateescape") if passphrase else b""
        if passphrase is not None and not data:
            raise LkrError("the keychain needs a password", "run it on a terminal, or lkr unlock --stdin")
        if not data and not self.is_created():
            raise unmade()
        step = macos_items.unlock if self.is_created() else macos_items.make
        patiently(lambda: step(self, data), WAIT if data else WAIT_FOR_A_PERSON)

    def key_of(self, passphrase: Secret) -> bytes:
        """What `open_by` takes: the password itself, once it has opened the keychain."""
        self.unlock(passphrase)
        return passphrase.reveal().encode("utf-8", "surrogateescape")

    def open_by(self, key: bytes) -> None:
        """Unlocks by what `key_of` gave. StoreLocked when the password has been changed since."""
        self.unlock(Secret(key.decode("utf-8", "surrogateescape")))

    def foreign(self) -> list[str]:
        """The keys that macOS does not let this program read; empty while the keychain is locked."""
        from lkrshell.stores import macos_items

        return patiently(lambda: macos_items.foreign(self))

    def take_access(self, name: str) -> None:
        """Has macOS ask the person whether this program may read the key from now on. The others keep their access.

        LkrError (2) unless the person says always; StoreUnreachable without a desktop to ask on.
        """
        from lkrshell.stores import macos_items

        patiently(lambda: macos_items.take_access(self, name), WAIT_FOR_A_PERSON)


def status_of(keychain: int) -> int | None:
    """The bits of the keychain's state; None if there is no such file."""
    state = native.out_variable("I")
    status = call("SecKeychainGetStatus", keychain, native.byref(state))
    if status == NO_SUCH_KEYCHAIN:
        return None
    if status:
        raise problem(status)
    return int(state.value)


def is_open(keychain: int) -> bool:
    return bool((status_of(keychain) or 0) & UNLOCKED)


def password(keychain: int | None, name: str, service: bytes = SERVICE) -> tuple[int, bytes]:
    """Asks for a key's data. Returns the status and the data."""
    size, data, account = native.out_variable("I"), native.out_variable("P"), name.encode()
    words = (len(service), service, len(account), account, native.byref(size), native.byref(data), None)
    status: int = call("SecKeychainFindGenericPassword", keychain, *words)
    if status or not data.value:
        return status, b""
    try:
        return 0, native.copy_bytes(data.value, size.value)
    finally:
        call("SecKeychainItemFreeContent", None, data.value)


def locked() -> LkrError:
    return StoreLocked("the keychain is locked", "lkr unlock")


def unmade() -> LkrError:
    return StoreLocked("there is no keychain of lkr's own yet", "make one: lkr unlock, or lkr unlock --stdin")


def problem(status: int) -> LkrError:
    """The error for a status that Security.framework returned."""
    from lkrshell.stores import macos_items

    return macos_items.problem(status)


def patiently(function: "Callable[[], T]", wait: float = WAIT) -> "T":
    """Calls the function in another thread and waits for it: nothing can interrupt a call into macOS, and no prompt may
    hang.

    When the time of a TimeLimit is up, it raises here. The thread ends with the process.
    """
    import _thread

    done = _thread.allocate_lock()
    done.acquire()
    result: list[Any] = []

    def run() -> None:
        try:
            result.append((function(), None))
        except BaseException as error:
            result.append((None, error))
        done.release()

    _thread.start_new_thread(run, ())
    if not done.acquire(timeout=time_limit.remaining(wait)):
        raise StoreUnreachable("the keychain does not answer", "try again; LKR_BACKEND=vault uses the vault instead")
    value: T
    value, error = result[0]
    if error is not None:
        raise error
    return value
