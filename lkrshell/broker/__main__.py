"""The broker's start: takes the two sockets that it was started with, and serves them until it is to end.

Whoever starts it (lkrshell.runtime.broker_client) has bound the sockets, so requests wait in their backlog meanwhile.
The control socket is served first, for that needs little. The server and what it loads come after it.
"""

import asyncio
import os
import signal
import socket
import sys

from lkrshell.broker import process
from lkrshell.broker.authority import Authority, Permit
from lkrshell.broker.control import Control, log
from lkrshell.broker.virtual_keys import VirtualKey, VirtualKeys
from lkrshell.core.errors import LkrError
from lkrshell.runtime import broker_client
from lkrshell.state import memory, run_folder

_END = 2.0  # seconds for streams under way, when the broker is told to end


def main(*words: str) -> None:
    """`--control FD --listen FD`: the sockets. Returns when the broker is to end."""
    memory.harden()  # before anything is read: no core, and nobody attaches
    if len(words) != 4 or words[::2] != ("--control", "--listen") or not "".join(words[1::2]).isdecimal():
        sys.exit("lkr: the broker is started by lkr: lkr broker start")
    control, listener = (socket.socket(fileno=int(word)) for word in words[1::2])
    try:
        asyncio.run(serve(control, listener))
    except LkrError as error:
        log(str(error))
        sys.exit(1)


async def serve(control_socket: socket.socket, listener: socket.socket) -> None:
    """Everything, until the end."""
    folder = run_folder.open_folder()
    os.close(folder)
    keys, authority = VirtualKeys(f"{run_folder.path()}/{broker_client.TABLE}"), Authority()
    control = Control(control_socket, listener.getsockname()[1], keys, authority)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, control.stop)
    serving = asyncio.create_task(control.run())
    await asyncio.sleep(0)
    forwarding = asyncio.create_task(_forward(listener, keys, authority, control))
    log(f"process {os.getpid()} serves port {listener.getsockname()[1]}")

    async def at_end() -> None:
        forwarding.cancel()
        await asyncio.wait((forwarding,), timeout=_END)
        listener.close()

    control.at_end = at_end
    await asyncio.wait((serving, forwarding), return_when=asyncio.FIRST_COMPLETED)
    control.stop()
    await asyncio.wait((serving, forwarding), timeout=2 * _END)
    for task in (serving, forwarding):
        if task.done() and not task.cancelled() and (error := task.exception()):
            raise error
    log("ends")


async def _forward(listener: socket.socket, keys: VirtualKeys, authority: Authority, control: Control) -> None:
    """Serves the requests of programs, until it is cancelled."""
    await asyncio.to_thread(_load)
    from lkrshell.broker.limiter import make as make_limiter
    from lkrshell.broker.server import Forwarder
    from lkrshell.broker.upstream import Upstream
    from lkrshell.state import config

    settings = config.load()
    limiter = await asyncio.to_thread(make_limiter, settings.prices, log)
    upstream = Upstream(settings.broker_ca, settings.broker_proxy, {row[0]: row[1] for row in settings.upstream})
    forwarder: Forwarder[VirtualKey, Permit] = Forwarder(keys, authority, limiter, process.may_use, upstream, fault=log)
    control.on_lock(forwarder.end)
    control.busy = lambda: forwarder.under_way
    server = await asyncio.get_running_loop().create_server(forwarder.server(), sock=listener, backlog=1024)
    try:
        await asyncio.Event().wait()
    finally:
        server.close()
        forwarder.end()
        await upstream.close()


def _load() -> None:
    """Loads what takes long, beside the loop that serves the control socket already."""
    import lkrshell.broker.limiter
    import lkrshell.broker.server
    import lkrshell.broker.upstream  # noqa: F401


if __name__ == "__main__":
    main(*sys.argv[1:])
