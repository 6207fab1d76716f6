"""One item in the login keychain of macOS: it opens lkr's own store after Touch ID. See lkrshell.runtime.enrollment.

The login keychain is open while the user is logged in. macOS gives the item without a question to the program that
stored it, which is the Python interpreter: the question comes from lkr, by LocalAuthentication, before it reads.
"""

from lkrshell.core.errors import LkrError
from lkrshell.stores import macos_items, macos_keychain
from lkrshell.stores.macos_keychain import NOT_FOUND, Owned, patiently

_SERVICE, _LABEL = b"lkr-unlock", b"lkr: opens its store after Touch ID"
_LOGIN = None  # a NULL keychain: the search list for a query, the default keychain for a new item


def keep(account: str, data: bytes) -> None:
    """Stores the item, replacing an older one."""
    forget(account)

    def add() -> None:
        with Owned() as ours:
            status = macos_items.create(ours, _LOGIN, (_SERVICE, account.encode(), _LABEL), data)
            if status:
                raise macos_items.problem(status)

    patiently(add)


def kept(account: str) -> bytes:
    """What `keep` stored. LkrError if the item does not exist, or this program may not read it."""

    def read() -> bytes:
        with Owned():
            status, data = macos_keychain.password(_LOGIN, account, _SERVICE)
        if status:
            why = "is gone from" if status == NOT_FOUND else "is kept from this lkr by"
            raise LkrError(f"the secret that Touch ID protects {why} the login keychain", "lkr vault enroll touch-id")
        return data

    return patiently(read)


def forget(account: str) -> None:
    """Removes it."""

    def remove() -> None:
        with Owned() as ours:
            status, item = macos_items.find(ours, _LOGIN, _SERVICE, account)
            if not status:
                status = macos_items.delete(item)
            if status not in (0, NOT_FOUND):
                raise macos_items.problem(status)

    patiently(remove)
