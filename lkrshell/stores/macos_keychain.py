"""A keychain of our own on macOS, ~/Library/Keychains/lkr.keychain-db, as the Rust `lkr` 0.3 has it: both share keys.

Generic passwords of the service `com.llm-key-ring`, account `provider:label`, JSON value; outside the search list, with
a password of its own; locked on sleep and after a time. macOS gives a value without a question to the programs of
the item's access list alone. A dialog can come from `unlock` without a passphrase and from `take_access`: never in a
hook.

On the path of `lkr export`: Security.framework by `_ctypes`. An entry makes one query a key, which the keychain
answers by its index; SecItemCopyMatching refuses the data of several passwords at once. Who calls a function that
returns a reference owns it and releases it (the Create Rule); see `_Owned`.

Source: Apple's headers SecKeychain.h, SecKeychainItem.h, SecItem.h, SecAccess.h, SecACL.h, SecTrustedApplication.h,
SecBase.h, CFString.h, CFArray.h, CFDictionary.h, and OSX/libsecurity_keychain/lib/SecItem.cpp as published.
"""

import os

from lkrshell.core import platform, time_limit
from lkrshell.core.errors import REFUSED, LkrError, StoreLocked, StoreUnreachable
from lkrshell.core.secret import Secret, parse_secret
from lkrshell.core.text import show
from lkrshell.state import memory, native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

SERVICE = b"com.llm-key-ring"
_FILE = "Library/Keychains/lkr.keychain-db"
_WAIT, _WAIT_FOR_A_PERSON = 30.0, 300.0  # seconds until macOS counts as hung, and until a dialog does

# SecBase.h
_CANCELED, _NOT_AVAILABLE, _READ_ONLY, _AUTH_FAILED = -128, -25291, -25292, -25293
_NO_SUCH_KEYCHAIN, _INVALID_KEYCHAIN, _DUPLICATE_KEYCHAIN = -25294, -25295, -25296
_DUPLICATE_ITEM, _NOT_FOUND, _NOT_ALLOWED, _REQUIRED, _DARK_WAKE = -25299, -25300, -25308, -25315, -25320
_NO_DIALOG = (_NOT_ALLOWED, _REQUIRED, _DARK_WAKE)

_UNLOCKED = 1  # SecKeychain.h: kSecUnlockStateStatus
_UTF8 = 0x08000100  # CFString.h: kCFStringEncodingUTF8
_GENERIC_PASSWORD, _SERVICE, _ACCOUNT, _LABEL = b"genp", b"svce", b"acct", b"labl"  # SecKeychainItem.h, as UInt32
_SETTINGS = 12  # bytes of SecKeychainSettings: UInt32 version, two Boolean, two bytes of padding, UInt32 lockInterval

# The functions' types, see native.function. OSStatus is "i", UInt32 "I", Boolean "B", CFIndex "l", a reference "P".
_SECURITY = {
    "SecKeychainSetUserInteractionAllowed": "iB",
    "SecKeychainOpen": "izP",
    "SecKeychainCreate": "izIzBPP",
    "SecKeychainSetSettings": "iPP",
    "SecKeychainCopySettings": "iPP",
    "SecKeychainGetStatus": "iPP",
    "SecKeychainUnlock": "iPIzB",
    "SecKeychainLock": "iP",
    "SecKeychainCopySearchList": "iP",
    "SecKeychainSetSearchList": "iP",
    "SecKeychainFindGenericPassword": "iPIzIzPPP",
    "SecKeychainItemCreateFromContent": "iIPIzPPP",
    "SecKeychainItemModifyContent": "iPPIz",
    "SecKeychainItemDelete": "iP",
    "SecKeychainItemFreeContent": "iPP",
    "SecKeychainItemCopyAccess": "iPP",
    "SecKeychainItemSetAccess": "iPP",
    "SecItemCopyMatching": "iPP",
    "SecTrustedApplicationCreateFromPath": "izP",
    "SecTrustedApplicationCopyData": "iPP",
    "SecAccessCreate": "iPPP",
    "SecAccessCopyMatchingACLList": "PPP",
    "SecACLCopyContents": "iPPPP",
    "SecACLSetContents": "iPPPH",
}
_FOUNDATION = {
    "CFRelease": "vP",
    "CFEqual": "BPP",
    "CFStringCreateWithBytes": "PPzlIB",
    "CFStringGetCString": "BPPlI",
    "CFDataGetLength": "lP",
    "CFDataGetBytePtr": "PP",
    "CFArrayCreate": "PPPlP",
    "CFArrayGetCount": "lP",
    "CFArrayGetValueAtIndex": "PPl",
    "CFDictionaryCreate": "PPPPlPP",
    "CFDictionaryGetValue": "PPP",
}


