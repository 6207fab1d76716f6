"""Why a stored key does not load in a project although its manifest asks for it, for `lkr status` and `lkr doctor`.

The rules themselves are in `session.fetch`. This only explains them; it never reads a value.
"""

from lkrshell.core import policy
from lkrshell.core.binding import Binding, shown
from lkrshell.core.text import quoted
from lkrshell.runtime import session
from lkrshell.state import index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.stores.base import Store

# How keys are loaded again in a shell that has old ones. Bash's hook runs at prompts only, so one line does not do it.
RETURN = "leave the project with cd / and, at the next prompt, come back with cd -"


class Obstacle:
    """`state` is short, for a table; `reason` is a sentence without a full stop; `fix` is the command that changes it.

    `blocks` says where the project's other keys do not load either while it lasts: `shell`, `exec`, or empty.
    """

    __slots__ = ("blocks", "fix", "reason", "state")

    def __init__(self, state: str, reason: str, fix: str, blocks: str = "") -> None:
        self.state, self.reason, self.fix, self.blocks = state, reason, fix, blocks


def find(store: "Store", bindings: list[Binding], folder: str) -> dict[str, Obstacle]:
    """What keeps these bindings from the project at the real path `folder`, by variable."""
    found = {}
    entries = {binding.key: index.read(store.name, binding.key) for binding in bindings}
    waiting = session.unconfirmed(store, bindings, folder, entries)
    for binding in bindings:
        entry, name = entries[binding.key], shown(binding.key)
        where = "shell" if binding.scope == "shell" else "exec"
        if reason := policy.wrong_folder(entry, folder):
            text, _, command = reason.partition("; ")
            found[binding.variable] = Obstacle("for other folders", text, command, where)
        elif entry and entry.kind == "admin":
            reason = f"{name} is an admin key, which never enters an environment"
            found[binding.variable] = Obstacle("admin key", reason, f"lkr policy {quoted(name)} --kind runtime", where)
        elif binding in waiting:
            reason = f"{binding.variable} awaits your confirmation"
            found[binding.variable] = Obstacle("awaits your confirmation", reason, "lkr confirm")
    return found
