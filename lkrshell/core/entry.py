"""What is known of a key besides its value: kind, dates and policy."""

MAX_TTL = 1 << 40  # seconds; more is a mistake


class Entry:
    """Kind, dates (ISO 8601, UTC) and policy of one key.

    `ttl` is in seconds, 0 for no end; `only` are the real folders that it is for, empty for all; `agents` is one of
    policy.AGENTS; with `confirm`, the person is asked before each project's first load of a session. `before` is the
    date of the old value while the key is being rotated. With `via` = `broker` it enters no environment, else `via` is
    empty. The limits `models`, `budget`, `rate` and `tokens` are texts in the form of core.limits, empty for none.
    """

    __slots__ = (
        "agents", "before", "budget", "confirm", "created", "kind", "models", "name", "only", "rate", "rotated",
        "tokens", "ttl", "via",
    )  # fmt: skip

    def __init__(self, name: str, kind: str, created: str, rotated: str = "") -> None:
        self.name, self.kind, self.created, self.rotated = name, kind, created, rotated
        self.ttl, self.agents, self.only, self.confirm, self.before = 0, "exec", tuple[str, ...](), False, ""
        self.via = self.models = self.budget = self.rate = self.tokens = ""
