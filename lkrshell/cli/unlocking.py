"""Unlocking from the terminal the vault, or lkr's own keychain: `lkr unlock`, and any command that finds it locked."""

from lkrshell.cli import ask, common, declare, output
from lkrshell.core.errors import LOCKED, REFUSED, LkrError
from lkrshell.core.secret import Secret
from lkrshell.state import config, generation
from lkrshell.stores import registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.stores.base import Store

_TRIES = 3
_WEAK = 3  # of zxcvbn's scores 0 to 4: below it, guessing takes less than 10^10 tries


def on_demand() -> bool:
    """Asks for the passphrase of a locked store; False where that cannot be: no terminal, a coding agent, none made."""
    if not ask.on_terminal() or common.agent():
        return False
    store = registry.choose(config.load())
    if not store.takes_passphrase or not store.is_created() or not store.is_locked():
        return False
    for left in reversed(range(_TRIES)):
        try:
            open_with(store, Secret(ask.hidden(f"Passphrase of the {store.noun}")))
            return True
        except LkrError as error:
            if error.code != LOCKED or not left:
                raise
            declare.echo(f"lkr: {error.message}", err=True)
    return False


def open_with(store: "Store", passphrase: Secret) -> None:
    """Unlocks, records it, has live shells look again, and says for how long."""
    store.unlock(passphrase)
    generation.bump()
    common.log("unlock")
    settings = config.load()
    idle = output.span(store.seconds_left() or settings.lock_after)
    limit = f"in {output.span(settings.lock_limit)} at the latest" if store.name == "vault" else "when the Mac sleeps"
    declare.echo(f"lkr: unlocked; locks after {idle} without use, and {limit}", err=True)


def new_passphrase(prompt: str) -> Secret:
    """Asks for a new passphrase, twice, until there is one that is hard to guess or that the person insists on.

    LkrError (2) without a terminal.
    """
    if not ask.on_terminal():
        raise LkrError("there is no terminal to ask for a passphrase", "pass it with --stdin", REFUSED)
    while True:
        passphrase = Secret(ask.hidden(prompt, twice=True))
        if not (warning := weakness(passphrase)) or ask.confirm(f"{warning} Use it anyway?"):
            return passphrase


def weakness(passphrase: Secret) -> str:
    """Why a passphrase is easy to guess, in a sentence; empty when it is not. By zxcvbn, which is slow to load."""
    from zxcvbn import zxcvbn

    result = zxcvbn(passphrase.reveal()[:72])
    if result["score"] >= _WEAK:
        return ""
    time = result["crack_times_display"]["offline_slow_hashing_1e4_per_second"]
    advice = result["feedback"]["warning"].rstrip(".")
    return f"That passphrase could be guessed in {time}{f' ({advice})' if advice else ''}."
