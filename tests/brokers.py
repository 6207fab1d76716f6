"""A broker in this process: the real forwarding part, with small substitutes for the other parts."""

import asyncio
import socket
import threading
from collections.abc import Callable

from vendor import REAL, end

from lkrshell.broker.interfaces import Call, Refused
from lkrshell.broker.server import Forwarder
from lkrshell.broker.upstream import Upstream
from lkrshell.core.secret import Secret


class Key:
    """A virtual key."""

    def __init__(self, text: str, vendor: str) -> None:
        self.text, self.vendor = text, vendor


class Given:
    def __init__(self, secret: Secret) -> None:
        self.secret = secret


class Booking:
    """Records what the forwarder told it."""

    def __init__(self, call: Call, without: bytes) -> None:
        self.call, self.without = call, without
        self.fed = b""
        self.kind = self.encoding = ""
        self.settled: list[tuple[int, bool]] = []

    def answered(self, kind: str, encoding: str) -> None:
        self.kind, self.encoding = kind, encoding

    def feed(self, chunk: bytes) -> None:
        self.fed += chunk

    def filter(self, chunk: bytes) -> bytes:
        return chunk.replace(self.without, b"") if self.without else chunk

    def rest(self) -> bytes:
        return b""

    def settle(self, status: int, complete: bool) -> None:
        self.settled.append((status, complete))


class Broker:
    """Serves in its own thread. The virtual key of VENDOR is `lkr-vk-VENDOR`."""

    def __init__(self, ca: str, named: dict[str, str], proxy: str = "", real: str = REAL, keep: bool = True) -> None:
        self.real, self.keep = real, keep
        self.bookings: list[Booking] = []
        self.refuse: Refused | None = None
        self.refuse_limit: Refused | None = None
        self.change: Callable[[Call], bytes] = lambda _: b""
        self.allowed = True
        self.permits = 0
        self._settings = (ca, proxy, named)
        self._sockets = [socket.create_server(("127.0.0.1", 0), backlog=1024)]
        self.port = self._sockets[0].getsockname()[1]
        self._ready = threading.Event()
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    def find(self, presented: str) -> Key | None:
        vendor = presented.removeprefix("lkr-vk-")
        return Key(presented, vendor) if vendor != presented and vendor.isidentifier() else None

    async def permit(self, virtual: Key, caller: object) -> Given:
        self.permits += 1
        if self.refuse:
            raise self.refuse
        return Given(Secret(self.real))

    def reserve(self, virtual: Key, permit: Given, call: Call) -> Booking:
        if self.refuse_limit:
            raise self.refuse_limit
        booking = Booking(call, self.change(call))
        if self.keep:
            self.bookings.append(booking)
        return booking

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._start())
        self._ready.set()
        self.loop.run_forever()
        end(self.loop)

    async def _start(self) -> None:
        ca, proxy, named = self._settings
        self.upstream = Upstream(ca, proxy, named)
        self.forwarder: Forwarder[Key, Given] = Forwarder(
            self, self, self, lambda virtual, peer, own: self.allowed, self.upstream
        )
        server = self.forwarder.server()
        for each in self._sockets:
            await asyncio.get_running_loop().create_server(server, sock=each, backlog=1024)

    def call(self, action: Callable[[], object]) -> object:
        """Runs `action` in the broker's loop."""

        async def run() -> object:
            return action()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)

    def base(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.upstream.close(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
