"""What the broker adds to a request, compared with going direct, in one run.

The stand-in vendor speaks TLS in its own process. lkr's broker runs as usual, with a vault, a virtual key, limits and a
ledger. A client uses each in turn. The table goes to stdout, the figures to bench/broker.json.

--others FOLDER: also LiteLLM's proxy and mitmproxy, in virtual environments below FOLDER, made when missing. --soak
MINUTES: also holds 200 streams for that long. --requests N: also shows the memory after N requests.
"""

import argparse
import asyncio
import json
import os
import random
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from vendor import REAL  # noqa: E402

from bench import BIN, Home  # noqa: E402

BODY = json.dumps({"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "x" * 2000}]}).encode()
PACKAGES = {"litellm": "litellm[proxy]", "mitmproxy": "mitmproxy"}
MASTER = "sk-0123456789abcdef0123456789abcdef"  # what LiteLLM's clients send
PATH = "/v1/chat/completions"
STREAMS = 8
APART = 0.2  # seconds; each request waits up to this, so that they do not fall into step


class Place:
    """Where requests go: straight to the vendor, or through the process `pid`."""

    def __init__(
        self, name: str, port: int, key: str, path: str = PATH, context: ssl.SSLContext | None = None, pid: int = 0
    ) -> None:
        self.name, self.port, self.context, self.pid = name, port, context, pid
        self.request = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
        ).encode() + BODY
        self.first: dict[int, list[float]] = {1: [], STREAMS: []}  # seconds to the first byte, by the number of streams
        self.rates: list[float] = []  # requests per second
        self.processor: list[float] = []  # seconds per request
        self.idle = self.after = 0.0  # MiB


class Client:
    """One connection that stays open."""

    def __init__(self, place: Place) -> None:
        self.place = place

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.place.port, ssl=self.place.context)

    async def ask(self) -> tuple[float, float, int]:
        """Returns (seconds to the first byte of the body, total seconds, bytes)."""
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
    """Returns (times to the first byte, requests per second) of `count` connections that send `each` requests in
    turn."""
    dice = random.Random(1)  # the same waits for all places
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
    """Runs a stand-in vendor in its own process, and yields its port."""
    words_of = [sys.executable, str(ROOT / "tests/vendor.py"), str(folder), str(words), str(delay)]
    process = subprocess.Popen(words_of, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(30)


@contextmanager
def broker(ca: str, url: str) -> Iterator[Place]:
    """Runs lkr's broker for a new user, with a virtual key for this process."""
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name), "vault")
        settings = home.folder / ".config/lkr/config.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(f'[broker]\nca = "{ca}"\n[broker.upstream]\nopenai = "{url}"\n')
        home.run("lkr", "unlock", "--stdin", stdin="a passphrase\n")
        home.run("lkr", "set", "openai:prod", "--stdin", stdin=REAL)
        home.run("lkr", "policy", "openai:prod", "--budget", "100000/day", "--rate", "100000/min")
        home.run("lkr", "broker", "start")
        try:
            state = json.loads(home.run("lkr", "broker", "--json"))
            key = home.run("lkr", "token", "openai:prod").strip()
            yield Place("lkr", state["port"], key, f"/openai{PATH}", pid=state["pid"])
        finally:
            home.run("lkr", "broker", "stop")