def _call(name: str, *arguments: "Any") -> "Any":
    if types := _SECURITY.get(name):
        return native.function(platform.library("Security"), name, types)(*arguments)
    return native.function(platform.library("CoreFoundation"), name, _FOUNDATION[name])(*arguments)


def _constant(name: str) -> int:
    library = "CoreFoundation" if name.startswith("kCF") else "Security"
    return native.constant(platform.library(library), name)


class _Owned:
    """References that are ours: released, each once, when the block ends, however it ends."""

    def __enter__(self) -> "_Owned":
        self._held: list[int] = []
        return self

    def __exit__(self, *_: object) -> None:
        while self._held:
            _call("CFRelease", self._held.pop())

    def keep(self, reference: "int | None") -> int:
        """The reference, which this block releases. LkrError for NULL."""
        if not reference:
            raise StoreUnreachable("macOS made no object", "try again")
        self._held.append(reference)
        return reference

    def made(self, name: str, *arguments: "Any") -> "tuple[int, int]":
        """Calls a function whose last argument is filled with a reference of ours: its status, and the reference."""
        place = native.out("P")
        status: int = _call(name, *arguments, native.byref(place))
        return status, self.keep(place.value) if not status and place.value else 0

    def string(self, data: bytes) -> int:
        return self.keep(_call("CFStringCreateWithBytes", None, data, len(data), _UTF8, 0))

    def array(self, references: "list[int]") -> int:
        library = platform.library("CoreFoundation")
        callbacks = native.address(library, "kCFTypeArrayCallBacks")
        return self.keep(_call("CFArrayCreate", None, _pointers(references), len(references), callbacks))

    def dictionary(self, entries: "dict[int, int]") -> int:
        library = platform.library("CoreFoundation")
        callbacks = [native.address(library, f"kCFTypeDictionary{which}CallBacks") for which in ("Key", "Value")]
        keys, values = _pointers(list(entries)), _pointers(list(entries.values()))
        return self.keep(_call("CFDictionaryCreate", None, keys, values, len(entries), *callbacks))


def _pointers(references: "list[int]") -> "Any":
    """An array of them in C's memory."""
    return native.buffer(b"".join(each.to_bytes(8, "little") for each in references) or b"\0")


def _items(array: int) -> "list[int]":
    """What is in a CFArray, which goes on owning it (the Get Rule)."""
    return [_call("CFArrayGetValueAtIndex", array, at) for at in range(_call("CFArrayGetCount", array))]


def works() -> bool:
    """True where macOS's own library is: on every Mac."""
    try:
        _call("SecKeychainSetUserInteractionAllowed", 0)
    except (OSError, AttributeError):
        return False
    return True


