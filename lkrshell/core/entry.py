"""What is known of a key besides its value: kind, dates and policy."""

MAX_TTL = 1 << 40  # seconds; more is a mistake


class Entry:
    """Kind, dates (ISO 8601, UTC) and policy of one key.

    `ttl`: seconds that it may stay in a shell, 0 for no limit. `only`: the real folders that may use it, empty for all.
    `agents`: one of policy.AGENTS. `confirm`: ask the person before a project's first load in a session. `before`: the
    date of the old value while the key is being rotated. `via`: `broker` if the key never enters an environment, else
    empty. `models`, `budget`, `rate` and `tokens`: limits in the form of core.limits, empty for none.
    """

    __slots__ = (
        "agents", "before", "budget", "confirm", "created", "kind", "models", "name", "only", "rate", "rotated",
        "tokens", "ttl", "via",
    )  # fmt: skip

    def __init__(self, name: str, kind: str, created: str, rotated: str = "") -> None:
        self.name, self.kind, self.created, self.rotated = name, kind, created, rotated
        self.ttl, self.agents, self.only, self.confirm, self.before = 0, "exec", tuple[str, ...](), False, ""
        self.via = self.models = self.budget = self.rate = self.tokens = ""
