"""What a key may be used for: in which folders, and by which consumers. Pure.

A manifest cannot widen it. The shell of a coding agent gets a key only if the key's policy is `allow`. With `deny`,
`lkr exec` gives it to no agent either.
"""

from lkrshell.core import folders
from lkrshell.core.binding import shown
from lkrshell.core.text import quoted, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.core.entry import Entry

AGENTS = ("deny", "exec", "allow")  # from strict to permissive
VIA = ("", "broker")  # the environment gets the key itself, or a virtual key that works only at the broker
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Consumer:
    """Who asks for keys: by which event (`shell`, `direnv` or `exec`), for which real folder, and which agent, if any.
    `given` are the keys that the user's settings give to that agent."""

    __slots__ = ("agent", "event", "folder", "given")

    def __init__(self, event: str, folder: str, agent: str | None, given: "list[str] | tuple[str, ...]" = ()) -> None:
        self.event, self.folder, self.agent, self.given = event, folder, agent, given


def allows_agent(entry: "Entry | None", consumer: Consumer) -> bool:
    """False if an agent asks and may not have the key. `deny` wins over what the settings give."""
    policy = entry.agents if entry else "exec"
    given = consumer.event == "exec" or (entry is not None and shown(entry.name) in consumer.given)
    return consumer.agent is None or policy == "allow" or (policy == "exec" and given)


def wrong_folder(entry: "Entry | None", folder: str) -> str | None:
    """Why the key may not be used in `folder`, and the command that changes that; None if it may."""
    if entry is None or not entry.only:
        return None
    if any(folders.within(folder, each) for each in entry.only):
        return None
    where = " ".join(f"--only {quoted(each)}" for each in (*entry.only, folder))  # keep the present ones
    return f"{shown(entry.name)} is for other folders; lkr policy {shown(entry.name)} {where}"


def widened(before: "Entry", after: "Entry") -> list[str]:
    """What `after` lets the key do that `before` did not, in words; empty if nothing."""
    found = []
    if (before.kind, after.kind) == ("admin", "runtime"):
        found.append("may enter environments (kind runtime)")
    if before.only and not after.only:
        found.append("may be used in every project")
    elif before.only:
        fresh = [each for each in after.only if not any(folders.within(each, top) for top in before.only)]
        found += [f"may be used in projects in {show(each)}" for each in fresh]
    if AGENTS.index(after.agents) > AGENTS.index(before.agents):
        found.append(f"may be used by coding agents ({after.agents})")
    if before.confirm and not after.confirm:
        found.append("may load without asking")
    if before.ttl and not 0 < after.ttl <= before.ttl:
        found.append(f"may stay in a shell {f'for {duration(after.ttl)}' if after.ttl else 'without a time limit'}")
    if before.via and not after.via:
        found.append("may enter environments itself, not only through the broker")
    from lkrshell.core import limits  # not needed on entering a project

    return found + limits.widened(limits.Limits.of(before), limits.Limits.of(after))


def duration(seconds: int) -> str:
    """A length of time in the form that `--ttl` takes: 8h, 90s."""
    return next(f"{seconds // size}{unit}" for unit, size in reversed(UNITS.items()) if seconds % size == 0)
