"""What a source can do. A source is a shared store outside this machine, such as OpenBao. Each is one small class.

A source takes and returns values as `Secret`. Nothing that it sends or receives may get into an argument, a log or an
error, not even the text of a server's error, because anybody may have written that.
"""

from typing import Protocol

from lkrshell.core.errors import LOCKED, REFUSED, UNREACHABLE, LkrError
from lkrshell.core.secret import MAX_VALUE, Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lkrshell.sources.settings import Settings

# What a source may support besides reading. `capabilities` is a set of these.
LISTS, WRITES, VERSIONS, LEASES, LOGINS = "lists", "writes", "versions", "leases", "logins"
MISSING, FORBIDDEN, SAME = "missing", "forbidden", "same"
MOST = 1 << 20  # bytes of an answer
TIME = 20.0  # seconds for an answer


class Answer:
    """A key's value, or `why` there is no value: MISSING or FORBIDDEN, as the source itself says. SAME means
    that a lease was renewed, and the value stays.

    `version` is in the source's own form. `seconds` is how long the value is valid, 0 for no end. `lease` is the
    source's name for the lease of a value that it made only for us, or empty. `error` is a problem with only this key,
    whose copy stays as it is.
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

    Errors: `unreachable` when a source does not answer properly; `needs_login`; LkrError. A key that is missing or
    forbidden is an Answer, because only such an answer makes lkr drop its copy.
    """

    name: str
    capabilities: frozenset[str]

    def read(self, names: list[str], leases: "Mapping[str, str]") -> dict[str, Answer]:
        """Returns an answer for each key, in one batch. `leases` are the leases that lkr holds, by key, for renewal."""

    def write(self, name: str, value: Secret) -> None:
        """Stores or replaces a value. Only with WRITES."""

    def remove(self, name: str) -> None:
        """Removes a key. Only with WRITES."""

    def names(self) -> list[str]:
        """Returns every key that this login can see, sorted. Only with LISTS."""

    def previous(self, name: str) -> Secret | None:
        """Returns the value before the present one; None if there was no other. Only with VERSIONS."""

    def login(self, given: "Mapping[str, Secret]", tell: "Callable[[str], None]") -> Secret:
        """Logs in, and returns what lkr has to keep for the next time. `tell` shows a line to the person. Only with
        LOGINS."""

    def expires(self) -> int:
        """Returns when the login ends, in seconds since the epoch; 0 for never or no login."""

    def logout(self) -> None:
        """Ends the login at the source. Only with LOGINS."""

    def kept(self) -> Secret | None:
        """Returns what to keep instead of the login that the source was given; None if that did not change. Only with
        LOGINS."""

    def revoke(self, leases: list[str]) -> None:
        """Ends these leases. Only with LEASES."""


class WithoutLogin:
    """The answers of a source that needs no login from lkr, because its library or program handles that itself."""

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
    return LkrError(f"{why} the source {settings.name}", f"lkr login {settings.name}", LOCKED)


def refused(settings: "Settings", what: str) -> LkrError:
    return LkrError(f"the source {settings.name} refuses to {what}", "ask whoever runs it for that right", REFUSED)


def cannot(settings: "Settings", what: str) -> LkrError:
    message = f"cannot {what} in the source {settings.name} ({settings.type})"
    return LkrError(message, "use its own tool", REFUSED)


def checked(settings: "Settings", name: str, value: object) -> Secret:
    """Returns a key's value as a Secret. Raises LkrError when it is not text, is empty, too long, or cannot be a
    variable's value."""
    if not isinstance(value, str) or not value:
        raise unreachable(settings, f"has no text for {name}")
    if "\0" in value or len(value.encode("utf-8", "surrogateescape")) > MAX_VALUE:
        raise unreachable(settings, f"has a value for {name} that has a NUL byte or more than 64 KiB")
    return Secret(value)
