"""Starts the broker on the sockets that it inherits, and serves them until the broker is told to end.

The starter (lkrshell.runtime.broker_start) has already bound the sockets, so early requests wait in their backlog. The
control socket is served first, because it needs little. The server's slower imports follow.
"""

import asyncio
import gc
import math
import os
import re
import signal
import socket
import sys

from lkrshell.broker import client_process
from lkrshell.broker.authority import Authority, Permit
from lkrshell.broker.control import Control, log
from lkrshell.broker.virtual_keys import VirtualKey, VirtualKeys
from lkrshell.core.errors import LkrError
from lkrshell.state import config, memory, run_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

_END = 2.0  # seconds that open streams get when the broker is told to end


def main(*words: str) -> None:
    """Runs `--control FD --listen FD[,FD] [--stay]`. With `--stay`, the broker does not end by itself. Returns when the
    broker ends."""
    memory.harden()  # first, so that nothing read later gets into a core dump or a debugger
    stay = words[4:] == ("--stay",)
    words = words[:4] if stay else words
    given = len(words) == 4 and words[::2] == ("--control", "--listen")
    if not given or not re.fullmatch("[0-9]+,[0-9]+(,[0-9]+)?", ",".join(words[1::2])):
        sys.exit("lkr: do not start the broker this way; run: lkr broker start")
    control, *listeners = (socket.socket(fileno=int(word)) for word in ",".join(words[1::2]).split(","))
    try:
        asyncio.run(serve(control, listeners, stay))
    except LkrError as error:
        log(str(error))
        sys.exit(1)


async def serve(control_socket: socket.socket, listeners: list[socket.socket], stay: bool) -> None:
    """Runs the control socket and the forwarder until one of them ends."""
    folder = run_folder.open_folder()
    os.close(folder)
    keys, authority = VirtualKeys(f"{run_folder.path()}/{run_folder.TABLE}"), Authority()
    port = listeners[0].getsockname()[1]
    control = Control(control_socket, port, keys, authority, *[math.inf] * stay)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, control.stop)
    serving = asyncio.create_task(control.run())
    await asyncio.sleep(0)
    forwarding = asyncio.create_task(_forward(listeners, keys, authority, control))
    log(f"process {os.getpid()} serves port {port}")

    async def at_end() -> None:
        forwarding.cancel()
        await asyncio.wait((forwarding,), timeout=_END)
        for listener in listeners:
            listener.close()

    control.at_end = at_end
    await asyncio.wait((serving, forwarding), return_when=asyncio.FIRST_COMPLETED)
    control.stop()
    await asyncio.wait((serving, forwarding), timeout=2 * _END)
    for task in (serving, forwarding):
        if task.done() and not task.cancelled() and (error := task.exception()):
            raise error
    log("ends")


async def _forward(listeners: list[socket.socket], keys: VirtualKeys, authority: Authority, control: Control) -> None:
    """Forwards programs' requests until it is canceled."""
    from lkrshell.broker.limiter import make as make_limiter  # cheap, because the slow part runs in another process

    settings = config.load()
    limiter, _ = await asyncio.gather(
        asyncio.to_thread(make_limiter, settings.prices, log), asyncio.to_thread(_load_aiohttp)
    )
    from lkrshell.broker.live_settings import LiveSettings
    from lkrshell.broker.server import Forwarder

    live = LiveSettings(limiter.prices, settings, log)
    forwarder: Forwarder[VirtualKey, Permit] = Forwarder(
        keys, authority, limiter, client_process.holder, live.upstream, fault=log
    )
    live.forwarder, authority.follow = forwarder, live.follow
    control.on_lock(forwarder.end)
    control.busy = lambda: forwarder.under_way
    control.rows = lambda: [("today", str(limiter.today()))]
    gc.collect()
    gc.freeze()  # what exists now stays, so the collector can skip it
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(forwarder.server(), sock=each, backlog=1024) for each in listeners]
    try:
        await asyncio.Event().wait()
    finally:
        for server in servers:
            server.close()
        forwarder.end()
        await live.close()


def _load_aiohttp() -> None:
    """Loads the slow imports in a thread, while the loop already serves the control socket."""
    import ssl

    # During its import, aiohttp loads the certificate authorities that the environment names. This process trusts none
    # of those.
    ssl_default, ssl.create_default_context = ssl.create_default_context, _trusts_nobody  # type: ignore[assignment]
    try:
        import lkrshell.broker.server
        import lkrshell.broker.upstream  # noqa: F401
    finally:
        ssl.create_default_context = ssl_default


def _trusts_nobody() -> "ssl.SSLContext":
    import ssl

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


if __name__ == "__main__":
    main(*sys.argv[1:])
