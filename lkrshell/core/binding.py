"""One line of a manifest: which variable gets which key."""


def shown(key: str) -> str:
    """A key as the manifest names it: without the project in the name of a sealed key's copy (see names.sealed_in)."""
    return f"sealed/{key.partition('/')[2]}" if key.startswith("sealed-") else key


class Binding:
    """`variable` gets `key`, in `profile` (empty for `[keys]`).

    `scope` is `shell`, `exec`, or `commands:` followed by the only commands that get the key, separated by commas.
    `via` is `broker`, or empty for the environment. `models`, `budget`, `rate` and `tokens` are limits in the form of
    core.limits, empty for none. Not a dataclass: importing dataclasses takes longer than a whole export.
    """

    __slots__ = ("budget", "key", "models", "optional", "profile", "rate", "scope", "tokens", "variable", "via")

    def __init__(
        self, variable: str, key: str, optional: bool = False, scope: str = "shell", profile: str = "",
        via: str = "", models: str = "", budget: str = "", rate: str = "", tokens: str = "",
    ) -> None:  # fmt: skip
        self.variable, self.key, self.optional, self.scope, self.profile = variable, key, optional, scope, profile
        self.via, self.models, self.budget, self.rate, self.tokens = via, models, budget, rate, tokens

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(self.scope[9:].split(",")) if self.scope.startswith("commands:") else ()

    def row(self) -> tuple[str, ...]:
        """The binding's line in a grant. Without settings for the broker, its form is that from before the broker."""
        more = (self.via, self.models, self.budget, self.rate, self.tokens)
        row = ("want", self.profile, self.variable, self.key, "1" if self.optional else "", self.scope)
        return row + more if any(more) else row

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Binding) and self.row() == other.row()

    def __hash__(self) -> int:
        return hash(self.row())

    def __repr__(self) -> str:
        return f"Binding{self.row()[1:]}"
