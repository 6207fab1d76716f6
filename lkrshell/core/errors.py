"""The one exception of lkr, and its exit codes. A message never holds a key's value."""

USAGE = 64
UNREACHABLE = 69
LOCKED = 77
NOT_ALLOWED = 78
REFUSED = 2


class LkrError(Exception):
    """Something that the user can fix. `hint` says how; `code` is the exit code (design, section 4)."""

    code = 1

    def __init__(self, message: str, hint: str = "", code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class StoreLocked(LkrError):
    """The store is there and wants its passphrase."""

    code = LOCKED


class StoreUnreachable(LkrError):
    """The store did not answer, or there is none."""

    code = UNREACHABLE


class ManifestError(LkrError):
    """The manifest is invalid, or its content is not allowed."""

    code = NOT_ALLOWED
