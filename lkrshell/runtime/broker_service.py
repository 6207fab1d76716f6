"""The broker as a service of systemd, which holds its sockets and starts it when somebody connects to one of them.

Not for the path of an entry. See lkrshell.runtime.broker_start for how it starts without systemd.
"""

import os
import socket
import time

from lkrshell.core.errors import UNREACHABLE, LkrError
from lkrshell.runtime import broker_client, broker_start
from lkrshell.state import run_folder

_FIRST = 3  # the number of the first socket that systemd gives; sd_listen_fds(3)


def control() -> str:
    """Returns where the control socket is, in the runtime folder of a login."""
    return f"{os.path.basename(run_folder.path())}/{run_folder.CONTROL}"


def addresses() -> list[str]:
    """Returns what the broker listens on for programs, as `HOST:PORT`. Chooses the port if none was chosen before."""
    if not run_folder.kept_port():
        for each in broker_start.listeners()[0]:
            each.close()
    port = run_folder.kept_port()
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return [f"127.0.0.1:{port}"]
    return [f"127.0.0.1:{port}", f"[::1]:{port}"]


def become(folder: int) -> None:
    """Becomes the broker on the sockets that systemd gave to this process. Returns if systemd gave no sockets."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return
    count = os.environ.get("LISTEN_FDS", "")
    given = [socket.socket(fileno=_FIRST + n) for n in range(int(count))] if count.isdecimal() else []
    families = [each.family for each in given]
    if families[:2] != [socket.AF_UNIX, socket.AF_INET] or families[2:] not in ([], [socket.AF_INET6]):
        raise LkrError("these are not the broker's sockets", "lkr install --broker", UNREACHABLE)
    run_folder.write(folder, run_folder.PORT, f"{given[1].getsockname()[1]}\n".encode())
    first, *others = [each.detach() for each in given]
    broker_start.run(first, others, folder)


def stop(patience: float) -> bool:
    """Ends the broker. False if no broker runs. LkrError if it does not answer."""
    end = time.monotonic() + patience
    found = broker_client.ask("stop", patience=3.0)
    while found == [] and time.monotonic() < end:  # it is starting, and may not have received this request
        time.sleep(0.02)
        found = broker_client.ask("stop", patience=3.0)
    while found is not None and time.monotonic() < end and broker_client.is_running():
        time.sleep(0.02)
    return found is not None