class MacosKeychain:
    """The keychain file, unlocked for as long as its own settings say: `lock_after` seconds, where lkr makes it."""

    name, noun, takes_passphrase, has_dialog, counts_reads = "keychain", "keychain", True, True, True

    def __init__(self, lock_after: int) -> None:
        self._lock_after = lock_after
        self._left = lock_after

    def path(self) -> str:
        """Where the file is. LkrError without a home folder."""
        home = os.path.expanduser("~")
        if not home.startswith("/"):
            raise LkrError("there is no home folder", "set HOME to an absolute path")
        return os.path.join(home, _FILE)

    def made(self) -> bool:
        """True once there is such a file, made by us or by the Rust `lkr`."""
        return os.path.exists(self.path())

    def describe(self) -> str:
        return f"macOS keychain {os.path.basename(_FILE)}"

    def weakness(self) -> None:
        return None

    # ---- reading

    def get(self, names: list[str]) -> dict[str, Secret]:
        if not names:
            return {}
        memory.harden()
        found = _patiently(lambda: self._read(names))
        return {name: parse_secret(data) for name, data in found.items()}

    def _read(self, names: list[str]) -> dict[str, bytes]:
        with _Owned() as ours:
            keychain = self._open(ours)
            if (state := self._status(keychain)) is None:
                return {}
            if not state & _UNLOCKED:
                raise _locked()
            found = {}
            for name in names:
                status, data = _password(keychain, name)
                if not status:
                    found[name] = data
                elif status in (*_NO_DIALOG, _AUTH_FAILED, _CANCELED) and self._is_open(keychain):
                    # The access list names other programs: the Rust lkr, or us before an upgrade.
                    message = f"macOS does not let this lkr read {name}"
                    raise LkrError(f"{message}: another program, or another version, stored it", _FIX, REFUSED)
                elif status != _NOT_FOUND:
                    raise _problem(status)
            self._left = self._interval(keychain)
            return found

    def exists(self, name: str) -> bool:
        return _patiently(lambda: self._has(name))

    def _has(self, name: str) -> bool:
        with _Owned() as ours:
            return bool(self._item(ours, self._open(ours), name))

    def names(self) -> list[str] | None:
        """By one query, which needs no unlocking: names are no secret to a keychain."""
        return _patiently(self._names)

    def _names(self) -> list[str]:
        with _Owned() as ours:
            keychain = self._open(ours)
            if self._status(keychain) is None:
                return []
            query = ours.dictionary(
                {
                    _constant("kSecClass"): _constant("kSecClassGenericPassword"),
                    _constant("kSecAttrService"): ours.string(SERVICE),
                    _constant("kSecReturnAttributes"): _constant("kCFBooleanTrue"),
                    _constant("kSecMatchLimit"): _constant("kSecMatchLimitAll"),
                    _constant("kSecMatchSearchList"): ours.array([keychain]),
                }
            )
            status, found = ours.made("SecItemCopyMatching", query)
            if status == _NOT_FOUND:
                return []
            if status:
                raise _problem(status)
            account, names = _constant("kSecAttrAccount"), []
            for attributes in _items(found):
                text, buffer = _call("CFDictionaryGetValue", attributes, account), native.buffer(1024)
                if text and _call("CFStringGetCString", text, native.byref(buffer), 1024, _UTF8):
                    names.append(bytes(memoryview(buffer)).partition(b"\0")[0].decode("utf-8", "surrogateescape"))
            return sorted(names)

    # ---- writing

    def set(self, name: str, secret: Secret) -> None:
        data = secret.dump()
        _patiently(lambda: self._write(name, data))

    def _write(self, name: str, data: bytes) -> None:
        with _Owned() as ours:
            keychain = self._open(ours)
            state = self._status(keychain)
            if state is None:
                raise _unmade()
            if not state & _UNLOCKED:
                raise _locked()
            if item := self._item(ours, keychain, name):  # its access list stays
                status = _call("SecKeychainItemModifyContent", item, None, len(data), data)
            else:
                status = self._create(ours, keychain, name, data)
            if status in (*_NO_DIALOG, _AUTH_FAILED):
                raise LkrError(f"macOS does not let this lkr change {name}", _FIX, REFUSED)
            if status:
                raise _problem(status)

    def _create(self, ours: _Owned, keychain: int, name: str, data: bytes) -> int:
        """A new item, for this program alone."""
        status, me = ours.made("SecTrustedApplicationCreateFromPath", None)
        if status:
            return status
        label = f"lkr {name}".encode()
        status, access = ours.made("SecAccessCreate", ours.string(label), ours.array([me]))
        if status:
            return status
        texts = {_SERVICE: native.buffer(SERVICE), _ACCOUNT: native.buffer(name.encode()), _LABEL: native.buffer(label)}
        attributes = native.buffer(
            b"".join(
                int.from_bytes(tag, "big").to_bytes(4, "little")
                + len(memoryview(text)).to_bytes(4, "little")
                + native.address_of(text).to_bytes(8, "little")
                for tag, text in texts.items()
            )
        )
        count = len(texts).to_bytes(8, "little")  # a UInt32 and its padding
        attribute_list = native.buffer(count + native.address_of(attributes).to_bytes(8, "little"))
        kind = int.from_bytes(_GENERIC_PASSWORD, "big")
        what = (kind, native.byref(attribute_list), len(data), data)
        new: int = _call("SecKeychainItemCreateFromContent", *what, keychain, access, None)
        return new

    def delete(self, name: str) -> bool:
        return _patiently(lambda: self._remove(name))

    def _remove(self, name: str) -> bool:
        with _Owned() as ours:
            keychain = self._open(ours)
            item = self._item(ours, keychain, name)
            if not item:
                return False
            if not self._is_open(keychain):
                raise _locked()
            status = _call("SecKeychainItemDelete", item)
            if status and status != _NOT_FOUND:
                hint = "allow it where macOS asks, or remove it in Keychain Access"
                raise LkrError(f"the keychain has {name} still: it did not remove it", hint)
            return not status

    # ---- locking

    def is_locked(self) -> bool:
        return _patiently(self._is_locked)

    def _is_locked(self) -> bool:
        with _Owned() as ours:
            state = self._status(self._open(ours))
            return state is None or not state & _UNLOCKED

    def lock(self) -> None:
        _patiently(self._lock)

    def _lock(self) -> None:
        with _Owned() as ours:
            status = _call("SecKeychainLock", self._open(ours))
            if status not in (0, _NO_SUCH_KEYCHAIN):
                raise _problem(status)

    def unlock(self, passphrase: Secret | None) -> None:
        """With its password, or by macOS's own dialog. Makes the keychain with this password when there is none."""
        data = passphrase.reveal().encode("utf-8", "surrogateescape") if passphrase else b""
        if passphrase is not None and not data:
            raise LkrError("the keychain needs a password", "run it on a terminal, or lkr unlock --stdin")
        if self.made():
            _patiently(lambda: self._unlock(data), _WAIT if data else _WAIT_FOR_A_PERSON)
        elif data:
            _patiently(lambda: self._make(data))
        else:
            raise _unmade()

    def _unlock(self, password: bytes) -> None:
        with _Owned() as ours:
            keychain = self._open(ours, may_ask=not password)
            if password:
                status = _call("SecKeychainUnlock", keychain, len(password), password, 1)
            else:
                status = _call("SecKeychainUnlock", keychain, 0, None, 0)
            if status == _AUTH_FAILED:
                raise StoreLocked("that is not the keychain's password", "try again")
            if status:
                raise _problem(status)
            self._left = self._interval(keychain)

    def _make(self, password: bytes) -> None:
        path = self.path()
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        _may_ask(False)
        with _Owned() as ours:
            status, keychain = ours.made("SecKeychainCreate", os.fsencode(path), len(password), password, 0, None)
            if status:
                raise _problem(status)
            settings = (1).to_bytes(4, "little") + b"\1\1\0\0" + self._lock_after.to_bytes(4, "little")
            if status := _call("SecKeychainSetSettings", keychain, native.byref(native.buffer(settings))):
                raise _problem(status)
            self._hide(ours, keychain)

    def _hide(self, ours: _Owned, keychain: int) -> None:
        """Takes it out of the search list, where making it may have put it: others do not come across it there."""
        status, listed = ours.made("SecKeychainCopySearchList")
        if status:
            raise _problem(status)
        every = _items(listed)
        others = [each for each in every if not _call("CFEqual", each, keychain)]
        if len(others) < len(every) and (status := _call("SecKeychainSetSearchList", ours.array(others))):
            raise _problem(status)

    def left(self) -> int | None:
        return self._left or None

    # ---- whose items are they

    def foreign(self) -> list[str]:
        """The keys that macOS does not let this program read; none while the keychain is locked."""
        listed = self.names() or []
        return _patiently(lambda: [name for name in listed if self._is_foreign(name)])

    def _is_foreign(self, name: str) -> bool:
        with _Owned() as ours:
            keychain = self._open(ours)
            return self._is_open(keychain) and _password(keychain, name)[0] in (*_NO_DIALOG, _AUTH_FAILED, _CANCELED)

    def take_access(self, name: str) -> None:
        """Adds this program to those that may read the key; macOS asks the person. Others that may read it still may.

        LkrError (2) for a refusal, StoreUnreachable where there is no desktop to ask on.
        """
        _patiently(lambda: self._take_access(name), _WAIT_FOR_A_PERSON)

    def _take_access(self, name: str) -> None:
        with _Owned() as ours:
            keychain = self._open(ours)
            if not self._is_open(keychain):
                raise _locked()
            item = self._item(ours, keychain, name)
            if not item:
                raise LkrError(f"the keychain has no {name}", f"lkr set {name}")
            status, access = ours.made("SecKeychainItemCopyAccess", item)
            if status:
                raise _refusal(status, name)
            status, me = ours.made("SecTrustedApplicationCreateFromPath", None)
            if status:
                raise _problem(status)
            entries = ours.keep(_call("SecAccessCopyMatchingACLList", access, _constant("kSecACLAuthorizationDecrypt")))
            for entry in _items(entries):
                self._add(ours, entry, me)
            _may_ask(True)
            try:
                status = _call("SecKeychainItemSetAccess", item, access)
            finally:
                _may_ask(False)
            if status:
                raise _refusal(status, name)

    def _add(self, ours: _Owned, entry: int, me: int) -> None:
        """Adds `me` to the programs of an access list's entry, in the place of an older one at the same path."""
        listed, text, prompt = native.out("P"), native.out("P"), native.out("H")
        status = _call("SecACLCopyContents", entry, native.byref(listed), native.byref(text), native.byref(prompt))
        if status:
            raise _problem(status)
        description = ours.keep(text.value)
        kept = []
        if listed.value:  # NULL is "every program": it becomes us alone
            ours.keep(listed.value)
            kept = [each for each in _items(listed.value) if _path_of(ours, each) != _path_of(ours, me)]
        if status := _call("SecACLSetContents", entry, ours.array([*kept, me]), description, prompt.value):
            raise _problem(status)

    # ---- the pieces

    def _open(self, ours: _Owned, may_ask: bool = False) -> int:
        """A reference to the keychain, whether there is such a file or not; with `may_ask` macOS may show dialogs."""
        _may_ask(may_ask)
        status, keychain = ours.made("SecKeychainOpen", os.fsencode(self.path()))
        if status:
            raise _problem(status)
        return keychain

    def _status(self, keychain: int) -> int | None:
        """Its state's bits, None when there is no such file."""
        state = native.out("I")
        status = _call("SecKeychainGetStatus", keychain, native.byref(state))
        if status == _NO_SUCH_KEYCHAIN:
            return None
        if status:
            raise _problem(status)
        return int(state.value)

    def _is_open(self, keychain: int) -> bool:
        return bool((self._status(keychain) or 0) & _UNLOCKED)

    def _item(self, ours: _Owned, keychain: int, name: str) -> int:
        """A reference to the key's item, 0 when there is none. Needs no unlocking."""
        if self._status(keychain) is None:
            return 0
        account = name.encode()
        words = (len(SERVICE), SERVICE, len(account), account)
        status, item = ours.made("SecKeychainFindGenericPassword", keychain, *words, None, None)
        if status not in (0, _NOT_FOUND):
            raise _problem(status)
        return item

    def _interval(self, keychain: int) -> int:
        """Seconds without use until it locks itself, 0 for never."""
        settings = native.buffer((1).to_bytes(_SETTINGS, "little"))
        if _call("SecKeychainCopySettings", keychain, native.byref(settings)):
            return self._lock_after
        data = bytes(memoryview(settings))
        return int.from_bytes(data[8:], "little") if data[5] else 0


