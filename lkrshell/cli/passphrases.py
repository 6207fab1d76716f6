"""A new passphrase for the vault, or for lkr's own keychain, typed on the terminal."""

from lkrshell.cli import ask
from lkrshell.core.errors import REFUSED, LkrError
from lkrshell.core.secret import Secret

_WEAK = 3  # of zxcvbn's scores 0 to 4: below it, guessing takes less than 10^10 tries


def new_passphrase(prompt: str) -> Secret:
    """Asks for a new passphrase, twice, until one is hard to guess or the person insists on it.

    LkrError (2) without a terminal.
    """
    if not ask.on_terminal():
        raise LkrError("there is no terminal to ask for a passphrase", "pass it with --stdin", REFUSED)
    while True:
        passphrase = Secret(ask.hidden(prompt, twice=True))
        if not (warning := weakness(passphrase)) or ask.confirm(f"{warning} Use it anyway?"):
            return passphrase


def weakness(passphrase: Secret) -> str:
    """Says why a passphrase is easy to guess; empty when it is not. Uses zxcvbn, which is slow to load."""
    from zxcvbn import zxcvbn

    result = zxcvbn(passphrase.reveal()[:72])
    if result["score"] >= _WEAK:
        return ""
    time = result["crack_times_display"]["offline_slow_hashing_1e4_per_second"]
    advice = result["feedback"]["warning"].rstrip(".")
    return f"That passphrase could be guessed in {time}{f' ({advice})' if advice else ''}."
