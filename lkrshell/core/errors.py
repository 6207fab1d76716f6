"""The exceptions of lkr, each with the exit code of the command line. A message never holds a key's value.

LkrError (1)               everything that the user can fix
├── KeyNotStored (1)       the store has no such key
├── Refused (2)            a policy, a guard, or the person said no
├── UsageError (64)        a name that is not valid, or options that cannot be used together
├── StoreUnreachable (69)  the store does not answer, or there is none
├── StoreLocked (77)       the store needs its passphrase
│   └── WrongPassphrase    the given passphrase does not open it
└── ManifestError (78)     there is no manifest, it is invalid, or its content is not allowed
"""

USAGE = 64
UNREACHABLE = 69
LOCKED = 77
NOT_ALLOWED = 78
REFUSED = 2


def as_named(text: str) -> str:
    """Returns `text` with people's names for sealed keys: `sealed/openai:prod`, not the name of its copy,
    `sealed-0123456789ab/openai:prod` (see names.sealed_in)."""
    if "sealed-" not in text:
        return text
    import re

    return re.sub(r"\bsealed-[0-9a-f]{12}/", "sealed/", text)


class LkrError(Exception):
    """Something that the user can fix. `hint` says how; `code` is the exit code (design, section 4).

    `LkrError(..., code=REFUSED)` makes a `Refused`, and `code=USAGE` a `UsageError`.
    """

    code = 1

    def __new__(cls, message: str, hint: str = "", code: int | None = None) -> "LkrError":
        return super().__new__(_OF_CODE.get(code, cls) if cls is LkrError else cls, message)

    def __init__(self, message: str, hint: str = "", code: int | None = None) -> None:
        self.message, self.hint = as_named(message), as_named(hint)
        super().__init__(self.message)
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.hint, self.code)  # so that pickling keeps every field


class KeyNotStored(LkrError):
    """The store has no such key."""


class Refused(LkrError):
    """A policy, a guard or the person said no."""

    code = REFUSED


class UsageError(LkrError):
    """A name that is not valid, or options that cannot be used together."""

    code = USAGE


class StoreUnreachable(LkrError):
    """The store did not answer, or does not exist."""

    code = UNREACHABLE


class StoreLocked(LkrError):
    """The store exists, but it is locked."""

    code = LOCKED


class WrongPassphrase(StoreLocked):
    """The given passphrase does not open the store."""


class ManifestError(LkrError):
    """There is no manifest, it is invalid, or its content is not allowed."""

    code = NOT_ALLOWED


_OF_CODE: dict[int | None, type[LkrError]] = {REFUSED: Refused, USAGE: UsageError}