_FIX = "lkr doctor --fix, on the Mac's own desktop"


def _password(keychain: int, name: str) -> tuple[int, bytes]:
    """The status of asking for a key's data, and the data."""
    size, data, account = native.out("I"), native.out("P"), name.encode()
    words = (len(SERVICE), SERVICE, len(account), account, native.byref(size), native.byref(data), None)
    status: int = _call("SecKeychainFindGenericPassword", keychain, *words)
    if status or not data.value:
        return status, b""
    try:
        return 0, native.copied(data.value, size.value)
    finally:
        _call("SecKeychainItemFreeContent", None, data.value)


def _path_of(ours: _Owned, application: int) -> bytes:
    """What macOS kept to name a trusted program by: its path."""
    status, data = ours.made("SecTrustedApplicationCopyData", application)
    if status:
        return b""
    return native.copied(_call("CFDataGetBytePtr", data), _call("CFDataGetLength", data))


def _may_ask(allowed: bool) -> None:
    """Whether macOS may show a dialog from now on, in this process."""
    _call("SecKeychainSetUserInteractionAllowed", 1 if allowed else 0)


def _locked() -> LkrError:
    return StoreLocked("the keychain is locked", "lkr unlock")


def _unmade() -> LkrError:
    return StoreLocked("there is no keychain of lkr's own yet", "make one: lkr unlock, or lkr unlock --stdin")


