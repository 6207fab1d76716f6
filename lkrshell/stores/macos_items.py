"""What lkr's own macOS keychain does besides reading values: names, changes, unlocking, access lists, error messages.

`macos_keychain` calls it. Entering a project needs none of it.

Source: Apple's headers SecKeychain.h, SecKeychainItem.h, SecItem.h, SecAccess.h, SecTrustedApplication.h, SecBase.h,
CFString.h, CFArray.h, CFDictionary.h; and securityd/src/acls.cpp and acl_keychain.cpp as published.
"""

import os
from typing import Any

from lkrshell.core import platform
from lkrshell.core.errors import REFUSED, LkrError, StoreUnreachable, WrongPassphrase
from lkrshell.state import native
from lkrshell.stores import macos_keychain
from lkrshell.stores.macos_keychain import (
    AUTH_FAILED,
    CANCELED,
    FIX,
    KEPT_BACK,
    NO_DIALOG,
    NO_SUCH_KEYCHAIN,
    NOT_FOUND,
    SERVICE,
    MacosKeychain,
    Owned,
    is_open,
    locked,
    password,
    status_of,
    unmade,
)  # fmt: skip

_NOT_AVAILABLE, _READ_ONLY, _INVALID_KEYCHAIN, _DUPLICATE_KEYCHAIN = -25291, -25292, -25295, -25296  # SecBase.h
_UTF8 = 0x08000100  # CFString.h: kCFStringEncodingUTF8
_GENERIC_PASSWORD, _SERVICE, _ACCOUNT, _LABEL = b"genp", b"svce", b"acct", b"labl"  # SecKeychainItem.h, as UInt32

# The functions' types, see native.function. CFIndex is "l".
_TYPES = {
    "CFEqual": "BPP",
    "CFStringCreateWithBytes": "PPzlIB",
    "CFStringGetCString": "BPPlI",
    "CFArrayCreate": "PPPlP",
    "CFArrayGetCount": "lP",
    "CFArrayGetValueAtIndex": "PPl",
    "CFDictionaryCreate": "PPPPlPP",
    "CFDictionaryGetValue": "PPP",
    "SecKeychainCreate": "izIzBPP",
    "SecKeychainSetSettings": "iPP",
    "SecKeychainUnlock": "iPIzB",
    "SecKeychainLock": "iP",
    "SecKeychainCopySearchList": "iP",
    "SecKeychainSetSearchList": "iP",
    "SecKeychainItemCreateFromContent": "iIPIzPPP",
    "SecKeychainItemModifyContent": "iPPIz",
    "SecKeychainItemDelete": "iP",
    "SecItemCopyMatching": "iPP",
    "SecTrustedApplicationCreateFromPath": "izP",
    "SecAccessCreate": "iPPP",
}


def works() -> bool:
    """True where macOS's library exists, which is on every Mac."""
    try:
        with Owned():
            pass
    except (OSError, AttributeError):
        return False
    return True


def exists(store: MacosKeychain, name: str) -> bool:
    with Owned() as ours:
        return bool(_item(ours, store.open(ours), name))


def names(store: MacosKeychain) -> list[str]:
    with Owned() as ours:
        keychain = store.open(ours)
        if status_of(keychain) is None:
            return []
        entries = {
            _constant("kSecClass"): _constant("kSecClassGenericPassword"),
            _constant("kSecAttrService"): _string(ours, SERVICE),
            _constant("kSecReturnAttributes"): _constant("kCFBooleanTrue"),
            _constant("kSecMatchLimit"): _constant("kSecMatchLimitAll"),
            _constant("kSecMatchSearchList"): _array(ours, [keychain]),
        }
        status, found = _made(ours, "SecItemCopyMatching", _dictionary(ours, entries))
        if status == NOT_FOUND:
            return []
        if status:
            raise problem(status)
        account, listed = _constant("kSecAttrAccount"), []
        for attributes in _items(found):
            text, buffer = _call("CFDictionaryGetValue", attributes, account), native.buffer(1024)
            if text and _call("CFStringGetCString", text, native.byref(buffer), 1024, _UTF8):
                listed.append(bytes(memoryview(buffer)).partition(b"\0")[0].decode("utf-8", "surrogateescape"))
        return sorted(listed)


