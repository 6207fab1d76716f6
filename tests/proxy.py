"""A proxy on loopback that supports CONNECT, and records everything that it saw."""

import socket
import threading
from collections.abc import Callable


class Proxy:
    """`asked` has the requests that it got; `seen` has these and every byte that it passed on."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.seen: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        _start(self._accept)

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        try:
            while True:
                _start(self._serve, self._server.accept()[0])
        except OSError:
            return

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(1000)
        self.asked.append(head.decode())
        self.seen.append(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        there = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        _start(self._pass, there, client)
        self._pass(client, there)

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                self.seen.append(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def _start(function: Callable[..., None], *words: socket.socket) -> None:
    threading.Thread(target=function, args=words, daemon=True).start()
