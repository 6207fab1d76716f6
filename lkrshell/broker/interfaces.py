"""The interfaces between the forwarding part and the rest of the broker, so that neither imports the other.

`broker/__main__.py` connects the real classes. Tests connect small classes of their own.
"""

from typing import Protocol, TypeVar

from lkrshell.core.errors import as_named
from lkrshell.core.secret import Secret


class Refused(Exception):
    """A request that is not forwarded.

    `status` is an HTTP status that vendors' SDKs retry only when a retry makes sense. `code` is a short word for
    programs (the header x-lkr-error). `message` is one sentence for the person, with the command that helps.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code, self.message = status, code, as_named(message)
        super().__init__(self.message)


class Call:
    """One request, as the limits and the meter see it. `Limiter.reserve` may change `body`.

    `family` is one of vendors/routes.py. `model` comes from the body or the path, and is empty when neither names one.
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
    """The most that a request may cost, until its real cost is known."""

    def answered(self, kind: str, encoding: str) -> None:
        """Takes the answer's Content-Type and Content-Encoding, before the first `feed`."""

    def feed(self, chunk: bytes) -> None:
        """Reads a piece of the vendor's answer."""

    def filter(self, chunk: bytes) -> bytes:
        """Returns `chunk` without what the vendor sent only because `reserve` changed the body. May hold a part
        back."""

    def rest(self) -> bytes:
        """Returns what `filter` still holds back, at the end of the answer."""

    def settle(self, status: int, complete: bool) -> None:
        """Ends the reservation; called exactly once. `status` is the vendor's, or 0 when the request was not sent."""


V = TypeVar("V", bound=Virtual)
P = TypeVar("P", bound=Permit)
V_co = TypeVar("V_co", bound=Virtual, covariant=True)
V_contra = TypeVar("V_contra", bound=Virtual, contravariant=True)
P_co = TypeVar("P_co", bound=Permit, covariant=True)
P_contra = TypeVar("P_contra", bound=Permit, contravariant=True)


class VirtualKeys(Protocol[V_co]):
    """The table of virtual keys."""

    def find(self, presented: str) -> V_co | None:
        """Returns the virtual key with this text; None when it does not exist or has ended."""


class Authority(Protocol[V_contra, P_co]):
    """Says whether a virtual key may be used now, and gives the real one."""

    async def permit(self, virtual: V_contra, caller: object) -> P_co:
        """Raises Refused when the key may not be used. `caller` is what `may_use` found out about the sending
        process."""


class Limiter(Protocol[V_contra, P_contra]):
    """Keeps spending below the limits."""

    def reserve(self, virtual: V_contra, permit: P_contra, call: Call) -> Reservation:
        """Raises Refused when the worst case does not fit."""