def write(store: MacosKeychain, name: str, data: bytes) -> None:
    with Owned() as ours:
        keychain = store.open(ours)
        state = status_of(keychain)
        if state is None:
            raise unmade()
        if not state & macos_keychain.UNLOCKED:
            raise locked()
        if item := _item(ours, keychain, name):  # its access list stays
            status = _call("SecKeychainItemModifyContent", item, None, len(data), data)
        else:
            status = create(ours, keychain, (SERVICE, name.encode(), f"lkr {name}".encode()), data)
        if status in (*NO_DIALOG, AUTH_FAILED):
            raise LkrError(f"macOS does not let this lkr change {name}", FIX, REFUSED)
        if status:
            raise problem(status)


def create(ours: Owned, keychain: int | None, names: tuple[bytes, bytes, bytes], data: bytes) -> int:
    """Creates an item that only this program may read; `names` are its service, account and label. Returns the
    status."""
    service, account, label = names
    status, me = _made(ours, "SecTrustedApplicationCreateFromPath", None)
    if status:
        return status
    status, access = _made(ours, "SecAccessCreate", _string(ours, label), _array(ours, [me]))
    if status:
        return status
    texts = {_SERVICE: native.buffer(service), _ACCOUNT: native.buffer(account), _LABEL: native.buffer(label)}
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


def remove(store: MacosKeychain, name: str) -> bool:
    with Owned() as ours:
        keychain = store.open(ours)
        item = _item(ours, keychain, name)
        if not item:
            return False
        if not is_open(keychain):
            raise locked()
        status = delete(item)
        if status and status != NOT_FOUND:
            hint = "allow it where macOS asks, or remove it in Keychain Access"
            raise LkrError(f"the keychain still has {name}: it did not remove it", hint)
        return not status


def lock(store: MacosKeychain) -> None:
    with Owned() as ours:
        status = _call("SecKeychainLock", store.open(ours))
        if status not in (0, NO_SUCH_KEYCHAIN):
            raise problem(status)


def unlock(store: MacosKeychain, password: bytes) -> None:
    """Unlocks with the password; an empty one means macOS's own dialog."""
    with Owned(may_ask=not password) as ours:
        keychain = store.open(ours)
        status = _call("SecKeychainUnlock", keychain, len(password), password or None, 1 if password else 0)
        if status == AUTH_FAILED:
            raise WrongPassphrase("that is not the keychain's password")
        if status:
            raise problem(status)
        store.note_time(keychain)


def make(store: MacosKeychain, password: bytes) -> None:
    path = store.path()
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    with Owned() as ours:
        status, keychain = _made(ours, "SecKeychainCreate", os.fsencode(path), len(password), password, 0, None)
        if status:
            raise problem(status)
        settings = (1).to_bytes(4, "little") + b"\1\1\0\0" + store.lock_after.to_bytes(4, "little")
        if status := _call("SecKeychainSetSettings", keychain, native.byref(native.buffer(settings))):
            raise problem(status)
        _hide(ours, keychain)


def _hide(ours: Owned, keychain: int) -> None:
    """Removes the keychain from the search list, where creating it may have put it, so other programs do not find
    it."""
    status, listed = _made(ours, "SecKeychainCopySearchList")
    if status:
        raise problem(status)
    every = _items(listed)
    others = [each for each in every if not _call("CFEqual", each, keychain)]
    if len(others) < len(every) and (status := _call("SecKeychainSetSearchList", _array(ours, others))):
        raise problem(status)


def foreign(store: MacosKeychain) -> list[str]:
    listed = names(store)
    with Owned() as ours:
        keychain = store.open(ours)
        if not is_open(keychain):
            return []
        return [name for name in listed if password(keychain, name)[0] in KEPT_BACK]


