"""What the forwarding part needs from the others, by shape alone, so that neither side imports the other.

`broker/__main__.py` puts the real ones together. Tests put in small ones of their own.
"""

from typing import Protocol, TypeVar

from lkrshell.core.secret import Secret


class Refused(Exception):
    """A request that is not forwarded.

    `status` is an HTTP status that vendors' SDKs do not retry, unless a retry makes sense. `code` is a short word for
    programs (the header x-lkr-error). `message` is one sentence for the person, with the command that changes it.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Call:
    """One request, as the limits and the meter see it. `body` may be changed by `Limiter.reserve`.

    `family` is that of vendors/routes.py. `model` is what the body or the path says, empty where neither does.
    """

    __slots__ = ("body", "family", "method", "model", "path", "vendor")

    def __init__(self, vendor: str, family: str, method: str, path: str, model: str, body: bytes) -> None:
        self.vendor, self.family, self.method, self.path = vendor, family, method, path
        self.model, self.body = model, body


class Virtual(Protocol):
    """What a virtual key was made for."""

    @property
    def vendor(self) -> str: ...


class Permit(Protocol):
    """The real key, for one request."""

    @property
    def secret(self) -> Secret: ...


class Reservation(Protocol):
    """What a request may cost at most, until it is known what it did cost."""

    def answered(self, kind: str, encoding: str) -> None:
        """Says the answer's Content-Type and Content-Encoding, before the first `feed`."""

    def feed(self, chunk: bytes) -> None:
        """Sees the vendor's answer go by, as it comes."""

    def filter(self, chunk: bytes) -> bytes:
        """`chunk` without what the vendor sent only because `reserve` changed the body. May hold some of it back."""

    def rest(self) -> bytes:
        """What `filter` holds back still, at the end of the answer."""

    def settle(self, status: int, complete: bool) -> None:
        """Called exactly once. `status` is the vendor's; 0 when the request did not leave."""


V = TypeVar("V", bound=Virtual)
P = TypeVar("P", bound=Permit)
V_co = TypeVar("V_co", bound=Virtual, covariant=True)
V_contra = TypeVar("V_contra", bound=Virtual, contravariant=True)
P_co = TypeVar("P_co", bound=Permit, covariant=True)
P_contra = TypeVar("P_contra", bound=Permit, contravariant=True)


class VirtualKeys(Protocol[V_co]):
    """The table of virtual keys."""

    def find(self, presented: str) -> V_co | None:
        """The one whose text is `presented`, None when there is none or it is over."""


class Authority(Protocol[V_contra, P_co]):
    """Says whether a virtual key may be used now, and gives the real one."""

    async def permit(self, virtual: V_contra, caller: object) -> P_co:
        """Refused when it may not. `caller` is what `may_use` found of the process that sends the request."""


class Limiter(Protocol[V_contra, P_contra]):
    """Holds what is spent under what is allowed."""

    def reserve(self, virtual: V_contra, permit: P_contra, call: Call) -> Reservation:
        """Refused when the worst case does not fit."""
