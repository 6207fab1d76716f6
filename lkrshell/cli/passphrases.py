"""Asks for the passphrase of the vault or of lkr's own keychain, or for a new one."""

from lkrshell.cli import ask, common, declare
from lkrshell.core.errors import REFUSED, LkrError, WrongPassphrase
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.runtime import unlocking
from lkrshell.state import config, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from lkrshell.stores.base import Store

    T = TypeVar("T")

_WEAK = 3  # of zxcvbn's scores 0 to 4: below it, guessing takes less than 10^10 tries


def current(prompt: str, from_stdin: bool, use: "Callable[[Secret], T]") -> "T":
    """Gives the store's passphrase to `use`, and returns what that returned. On a terminal, asks again after a wrong
    one."""
    if from_stdin or not ask.on_terminal():
        return use(common.read_secret(prompt, from_stdin))
    return unlocking.until_right(prompt, use)


def new_passphrase(prompt: str) -> Secret:
    """Asks for a new passphrase, twice, until one is hard to guess or the person insists on it.

    LkrError (2) without a terminal.
    """
    if not ask.on_terminal():
        raise LkrError("there is no terminal to ask for a passphrase", "pass it with --stdin", REFUSED)
    while True:
        passphrase = Secret(ask.hidden(prompt, twice=True))
        if not (warning := weakness(passphrase)) or ask.confirm(f"{warning[:1].upper()}{warning[1:]} Use it anyway?"):
            return passphrase


def for_new_store(store: "Store") -> Secret:
    """Says what the new vault or keychain is, and asks for its passphrase."""
    what = "your keys go into a keychain of lkr's own"
    if store.noun == "vault":
        why = "there is no keychain here, so " if config.load().backend == "auto" else ""
        what = f"{why}your keys go into a vault: encrypted files in {show(paths.tilde(paths.data_dir()))}"
    declare.echo(f"lkr: {what}", err=True)
    declare.echo("lkr: only the passphrase that you choose now opens it, and nobody can recover it", err=True)
    return new_passphrase(f"A passphrase for the new {store.noun}")


def create(store: "Store", passphrase: Secret, use: "Callable[[Store, Secret], None]") -> None:
    """Gives the passphrase of a store that does not exist yet to `use`, which creates the store by unlocking it.

    LkrError if it exists by now: somebody else may have created it while the person typed.
    """
    try:
        use(store, passphrase)
    except WrongPassphrase:
        what = f"another lkr has just created the {store.noun}, with another passphrase"
        raise LkrError(what, "run this again") from None


def weakness(passphrase: Secret) -> str:
    """Says why a passphrase is easy to guess; empty when it is not. Uses zxcvbn, which is slow to load."""
    from zxcvbn import zxcvbn

    result = zxcvbn(passphrase.reveal()[:72])
    if result["score"] >= _WEAK:
        return ""
    time = result["crack_times_display"]["offline_slow_hashing_1e4_per_second"]
    advice = result["feedback"]["warning"].rstrip(".")
    return f"that passphrase could be guessed in {time}{f' ({advice})' if advice else ''}."