@contextmanager
def other(name: str, folder: Path, ca: str, url: str) -> Iterator[Place]:
    """Runs one of the other proxies on its own port."""
    programs = folder / name / "bin"
    if not (programs / "pip").exists():
        venv.create(folder / name, with_pip=True)
    if not (programs / ("litellm" if name == "litellm" else "mitmdump")).exists():
        subprocess.run([programs / "pip", "install", "--quiet", PACKAGES[name]], check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        settings = Path(home) / "config.yaml"
        settings.write_text(
            f"model_list: [{{model_name: gpt-4o, litellm_params: {{model: openai/gpt-4o, api_base: '{url}/v1', "
            f"api_key: {REAL}}}}}]\nlitellm_settings: {{ssl_verify: '{ca}', telemetry: false}}\n"
        )
        commands: dict[str, list[str | Path]] = {
            "litellm": [programs / "litellm", "--config", settings, "--host", "127.0.0.1", "--port", str(port)],
            "mitmproxy": [programs / "mitmdump", "--quiet", "--mode", f"reverse:{url}", "--listen-host", "127.0.0.1",
                          "--listen-port", str(port), "--set", f"ssl_verify_upstream_trusted_ca={ca}",
                          "--set", "stream_large_bodies=1", "--set", f"confdir={home}"],
        }  # fmt: skip
        env = {"HOME": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "SSL_CERT_FILE": ca,
               "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": MASTER}  # fmt: skip
        process = subprocess.Popen(commands[name], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(1200):
                if process.poll() is not None:
                    sys.exit(f"{name} did not start")
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield Place(name, port, MASTER if name == "litellm" else REAL, pid=process.pid)
        finally:
            process.terminate()
            process.wait(30)


def memory(pid: int) -> float:
    """Resident MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu(pid: int) -> float:
    """Returns seconds of processor time, which barely depend on how busy the machine is."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def quantile(times: list[float], of: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * of))] * 1000


@contextmanager
def places(words: int, delay: float, others: Path | None) -> Iterator[list[Place]]:
    """Yields all places, with a vendor whose streams have `words` events, `delay` seconds apart. The first goes
    direct."""
    folder = Path(tempfile.mkdtemp())
    with ExitStack() as stack:
        port = stack.enter_context(vendor(folder, words, delay))
        ca, url = str(folder / "ca.pem"), f"https://127.0.0.1:{port}"
        found = [Place("direct", port, REAL, context=ssl.create_default_context(cafile=ca))]
        found.append(stack.enter_context(broker(ca, url)))
        if others:
            found += [stack.enter_context(other(name, others, ca, url)) for name in PACKAGES]
        yield found


def measure(rounds: int, each: int, others: Path | None) -> list[Place]:
    """Measures the time to the first byte with slow streams, and everything else with streams as fast as possible."""
    with places(30, 0.02, others) as slow:
        for place in slow[1:]:
            place.idle = memory(place.pid)
        for _ in range(rounds):
            for count in (1, STREAMS):
                for place in slow:
                    place.first[count] += asyncio.run(streams(place, count, each, APART))[0]
    with places(60, 0.0, others) as fast:
        for _ in range(rounds):
            for place, known in zip(fast, slow, strict=True):
                before = cpu(place.pid) if place.pid else 0.0
                known.rates.append(asyncio.run(streams(place, STREAMS, each))[1])
                if place.pid:
                    known.processor.append((cpu(place.pid) - before) / (STREAMS * (each + 1)))
                    known.after = memory(place.pid)
    return slow


def table(found: list[Place]) -> list[dict[str, object]]:
    direct = found[0]
    rows = []
    for place in found:
        row: dict[str, object] = {"": place.name}
        for count in (1, STREAMS):
            for of in (0.5, 0.99):
                value = quantile(place.first[count], of)
                name = f"first byte, {count} stream{'s' * (count > 1)}, p{of * 100:.0f}, ms"
                row[name] = round(value, 2)
                if place is not direct:
                    row[f"{name}, added"] = round(value - quantile(direct.first[count], of), 2)
        rate = statistics.median(place.rates)
        row["requests a second, 8 streams"] = round(rate)
        if place is not direct:
            row["of direct"] = round(rate / statistics.median(direct.rates), 2)
            row["processor time, ms a request"] = round(statistics.median(place.processor) * 1000, 2)
            row["MiB idle"], row["MiB after these"] = round(place.idle, 1), round(place.after, 1)
        rows.append(row)
    return rows


def hold(minutes: float) -> dict[str, object]:
    """Holds 200 streams at once, each with an event every half second."""
    with places(int(minutes * 120), 0.5, None) as found:
        place = found[1]
        idle = memory(place.pid)

        async def run() -> set[int]:
            clients = [Client(place) for _ in range(200)]
            for client in clients:
                await client.open()
            answers = await asyncio.gather(*(client.ask() for client in clients))
            return {size for _, _, size in answers}

        start = time.monotonic()
        assert len(asyncio.run(run())) == 1, "all answers are of one length"
        took = time.monotonic() - start
        return {
            "streams held": 200, "for minutes": round(took / 60, 1), "whole": 200, "MiB before": round(idle, 1),
            "MiB after": round(memory(place.pid), 1), "processor time, s": round(cpu(place.pid), 1),
        }  # fmt: skip


def wear(count: int) -> dict[str, object]:
    """Returns the memory after many requests."""
    with places(8, 0.0, None) as found:
        place = found[1]
        asyncio.run(streams(place, STREAMS, 20))
        before, rounds = memory(place.pid), 20
        grown = []
        for _ in range(rounds):
            asyncio.run(streams(place, STREAMS, count // STREAMS // rounds))
            grown.append(round(memory(place.pid), 1))
        return {
            "requests": count, "MiB after 160": round(before, 1), "MiB after each twentieth": grown,
            "ratio": round(grown[-1] / before, 3),
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--each", type=int, default=20)
    parser.add_argument("--others", type=Path)
    parser.add_argument("--soak", type=float, default=0.0)
    parser.add_argument("--requests", type=int, default=0)
    words = parser.parse_args()
    os.environ["PATH"] = f"{BIN}:{os.environ['PATH']}"
    figures: dict[str, object] = {"load before": round(os.getloadavg()[0], 1)}
    figures["table"] = rows = table(measure(words.rounds, words.each, words.others)) if words.rounds else []
    if words.soak:
        figures["soak"] = hold(words.soak)
    if words.requests:
        figures["wear"] = wear(words.requests)
    figures["load after"] = round(os.getloadavg()[0], 1)
    for name in dict.fromkeys(name for row in rows for name in row):
        print(f"{name:<40}", *(f"{row.get(name, '')!s:>10}" for row in rows))
    for name, value in figures.items():
        if name != "table":
            print(f"{name:<40} {value}")
    (ROOT / "bench/broker.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
