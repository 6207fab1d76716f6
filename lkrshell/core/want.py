"""One line of a manifest: which variable wants which key. On the path of `lkr export`: imports nothing."""


class Want:
    """`variable` is to hold `key`; `profile` is empty for `[keys]`. `scope` is `shell`, `exec`, or `commands:` and
    the commands, with commas between, that alone get the key.

    Not a dataclass: importing dataclasses costs more than a whole export.
    """

    __slots__ = ("key", "optional", "profile", "scope", "variable")

    def __init__(
        self, variable: str, key: str, optional: bool = False, scope: str = "shell", profile: str = ""
    ) -> None:
        self.variable, self.key, self.optional, self.scope, self.profile = (
            variable,
            key,
            optional,
            scope,
            profile,
        )

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(self.scope[9:].split(",")) if self.scope.startswith("commands:") else ()

    def row(self) -> tuple[str, ...]:
        return ("want", self.profile, self.variable, self.key, "1" if self.optional else "", self.scope)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Want) and self.row() == other.row()

    def __hash__(self) -> int:
        return hash(self.row())

    def __repr__(self) -> str:
        return f"Want{self.row()[1:]}"
