"""Unlocks a locked store by asking for its passphrase on the terminal.

For commands and Python programs. It never asks a coding agent, and asks nothing without a terminal.
"""

import os
import sys

from lkrshell.core import clock
from lkrshell.core.errors import WrongPassphrase
from lkrshell.core.secret import Secret
from lkrshell.runtime import agents
from lkrshell.state import audit, config, generation
from lkrshell.stores import registry
from lkrshell.system import terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from lkrshell.stores.base import Store

    T = TypeVar("T")

_TRIES = 3


def on_demand(line: agents.Ancestry | None = None) -> bool:
    """Asks for the passphrase of a locked store. False without a terminal, for a coding agent, or if no store exists.

    `line` are the processes above us; None means to look them up.
    """
    line = agents.ancestors() if line is None else line
    if not terminal.is_there() or agents.detect(dict(os.environ), line, config.load()):
        return False
    store = registry.choose(config.load())
    if not store.takes_passphrase or not store.is_created() or not store.is_locked():
        return False
    if by_enrolled(store):
        return True
    until_right(f"Passphrase of the {store.noun}", lambda given: open_with(store, given))
    return True


def until_right(prompt: str, use: "Callable[[Secret], T]") -> "T":
    """Asks on the terminal for a passphrase that `use` accepts, at most three times. Returns what `use` returned."""
    with terminal.quiet():
        for _ in range(_TRIES - 1):
            try:
                return use(Secret(terminal.hidden(prompt)))
            except WrongPassphrase as error:
                _say(f"{error.message}; try again")
        return use(Secret(terminal.hidden(prompt)))


def open_with(store: "Store", passphrase: Secret) -> None:
    """Unlocks the store, records that, makes live shells check again, and says how long it stays open."""
    store.unlock(passphrase)
    _tell(store)


def by_enrolled(store: "Store") -> bool:
    """Unlocks with what `lkr vault enroll` set up. False when that fails, or the person cancels."""
    from lkrshell.runtime import enrollment

    if not enrollment.opens(store):
        return False
    _tell(store)
    return True


def _tell(store: "Store") -> None:
    generation.bump()
    settings, line = config.load(), agents.ancestors()
    if problem := audit.record("unlock", [], [], "", line, agents.detect(dict(os.environ), line, settings)):
        _say(problem)
    idle = clock.span(store.seconds_left() or settings.lock_after)
    limit = f"in {clock.span(settings.lock_limit)} at the latest" if store.name == "vault" else "when the Mac sleeps"
    _say(f"unlocked; locks after {idle} without use, and {limit}")


def _say(text: str) -> None:
    sys.stderr.write(f"lkr: {text}\n")
    sys.stderr.flush()