def _refusal(status: int, name: str) -> LkrError:
    if status in _NO_DIALOG:
        return _problem(status)
    if status == _CANCELED:
        return LkrError(f"the question about {name} was cancelled", "nothing was changed", REFUSED)
    return LkrError(f"macOS was told not to let lkr read {name}", "nothing was changed", REFUSED)


def _problem(status: int) -> LkrError:
    """What is wrong, in a line, by what Security.framework returned."""
    if status == _CANCELED:
        return LkrError("the keychain's question was cancelled", "nothing was changed", REFUSED)
    if status == _AUTH_FAILED:
        return LkrError("macOS denied access to the keychain", "nothing was changed", REFUSED)
    if status in _NO_DIALOG:
        hint = "give the password on a terminal: lkr unlock; or run it on the Mac's own desktop"
        return StoreUnreachable("macOS cannot ask here: there is no desktop session, as over SSH", hint)
    if status == _NO_SUCH_KEYCHAIN:
        return _unmade()
    if status == _INVALID_KEYCHAIN:
        return StoreUnreachable(
            "lkr.keychain-db is damaged", "restore ~/Library/Keychains/lkr.keychain-db from a backup"
        )
    if status == _DUPLICATE_KEYCHAIN:
        return LkrError("another program has just made lkr.keychain-db", "try again: lkr unlock")
    if status == _READ_ONLY:
        return LkrError("lkr.keychain-db cannot be changed", "look at its permissions in ~/Library/Keychains")
    if status == _NOT_AVAILABLE:
        return StoreUnreachable("macOS has no keychain for this session", "log in on the Mac, or LKR_BACKEND=vault")
    return StoreUnreachable(f"the keychain did not answer (OSStatus {status})", f"security error {status} explains it")


def _patiently(function: "Callable[[], T]", wait: float = _WAIT) -> "T":
    """Calls it in a thread of its own, and waits: a call into macOS cannot be interrupted, and a prompt must not hang.

    The time is over by TimeLimit, which raises here; the thread ends with the process.
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
    if not done.acquire(timeout=time_limit.left(wait)):
        raise StoreUnreachable("the keychain does not answer", f"see {show('security list-keychains')}")
    value: T
    value, error = result[0]
    if error is not None:
        raise error
    return value