def take_access(store: MacosKeychain, name: str) -> None:
    """Reads the key where macOS may ask, and forgets the value. "Always Allow" adds this program to the key's access
    list, and to the list of partitions that macOS keeps beside it and lets no program change."""
    with Owned() as ours:
        keychain = store.open(ours)
        if not is_open(keychain):
            raise locked()
        if not _item(ours, keychain, name):
            raise LkrError(f"the keychain has no {name}", f"lkr set {name}")
        with Owned(may_ask=True):
            status, _ = password(keychain, name)
        if status:
            raise _refusal(status, name)
        if password(keychain, name)[0]:
            raise LkrError(f"macOS let lkr read {name} only once: choose Always Allow", FIX, REFUSED)


def _item(ours: Owned, keychain: int, name: str) -> int:
    """A reference to the key's item, 0 if there is none. Needs no unlocking."""
    if status_of(keychain) is None:
        return 0
    status, item = find(ours, keychain, SERVICE, name)
    if status not in (0, NOT_FOUND):
        raise problem(status)
    return item


def find(ours: Owned, keychain: int | None, service: bytes, name: str) -> tuple[int, int]:
    """The status of looking for an item, and a reference to it."""
    account = name.encode()
    words = (len(service), service, len(account), account)
    return ours.made("SecKeychainFindGenericPassword", keychain, *words, None, None)


def delete(item: int) -> int:
    """Removes the item. Returns the status."""
    status: int = _call("SecKeychainItemDelete", item)
    return status


def _call(name: str, *arguments: Any) -> Any:
    return macos_keychain.call(name, *arguments, types=_TYPES.get(name, ""))


def _made(ours: Owned, name: str, *arguments: Any) -> tuple[int, int]:
    return ours.made(name, *arguments, types=_TYPES.get(name, ""))


def _constant(name: str) -> int:
    library = "CoreFoundation" if name.startswith("kCF") else "Security"
    return native.constant(platform.library(library), name)


def _string(ours: Owned, data: bytes) -> int:
    return ours.keep(_call("CFStringCreateWithBytes", None, data, len(data), _UTF8, 0))


def _array(ours: Owned, references: list[int]) -> int:
    callbacks = native.address(platform.library("CoreFoundation"), "kCFTypeArrayCallBacks")
    return ours.keep(_call("CFArrayCreate", None, _pointers(references), len(references), callbacks))


def _dictionary(ours: Owned, entries: dict[int, int]) -> int:
    library = platform.library("CoreFoundation")
    callbacks = [native.address(library, f"kCFTypeDictionary{which}CallBacks") for which in ("Key", "Value")]
    keys, values = _pointers(list(entries)), _pointers(list(entries.values()))
    return ours.keep(_call("CFDictionaryCreate", None, keys, values, len(entries), *callbacks))


def _pointers(references: list[int]) -> Any:
    """A C array of these pointers."""
    return native.buffer(b"".join(each.to_bytes(8, "little") for each in references) or b"\0")


def _items(array: int) -> list[int]:
    """The items of a CFArray, which still owns them (the Get Rule)."""
    return [_call("CFArrayGetValueAtIndex", array, at) for at in range(_call("CFArrayGetCount", array))]


def _refusal(status: int, name: str) -> LkrError:
    if status in NO_DIALOG:
        return problem(status)
    if status == CANCELED:
        return LkrError(f"the question about {name} was canceled", "nothing was changed", REFUSED)
    return LkrError(f"macOS was told not to let lkr read {name}", "nothing was changed", REFUSED)


def problem(status: int) -> LkrError:
    """The error for a status that Security.framework returned."""
    if status == CANCELED:
        return LkrError("the keychain's question was canceled", "nothing was changed", REFUSED)
    if status == AUTH_FAILED:
        return LkrError("macOS denied access to the keychain", "nothing was changed", REFUSED)
    if status in NO_DIALOG:
        hint = "give the password on a terminal: lkr unlock; or run it on the Mac's own desktop"
        return StoreUnreachable("macOS cannot ask here: there is no desktop session, as over SSH", hint)
    if status == NO_SUCH_KEYCHAIN:
        return unmade()
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
