"""An X server without a screen, for the tests of dialogs and the clipboard."""

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def x_server() -> Iterator[str]:
    """Starts an X server and yields its DISPLAY.

    Its number comes from our process id. Servers in several roots on one machine would choose the same number, since
    they do not see each other's locks, and some clients would reach the wrong one through its abstract socket. Without
    -noreset, the server restarts after each client, and refuses the next one meanwhile.
    """
    for number in itertools.count(1000 + os.getpid() % 20000):
        reading, writing = os.pipe()
        command = ["Xvfb", f":{number}", "-displayfd", str(writing), "-nolisten", "tcp", "-noreset"]
        server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
        os.close(writing)
        with open(reading, "rb") as ready:
            if ready.readline():  # else somebody else has that number
                break
        server.wait()
    try:
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()
