"""The data side of the broker: takes a request with a virtual key, and forwards it with the real key.

It reads no store, grant or policy: `Authority` gives it the key for one request. It logs nothing, because a header or
an error may hold a key. A refusal has the form of the vendor's own errors, and ends the connection.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Generic

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from lkrshell.broker import request_checks, requested_model, vendor_errors
from lkrshell.broker.answer_body import AnswerBody, Bomb, Echo
from lkrshell.broker.interfaces import Authority, Call, Limiter, P, Refused, Reservation, V, VirtualKeys
from lkrshell.broker.masking import Mask
from lkrshell.broker.upstream import Answer, NotSent, Upstream
from lkrshell.vendors import routes

MOST_BODY = 64 << 20  # bytes of one request's body
MOST_BODIES = 256 << 20  # bytes of all bodies in memory
_MOST_ERROR = 1 << 20  # bytes of a vendor's error that are kept to tell its length

_silent = logging.getLogger("lkrshell.broker")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False
_silent.disabled = True


class Forwarder(Generic[V, P]):
    """Forwards the requests of all connections.

    `may_use(virtual, peer, own)` returns the process that sends the request, or nothing when it may not; `peer` and
    `own` are the connection's addresses. `fault` is called with the kind and place of an error of ours, no more,
    because an error may quote a key.
    """

    def __init__(
        self,
        keys: VirtualKeys[V],
        authority: Authority[V, P],
        limiter: Limiter[V, P],
        may_use: Callable[[V, tuple[Any, ...], tuple[Any, ...]], object],
        upstream: Upstream | Refused,
        fault: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._keys, self._authority, self._limiter = keys, authority, limiter
        self._may_use, self._fault = may_use, fault
        self.upstream = upstream  # or the reason for not having one; may be replaced at any time
        self._hosts: dict[int, frozenset[str]] = {}
        self._under_way: dict[asyncio.Task[object], V] = {}
        self._bodies = 0  # bytes
        self.patience = 60.0  # seconds to wait for the next piece of a request's body

    def server(self) -> web.Server:
        """Returns the protocol factory for `loop.create_server`."""
        return _Server(
            self.handle, handler_cancellation=True, access_log=None, logger=_silent, auto_decompress=False,
            max_field_size=1 << 16, max_line_size=1 << 14, keepalive_timeout=600.0, lingering_time=1.0,
        )  # fmt: skip

    @property
    def under_way(self) -> int:
        """Counts the requests that are being forwarded."""
        return len(self._under_way)

    def end(self, which: Callable[[V], bool] = lambda _: True) -> int:
        """Ends the streams whose virtual key `which` selects, at the client and at the vendor. Returns how many."""
        ended = [task for task, virtual in self._under_way.items() if which(virtual)]
        for task in ended:
            task.cancel()
        return len(ended)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Handles one request of a client."""
        try:
            return await self._forward(request)
        except Refused as refused:
            return _refusal(request, refused)
        except (OSError, asyncio.CancelledError):
            raise  # the client is gone, or the broker ends its streams
        except Exception as error:  # a fault of ours
            where = _place(error)
            self._fault(where)
            return _refusal(request, Refused(500, "fault", f"a fault in the broker, {where}"))

    async def _forward(self, request: web.BaseRequest) -> web.StreamResponse:
        peer, own = _addresses(request)
        asked = request_checks.check(request.method, request.raw_path, request.raw_headers, self._hosts_at(own[1]))
        if request.version != (1, 1):
            raise Refused(400, "form", "the broker speaks HTTP/1.1")
        virtual = self._keys.find(asked.presented)
        if virtual is None:
            raise Refused(
                401, "key", "the broker does not know this virtual key, or it has ended; enter the project again"
            )
        if routes.find(virtual.vendor) is not asked.route:
            raise Refused(403, "vendor", f"this virtual key is for {virtual.vendor}; its path is /{virtual.vendor}/")
        caller = self._may_use(virtual, peer, own)
        if not caller:
            raise Refused(
                403, "process", "this virtual key was made for another shell or program; enter the project here"
            )
        task: asyncio.Task[object] = asyncio.current_task()  # type: ignore[assignment]  # we are in one
        self._under_way[task] = virtual
        held = [0]
        try:
            body = await self._body(request, held)
            return await self._send(request, asked, virtual, caller, body)
        finally:
            self._bodies -= held[0]
            del self._under_way[task]

    def _hosts_at(self, port: int) -> frozenset[str]:
        if port not in self._hosts:
            self._hosts[port] = frozenset((f"127.0.0.1:{port}", f"[::1]:{port}"))
        return self._hosts[port]

    async def _body(self, request: web.BaseRequest, held: list[int]) -> bytes:
        """Returns the whole body, because limits and meter read it. `held` counts the bytes that it adds in memory."""
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Refused(415, "body", "the broker reads the body: send it without Content-Encoding")
        if (request.content_length or 0) > MOST_BODY:
            raise Refused(413, "body", f"the body is larger than {MOST_BODY >> 20} MiB")
        if request.headers.get("Expect", "").lower() == "100-continue":
            await _continue(request)
        pieces = []
        while piece := await self._piece(request):
            held[0] += len(piece)
            self._bodies += len(piece)
            if held[0] > MOST_BODY:
                raise Refused(413, "body", f"the body is larger than {MOST_BODY >> 20} MiB")
            if self._bodies > MOST_BODIES:
                raise Refused(503, "busy", "too many large requests at once; try again")
            pieces.append(piece)
        return b"".join(pieces)

    async def _piece(self, request: web.BaseRequest) -> bytes:
        """Returns the next piece of the body; empty at its end. After a damaged chunk, aiohttp says nothing more, hence
        the timeout."""
        if (piece := request.content.read_nowait()) or request.content.at_eof():
            return piece
        try:
            async with asyncio.timeout(self.patience):
                return await request.content.readany()
        except TimeoutError:
            raise Refused(400, "body", "the rest of the body did not arrive") from None

    async def _send(
        self, request: web.BaseRequest, asked: request_checks.Asked, virtual: V, caller: object, body: bytes
    ) -> web.StreamResponse:
        model = requested_model.model_of(asked.path, request.headers.get("Content-Type", ""), body)
        call = Call(virtual.vendor, asked.family, request.method, asked.path, model, body)
        permit = await self._authority.permit(virtual, caller)
        upstream = self.upstream
        if isinstance(upstream, Refused):
            raise upstream
        key = permit.secret.reveal()
        if not key or not (key.isascii() and key.isprintable()) or " " in key:
            raise Refused(403, "key", f"the key of {virtual.vendor} has characters that no vendor uses; set it again")
        reservation = self._limiter.reserve(virtual, permit, call)
        status, complete = 0, False
        answer: Answer | None = None
        try:
            changed = call.body != body
            fields = asked.with_key(key, plain=changed)
            with upstream:
                answer = await upstream.send(
                    virtual.vendor, asked.route, request.method, asked.path, asked.query, fields, call.body
                )
                status = answer.status
                if 300 <= status < 400 and status != 304:
                    complete = True
                    raise Refused(
                        403, "redirect", f"the vendor answered {status}, a redirect, which the broker does not follow"
                    )
                response = await self._pass(request, answer, reservation, Mask(key), changed)
            complete = True
            return response
        except NotSent:
            complete = True
            raise
        finally:
            if answer is not None:
                answer.close()  # after a whole answer, the connection has already been given back
            reservation.settle(status, complete)

    async def _pass(
        self, request: web.BaseRequest, answer: Answer, reservation: Reservation, mask: Mask, changed: bool
    ) -> web.StreamResponse:
        """Sends the vendor's answer on as it arrives."""
        encoding = answer.headers.get("Content-Encoding", "")
        reservation.answered(answer.headers.get("Content-Type", ""), encoding)
        content = AnswerBody(answer.status, encoding, changed, reservation, mask)
        first = await answer.content.readany() if content.watches else b""
        fields = request_checks.answered(answer.headers.items(), whole=not content.rewrites(first))
        response = web.StreamResponse(status=answer.status, reason=mask.text(answer.reason or ""))
        for name, value in fields:
            response.headers.add(name, mask.text(value))
        response.headers.setdefault("Server", "lkr")
        if "Content-Type" not in answer.headers:
            response.headers["Content-Type"] = "application/octet-stream"
        try:
            await response.prepare(request)
            while chunk := first or await answer.content.readany():
                first = b""
                if out := content.feed(chunk):
                    await response.write(out)
            if out := content.rest():
                await response.write(out)
            await response.write_eof()
        except BaseException as error:
            if request.transport is not None:
                request.transport.close()  # the client must see that the answer is incomplete
            if isinstance(error, Echo | Bomb):
                why = "repeated the key" if isinstance(error, Echo) else "was a decompression bomb"
                self._fault(f"a compressed answer {why} and was cut off")
                raise ConnectionResetError from None
            raise
        return response


class _Connection(RequestHandler):
    """One connection. Invalid HTTP is answered in our own words, since those of aiohttp quote the request."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionResetError  # an answer has begun
        return _refusal(request, Refused(400, "form", "the broker cannot read this as an HTTP/1.1 request"))


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


def _place(error: BaseException) -> str:
    """Returns the kind of an error, and the line of our code where it arose."""
    found = "?"
    trace = error.__traceback__
    while trace:
        code = trace.tb_frame.f_code
        if "lkrshell" in code.co_filename:
            found = f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {found}"


def _addresses(request: web.BaseRequest) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Returns the client's and our own address: host, port, and two more items for IPv6."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError
    return transport.get_extra_info("peername"), transport.get_extra_info("sockname")


async def _continue(request: web.BaseRequest) -> None:
    writer = request.writer
    await writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    writer.output_size = 0  # otherwise aiohttp believes that the answer has begun


def _refusal(request: web.BaseRequest, refused: Refused) -> web.Response:
    form = request_checks.form_of(request.raw_path)
    response = web.Response(
        status=refused.status, body=vendor_errors.body(form, refused), headers=vendor_errors.headers(refused)
    )
    response.force_close()
    return response
