"""Asks for the passphrase of the vault or of lkr's own keychain, or for a new one."""

from lkrshell.cli import ask, common
from lkrshell.core.errors import REFUSED, LkrError
from lkrshell.core.secret import Secret
from lkrshell.runtime import unlocking

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

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


def weakness(passphrase: Secret) -> str:
    """Says why a passphrase is easy to guess; empty when it is not. Uses zxcvbn, which is slow to load."""
    from zxcvbn import zxcvbn

    result = zxcvbn(passphrase.reveal()[:72])
    if result["score"] >= _WEAK:
        return ""
    time = result["crack_times_display"]["offline_slow_hashing_1e4_per_second"]
    advice = result["feedback"]["warning"].rstrip(".")
    return f"that passphrase could be guessed in {time}{f' ({advice})' if advice else ''}."
