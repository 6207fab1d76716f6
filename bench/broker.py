"""What the broker adds to a request, beside going direct, in one run. `bench/broker.py [--rounds N] [--minutes N]`.

A stand-in vendor over TLS in a process of its own, the forwarding part in another, and a client that goes to either in
turn. Times are in milliseconds. The table goes to stdout, the figures to bench/broker.json.
"""

import argparse
import asyncio
import json
import os
import random
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from brokers import Broker  # noqa: E402
from vendor import REAL  # noqa: E402

BODY = json.dumps({"model": "a-model", "stream": True, "messages": [{"role": "user", "content": "x" * 2000}]}).encode()


class Place:
    """Where requests go: straight to the vendor, or through the broker."""

    def __init__(self, name: str, port: int, key: str, path: str, context: ssl.SSLContext | None) -> None:
        self.name, self.port, self.context = name, port, context
        self.request = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
        ).encode() + BODY


class Client:
    """One connection that is kept."""

    def __init__(self, place: Place) -> None:
        self.place = place

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.place.port, ssl=self.place.context)

    async def ask(self) -> tuple[float, float, int]:
        """(seconds to the first byte of the body, seconds in all, bytes)."""
        start = time.perf_counter()
        self.writer.write(self.place.request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in head.split(b"\r\n")[0], head
        first, size = 0.0, 0
        while length := int((await self.reader.readuntil(b"\r\n"))[:-2], 16):
            first = first or time.perf_counter() - start
            size += length
            await self.reader.readexactly(length + 2)
        await self.reader.readexactly(2)
        return first, time.perf_counter() - start, size

    def close(self) -> None:
        self.writer.close()


async def streams(place: Place, count: int, each: int, apart: float = 0.0) -> tuple[list[float], float]:
    """(times to the first byte, requests a second) of `count` connections with `each` requests one after the other.

    With `apart` (seconds) they do not begin in step, which no real programs do: each waits up to that long before one.
    """
    dice = random.Random(1)  # the same waits for both places
    clients = [Client(place) for _ in range(count)]
    for client in clients:
        await client.open()
        await client.ask()  # the first one resolves and connects

    async def run(client: Client) -> list[float]:
        firsts = []
        for _ in range(each):
            await asyncio.sleep(dice.random() * apart)
            firsts.append((await client.ask())[0])
        return firsts

    start = time.perf_counter()
    found = await asyncio.gather(*(run(client) for client in clients))
    took = time.perf_counter() - start
    for client in clients:
        client.close()
    return [first for times in found for first in times], count * each / took


@contextmanager
def vendor(folder: Path, words: int, delay: float) -> Iterator[int]:
    """A stand-in in a process of its own; its port."""
    words_of = [sys.executable, str(ROOT / "tests/vendor.py"), str(folder), str(words), str(delay)]
    process = subprocess.Popen(words_of, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(30)


@contextmanager
def broker(ca: str, url: str) -> Iterator[tuple[int, int]]:
    """A broker in a process of its own; (port, process id)."""
    words_of = [sys.executable, __file__, "--serve", ca, url]
    process = subprocess.Popen(words_of, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    try:
        yield int(process.stdout.readline()), process.pid
    finally:
        process.stdin.close()
        process.wait(30)


def serve(ca: str, url: str) -> None:
    """The broker's process, with nothing kept of a request."""
    served = Broker(ca, {"openai": url}, keep=False)
    print(served.port, flush=True)
    sys.stdin.read()
    served.close()


def memory(pid: int) -> float:
    """Resident MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu(pid: int) -> float:
    """Seconds of processor time, which a busy machine does not change."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def quantile(times: list[float], of: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * of))] * 1000


def places(ca: str, vendor_port: int, broker_port: int) -> tuple[Place, Place]:
    context = ssl.create_default_context(cafile=ca)
    path = "/v1/chat/completions"
    return (
        Place("direct", vendor_port, REAL, path, context),
        Place("broker", broker_port, "lkr-vk-openai", f"/openai{path}", None),
    )


def measure(rounds: int, each: int, held: float) -> dict[str, object]:
    folder = Path(tempfile.mkdtemp())
    ca = str(folder / "ca.pem")
    figures: dict[str, object] = {}
    with vendor(folder, 30, 0.02) as port, broker(ca, f"https://127.0.0.1:{port}") as (own, pid):
        figures["idle MiB"] = round(memory(pid), 1)
        two = places(ca, port, own)
        for count in (1, 8):
            firsts: dict[str, list[float]] = {"direct": [], "broker": []}
            for _ in range(rounds):
                for place in two:
                    firsts[place.name] += asyncio.run(streams(place, count, each, 0.2))[0]
            for of in (0.5, 0.99):
                direct, through = (quantile(firsts[name], of) for name in ("direct", "broker"))
                figures[f"first byte, {count} streams, p{of * 100:.0f} ms"] = [
                    round(direct, 2), round(through, 2), round(through - direct, 2),
                ]  # fmt: skip
    with vendor(folder, 60, 0.0) as port, broker(ca, f"https://127.0.0.1:{port}") as (own, pid):
        two = places(ca, port, own)
        rates: dict[str, list[float]] = {"direct": [], "broker": []}
        before, asked = cpu(pid), 0
        for _ in range(rounds):
            for place in two:
                rates[place.name].append(asyncio.run(streams(place, 8, each))[1])
            asked += 8 * (each + 1)
        figures["the broker's processor time, ms a request"] = round((cpu(pid) - before) / asked * 1000, 2)
        direct, through = (statistics.median(rates[name]) for name in ("direct", "broker"))
        figures["requests a second, 8 streams"] = [round(direct), round(through), round(through / direct, 2)]
        figures["MiB after these"] = round(memory(pid), 1)
    count = int(held / 0.5)
    with vendor(folder, count, 0.5) as port, broker(ca, f"https://127.0.0.1:{port}") as (own, pid):
        through_broker = places(ca, port, own)[1]

        async def hold() -> int:
            clients = [Client(through_broker) for _ in range(200)]
            for client in clients:
                await client.open()
            found = await asyncio.gather(*(client.ask() for client in clients))
            return len({size for _, _, size in found})

        assert asyncio.run(hold()) == 1, "all answers are of one length"
        figures[f"200 streams for {held:.0f} s: whole"] = 200
        figures["MiB after 200 streams"] = round(memory(pid), 1)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", nargs=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=0.25)
    words = parser.parse_args()
    if words.serve:
        serve(*words.serve)
        return
    figures = measure(words.rounds, words.each, words.minutes * 60)
    for name, value in figures.items():
        print(f"{name:<40} {value}")
    (ROOT / "bench/broker.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
