"""What a source can do: a shared store beyond this machine, such as OpenBao. One small class each.

A source gets and gives values as `Secret`. What it sends and gets must never be in an argument, a log or an error: not
even the text of a server's error, which anybody may have written.
"""

from typing import Protocol

from lkrshell.core.errors import LOCKED, REFUSED, UNREACHABLE, LkrError
from lkrshell.core.secret import MAX_VALUE, Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lkrshell.sources.settings import Settings

# What a source may be able to do besides reading; `capabilities` is a set of these.
LISTS, WRITES, VERSIONS, LEASES, LOGINS = "lists", "writes", "versions", "leases", "logins"
MISSING, FORBIDDEN, SAME = "missing", "forbidden", "same"
MOST = 1 << 20  # bytes of an answer
TIME = 20.0  # seconds for an answer


class Answer:
    """A key's value; or, without one, `why` there is none: MISSING or FORBIDDEN, as the source itself says. SAME is for
    a loan that was renewed: its value stays.

    `version` is the source's own word. `seconds` is how long the value is good for, 0 for no end. `lease` is what the
    source calls the loan of a value that it made for us alone, empty for none. `error` is what is wrong with this key
    alone: its copy stays as it is.
    """

    __slots__ = ("error", "lease", "seconds", "secret", "version", "why")

    def __init__(
        self, secret: Secret | None, version: str = "", seconds: int = 0, lease: str = "", why: str = "",
        error: LkrError | None = None,
    ) -> None:  # fmt: skip
        self.secret, self.version, self.seconds, self.lease, self.why = secret, version, seconds, lease, why
        self.error = error


class Source(Protocol):
    """What every source can do. Names are `provider:label`, without the source.

    Errors: `unreachable` for a source that does not answer, or not as it should; `needs_login`; LkrError. A key that is
    not there, or that one may not read, is an Answer: it alone makes lkr forget its copy.
    """

    name: str
    capabilities: frozenset[str]

    def read(self, names: list[str], leases: "Mapping[str, str]") -> dict[str, Answer]:
        """An answer for each of the keys, in one batch. `leases` are those that lkr has, by key, to be renewed."""

    def write(self, name: str, value: Secret) -> None:
        """Stores or replaces a value. For those that can: WRITES."""

    def remove(self, name: str) -> None:
        """Removes a key. For those that can: WRITES."""

    def names(self) -> list[str]:
        """Every key that one may see, sorted. For those that can: LISTS."""

    def previous(self, name: str) -> Secret | None:
        """The value before the present one; None without one. For those that can: VERSIONS."""

    def login(self, given: "Mapping[str, Secret]", tell: "Callable[[str], None]") -> Secret:
        """What to keep, so that the source knows us the next time. `tell` says a line to the person. For LOGINS."""

    def expires(self) -> int:
        """When the login ends, in seconds since the epoch; 0 for never, or without one."""

    def logout(self) -> None:
        """Makes the login worthless at the source. For those that can: LOGINS."""

    def kept(self) -> Secret | None:
        """What to keep in place of the login that it was given; None when that is as it was. For LOGINS."""

    def revoke(self, leases: list[str]) -> None:
        """Ends these loans. For those that can: LEASES."""


class WithoutLogin:
    """What a source answers that has no login with lkr, since its library or program has one of its own."""

    _settings: "Settings"

    def login(self, given: "Mapping[str, Secret]", tell: "Callable[[str], None]") -> Secret:
        raise cannot(self._settings, "log in")

    def logout(self) -> None:
        return None

    def kept(self) -> Secret | None:
        return None

    def expires(self) -> int:
        return 0

    def revoke(self, leases: list[str]) -> None:
        return None


def unreachable(settings: "Settings", why: str, hint: str = "") -> LkrError:
    return LkrError(f"the source {settings.name} {why}", hint or "lkr source", UNREACHABLE)


def needs_login(settings: "Settings", why: str) -> LkrError:
    return LkrError(f"{why} at the source {settings.name}", f"lkr login {settings.name}", LOCKED)


def refused(settings: "Settings", what: str) -> LkrError:
    return LkrError(f"the source {settings.name} refuses to {what}", "ask whoever runs it for that right", REFUSED)


def cannot(settings: "Settings", what: str) -> LkrError:
    return LkrError(f"lkr cannot {what} at the source {settings.name} ({settings.type})", "use its own tool", REFUSED)


def checked(settings: "Settings", name: str, value: object) -> Secret:
    """The value of a key as a Secret. LkrError when it is no text, empty, too long, or cannot be in an environment."""
    if not isinstance(value, str) or not value:
        raise unreachable(settings, f"has no text for {name}")
    if "\0" in value or len(value.encode("utf-8", "surrogateescape")) > MAX_VALUE:
        raise unreachable(settings, f"has a value for {name} that has a NUL byte or more than 64 KiB")
    return Secret(value)
