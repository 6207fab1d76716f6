"""What a key may do: where, and with which kind of consumer. Pure; on the path of `lkr export`.

A manifest cannot widen it. An agent's shell gets a key only when its policy says `allow`; `lkr exec` by an agent is
refused under `deny`.
"""

from lkrshell.core import folders
from lkrshell.core.text import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.core.entry import Entry

AGENTS = ("deny", "exec", "allow")


class Use:
    """A use of keys: the event (`shell`, `direnv` or `exec`), the real folder it is for, the agent that asks, and the
    keys that the user's settings give to that agent."""

    __slots__ = ("agent", "event", "folder", "given")

    def __init__(self, event: str, folder: str, agent: str | None, given: "list[str] | tuple[str, ...]" = ()) -> None:
        self.event, self.folder, self.agent, self.given = event, folder, agent, given


def for_agent(entry: "Entry | None", use: Use) -> bool:
    """False when there is an agent and the key is not for it: `deny` goes over what the settings give."""
    policy = entry.agents if entry else "exec"
    given = use.event == "exec" or (entry is not None and entry.name in use.given)
    return use.agent is None or policy == "allow" or (policy == "exec" and given)


def elsewhere(entry: "Entry | None", folder: str) -> str | None:
    """Why the key may not be used in `folder`, and the command that changes it; None when it may."""
    if entry is None or not entry.only:
        return None
    if any(folders.within(folder, each) for each in entry.only):
        return None
    where = " ".join(f"--only {quoted(each)}" for each in (*entry.only, folder))  # those it has stay
    return f"{entry.name} is for other folders; lkr policy {entry.name} {where}"
