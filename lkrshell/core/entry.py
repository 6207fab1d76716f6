"""What is known about a key besides its value: kind, dates and policy."""

MAX_TTL = 1 << 40  # seconds; more is a mistake


class Entry:
    """Kind, dates (ISO 8601, UTC) and policy of one key.

    `ttl`: seconds that it may stay in a shell, 0 for no limit. `only`: the real folders that may use it, empty for all.
    `agents`: one of policy.AGENTS. `confirm`: ask the person before a project's first load in a session. `before`: the
    date of the old value while the key is being rotated. `via`: `broker` if the key never enters an environment, else
    empty. `models`, `budget`, `rate` and `tokens`: limits in the form of core.limits, empty for none.

    For the copy of a source's key, in seconds since the epoch: `fetched`, when it was fetched. `stale`: from then on,
    fetch it again. `end`: from then on, it is not used. `end` is 0 for every other key, and while there is no copy.
    `version`: the source's name for this value. `lease`: the source's name for the lease, empty for none.
    """

    __slots__ = (
        "agents", "before", "budget", "confirm", "created", "end", "fetched", "kind", "lease", "models", "name",
        "only", "rate", "rotated", "stale", "tokens", "ttl", "version", "via",
    )  # fmt: skip

    def __init__(self, name: str, kind: str, created: str, rotated: str = "") -> None:
        self.name, self.kind, self.created, self.rotated = name, kind, created, rotated
        self.ttl, self.agents, self.only, self.confirm, self.before = 0, "exec", tuple[str, ...](), False, ""
        self.via = self.models = self.budget = self.rate = self.tokens = self.version = self.lease = ""
        self.fetched = self.stale = self.end = 0
