"""A vendor on loopback, over TLS, for the tests and the benchmark of the broker.

It speaks Chat Completions, Responses, Messages, Gemini, Cohere and embeddings, streamed and whole. Its own small
strict HTTP parser sees what aiohttp would let pass, and records every request. The header `x-standin`, or a model
called `do-WORD`, makes it misbehave: see `WAYS`.

`python -m vendor FOLDER` serves until stdin ends, with its port on stdout and its authority in FOLDER.
"""

import asyncio
import base64
import gzip
import json
import re
import ssl
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import tasks
import trustme

REAL = "sk-real-0123456789abcdefghijklmnopqrstuvwxyz"
WAYS = {
    "stall": "sends the beginning, then nothing",
    "hang": "sends nothing",
    "cut": "ends the connection in the middle",
    "drop": "ends the connection before the answer",
    "redirect": "307 to another host",
    "echo": "the key in a header, a cookie and the reason",
    "echo-error": "401 with the key in the body, cut in the middle of the key",
    "echo-gzip": "the same, compressed",
    "echo-gzip-200": "200 with the key in the body, compressed",
    "echo-gzip-late": "the same, in a second piece, cut in the middle of the key",
    "429": "too many",
    "500": "a fault",
    "gzip": "compresses whole answers and streams",
    "big": "50 MiB",
    "slow": "waits between the events",
}
WORDS = ["Hello", ",", " this", " is", " the", " stand", "-in", "."]
BIG = 50 << 20


class Seen:
    """One request as it arrived."""

    def __init__(self, method: str, target: str, fields: list[tuple[str, str]], body: bytes) -> None:
        self.method, self.target, self.fields, self.body = method, target, fields, body
        self.gone = threading.Event()  # the client left before the end

    def header(self, name: str) -> str:
        """Returns the header's value; several are joined."""
        return "|".join(value for key, value in self.fields if key.lower() == name)

    def json(self) -> dict[str, object]:
        found = json.loads(self.body or b"{}")
        assert isinstance(found, dict)
        return found


def end(loop: asyncio.AbstractEventLoop) -> None:
    """Cancels what is left in a loop that has stopped, and closes it."""
    for task in (left := asyncio.all_tasks(loop)):
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.close()


class Bad(Exception):
    """The bytes are not a well-formed request."""


class Standin:
    """Serves in its own thread. `malformed` lists requests that no server should have received."""

    def __init__(
        self, folder: Path, real: str = REAL, words: list[str] | None = None, delay: float = 0.0,
        host: str = "127.0.0.1",
    ) -> None:  # fmt: skip
        self.real, self.words, self.delay, self.host = real, words or WORDS, delay, host
        self.task = ""  # a command that coding agents should run
        self.login = ""  # a second valid key, which no broker has
        self.seen: list[Seen] = []
        self.malformed: list[bytes] = []
        self.connections = 0
        folder.mkdir(parents=True, exist_ok=True)
        authority = trustme.CA()
        self.ca = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "::1", "localhost", "vendor.test").configure_cert(self.context)
        self.port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(30)

    @property
    def url(self) -> str:
        return f"https://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._connection, self.host, 0, ssl=self.context, limit=1 << 26, backlog=1024)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        end(self._loop)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                try:
                    seen = await self._read(reader)
                except Bad as error:
                    self.malformed.append(str(error).encode())
                    return
                if seen is None:
                    return
                self.seen.append(seen)
                if not await Answering(self, seen, reader, writer).answer():
                    return
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Seen | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise Bad(f"half a head: {error.partial[:200]!r}") from None
            return None
        line, *rest = head[:-4].split(b"\r\n")
        found = re.fullmatch(rb"([A-Z]+) (/[\x21-\x7e]*) HTTP/1\.1", line)
        if not found:
            raise Bad(f"line {line!r}")
        fields = []
        for each in rest:
            field = re.fullmatch(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+): ?([\t\x20-\x7e\x80-\xff]*)", each)
            if not field:
                raise Bad(f"field {each!r}")
            fields.append((field[1].decode(), field[2].decode()))
        names = [name.lower() for name, _ in fields]
        for name in ("host", "content-length"):
            if names.count(name) > 1:
                raise Bad(f"two of {name}")
        if "host" not in names or "transfer-encoding" in names:
            raise Bad(f"headers {names}")
        length = int(dict(zip(names, (value for _, value in fields), strict=True)).get("content-length", "0"))
        body = await reader.readexactly(length)
        return Seen(found[1].decode(), found[2].decode(), fields, body)


class Answering:
    """One answer."""

    def __init__(
        self, standin: Standin, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.standin, self.seen, self.reader, self.writer = standin, seen, reader, writer
        self.path = seen.target.partition("?")[0]
        self.asked: dict[str, object] = {}
        if "json" in seen.header("content-type"):
            self.asked = seen.json()
        in_path = re.search(r"/models/([^/:]+)", self.path)
        self.model = str(self.asked.get("model") or (in_path[1] if in_path else "a-model"))
        self.way = seen.header("x-standin") or (self.model.removeprefix("do-") if "do-" in self.model else "")
        self.key = self._key()

    def _key(self) -> str:
        for name in ("authorization", "x-api-key", "x-goog-api-key", "api-key", "xi-api-key"):
            if value := self.seen.header(name):
                return value.removeprefix("Bearer ")
        return ""

    async def answer(self) -> bool:
        """Sends the answer. False when the connection is over."""
        if self.way == "hang":
            return await self._stay()
        if self.way == "drop":
            return False
        if self.way == "redirect":
            await self._whole(307, b"", {"Location": "https://elsewhere.test/v1/take"})
            return True
        if self.key not in (self.standin.real, self.standin.login or None):
            await self._whole(401, json.dumps({"error": {"message": "a wrong key", "type": "auth"}}).encode())
            return True
        if self.way in ("429", "500"):
            body = json.dumps({"error": {"message": f"as asked: {self.way}", "type": "asked"}}).encode()
            await self._whole(int(self.way), body, {"retry-after": "0"})
            return True
        if self.way.startswith("echo"):
            await self._echo()
            return True
        if self.way == "big":
            await self._whole(200, b'{"object": "list", "data": "' + b"x" * BIG + b'"}')
            return True
        events = self._events()
        if events is None:
            await self._whole(200, json.dumps(self._json()).encode())
            return True
        return await self._stream(events)

    async def _stay(self) -> bool:
        await self.reader.read()
        self.seen.gone.set()
        return False

    async def _echo(self) -> None:
        key = self.standin.real
        if self.way == "echo":
            fields = {"x-echo": f"you sent {key}", "Set-Cookie": "session=1", "x-lkr-error": "forged"}
            await self._whole(200, json.dumps(self._json()).encode(), fields, reason=f"OK {key}")
            return
        body = json.dumps({"error": {"message": f"Incorrect API key provided: {key}.", "type": "x"}}).encode()
        if self.way == "echo-gzip-200":
            await self._whole(200, gzip.compress(body), {"Content-Encoding": "gzip"})
            return
        if self.way == "echo-gzip-late":
            await self._late(body)
            return
        if self.way == "echo-gzip":
            await self._whole(401, gzip.compress(body), {"Content-Encoding": "gzip"})
            return
        cut = body.index(key.encode()) + 9
        self._head(401, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        self.writer.write(body[:cut])
        await self.writer.drain()
        await asyncio.sleep(0.05)
        self.writer.write(body[cut:])
        await self.writer.drain()

    async def _late(self, body: bytes) -> None:
        """Sends an answer in three pieces, each readable as it arrives."""
        cut = body.index(self.standin.real.encode()) + 9
        engine = zlib.compressobj(wbits=31)
        fields = {"Content-Type": "application/json", "Transfer-Encoding": "chunked", "Content-Encoding": "gzip"}
        self._head(200, fields)
        for piece in (b" " * 99, body[:cut], body[cut:]):
            data = engine.compress(piece) + engine.flush(zlib.Z_SYNC_FLUSH)
            self.writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await self.writer.drain()
            await asyncio.sleep(0.05)
        self.writer.write(b"0\r\n\r\n")

    def _head(self, status: int, fields: dict[str, str], reason: str = "Whatever") -> None:
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in fields.items())]
        self.writer.write("\r\n".join([*lines, "", ""]).encode())

    async def _whole(
        self, status: int, body: bytes, fields: dict[str, str] | None = None, reason: str = "Whatever"
    ) -> None:
        fields = {"Content-Type": "application/json", "x-request-id": "req_1", **(fields or {})}
        if self.way == "gzip" and "gzip" in self.seen.header("accept-encoding"):
            body = gzip.compress(body)
            fields["Content-Encoding"] = "gzip"
        if self.way == "cut":
            self._head(status, {**fields, "Content-Length": str(len(body) + 1000)}, reason)
            self.writer.write(body)
            self.writer.close()
            return
        self._head(status, {**fields, "Content-Length": str(len(body))}, reason)
        self.writer.write(body)
        await self.writer.drain()

    async def _stream(self, events: list[bytes]) -> bool:
        fields = {"Content-Type": "text/event-stream; charset=utf-8", "Transfer-Encoding": "chunked"}
        pack: Callable[[bytes], bytes] = lambda data: data  # noqa: E731
        if self.way == "gzip" and "gzip" in self.seen.header("accept-encoding"):
            fields["Content-Encoding"] = "gzip"
            pack = gzip.compress  # one gzip member for each
        self._head(200, fields)
        watch = asyncio.ensure_future(self.reader.read(1))
        try:
            for number, event in enumerate(events):
                if number == 2 and self.way == "stall":
                    await asyncio.wait({watch})
                    break
                if number == 2 and self.way == "cut":
                    return False
                data = pack(event)
                self.writer.write(b"%x\r\n%s\r\n" % (len(data), data))
                await self.writer.drain()
                if self.standin.delay or self.way == "slow":
                    await asyncio.sleep(self.standin.delay or 0.1)
            if watch.done():
                self.seen.gone.set()
                return False
            self.writer.write(b"0\r\n\r\n")
            await self.writer.drain()
        finally:
            if not watch.done():
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)
        return True

    # the usage, as each API reports it

    def _usage(self) -> int:
        return len(self.standin.words)

    def _json(self) -> dict[str, object]:
        text, path = "".join(self.standin.words), self.path
        if whole := self._called(stream=False):
            return whole[0][1]
        if path.endswith("/embeddings"):
            vector: object = [0.5, 0.25, -1.0]
            if self.asked.get("encoding_format") == "base64":
                vector = base64.b64encode(struct.pack("<3f", 0.5, 0.25, -1.0)).decode()
            row = {"object": "embedding", "index": 0, "embedding": vector}
            return {"object": "list", "data": [row], "model": self.model, "id": "e1", "usage": _tokens(4, 0)}
        if path.endswith("/embed"):
            return {
                "id": "e1", "response_type": "embeddings_by_type", "embeddings": {"float": [[0.5, 0.25]]},
                "texts": ["x"], "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 4}},
            }  # fmt: skip
        if path.endswith((":embedContent", ":batchEmbedContents")):
            return {"embedding": {"values": [0.5]}, "embeddings": [{"values": [0.5, 0.25]}]}
        if path.endswith(":generateContent"):
            return _gemini(text, 5, self._usage())
        if path.endswith("/v2/chat"):
            return _cohere(text, self._usage())
        if path.endswith("/responses"):
            return _response(self.model, text, "completed", self._usage())
        if path.endswith("/messages"):
            return _message(self.model, [{"type": "text", "text": text}], self._usage())
        if path.endswith("/count_tokens"):
            return {"input_tokens": 5}
        if "/models" in path:
            row = {"id": "a-model", "object": "model", "created": 1, "owned_by": "standin", "name": "a-model"}
            return {"object": "list", "data": [row], "models": [row]} if path.endswith("/models") else row
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return _chat(self.model, "chat.completion", [choice]) | {"usage": _tokens(5, self._usage())}

    def _called(self, stream: bool) -> list[tasks.Event] | None:
        """Returns the answer that makes an agent run the task; None when there is none to run."""
        found = tasks.call(self.path, self.asked, self.standin.task) if self.standin.task else None
        if not found:
            return None
        if "GenerateContent" in self.path or ":generateContent" in self.path:
            return tasks.gemini(*found)
        if self.path.endswith("/responses"):
            return tasks.responses(_response(self.model, "", "completed", 8), *found, stream)
        if self.path.endswith("/messages"):
            return tasks.messages(_message(self.model, [], 8), *found, stream)
        return tasks.chat(self.model, *found, stream)

    def _events(self) -> list[bytes] | None:
        """Returns the events of a stream; None when the answer comes whole."""
        words, path = self.standin.words, self.path
        streams = path.endswith(":streamGenerateContent") or bool(self.asked.get("stream"))
        if streams and (called := self._called(stream=True)):
            done = [b"data: [DONE]\n\n"] if path.endswith("/chat/completions") else []
            return [_event(data, name) for name, data in called] + done
        if path.endswith(":streamGenerateContent"):
            return [_event(_gemini(word, 5, n + 1, n + 1 == len(words))) for n, word in enumerate(words)]
        if not self.asked.get("stream"):
            return None
        if path.endswith("/responses"):
            return _response_events(self.model, words)
        if path.endswith("/messages"):
            return _message_events(self.model, words)
        if path.endswith("/v2/chat"):
            return _cohere_events(words)
        rows: list[dict[str, object]] = [
            {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None} for word in words
        ]
        rows.append({"index": 0, "delta": {}, "finish_reason": "stop"})
        found = [_event(_chat(self.model, "chat.completion.chunk", [row])) for row in rows]
        options = self.asked.get("stream_options")
        if isinstance(options, dict) and options.get("include_usage"):
            last = _chat(self.model, "chat.completion.chunk", []) | {"usage": _tokens(5, len(words))}
            found.append(_event(last))
        return [*found, b"data: [DONE]\n\n"]


def _event(data: dict[str, object], name: str = "") -> bytes:
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(data).encode() + b"\n\n"


def _tokens(into: int, out: int) -> dict[str, object]:
    return {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}


def _chat(model: str, kind: str, choices: list[dict[str, object]]) -> dict[str, object]:
    return {
        "id": "chatcmpl-1", "object": kind, "created": 1, "model": model, "choices": choices, "service_tier": "default",
    }  # fmt: skip


def _gemini(text: str, into: int, out: int, last: bool = True) -> dict[str, object]:
    usage = {"promptTokenCount": into, "candidatesTokenCount": out, "totalTokenCount": into + out}
    content = {"parts": [{"text": text}], "role": "model"}
    candidate = {"content": content, "index": 0, **({"finishReason": "STOP"} if last else {})}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "a-model"}


def _response(model: str, text: str, status: str, out: int) -> dict[str, object]:
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": [part]}
    usage = {
        "input_tokens": 5, "output_tokens": out, "total_tokens": 5 + out,
        "input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0},
    }  # fmt: skip
    done = status == "completed"
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": model,
        "output": [item] if done else [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "usage": usage if done else None, "error": None, "incomplete_details": None, "instructions": None,
        "metadata": {}, "temperature": 1.0, "top_p": 1.0,
    }  # fmt: skip


def _response_events(model: str, words: list[str]) -> list[bytes]:
    text = "".join(words)
    place = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    empty = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    whole = _response(model, text, "completed", len(words))
    output = whole["output"]
    assert isinstance(output, list)
    part = {"type": "output_text", "text": "", "annotations": []}
    rows: list[tuple[str, dict[str, object]]] = [
        ("response.created", {"response": _response(model, "", "in_progress", 0)}),
        ("response.output_item.added", {"output_index": 0, "item": empty}),
        ("response.content_part.added", {**place, "part": part}),
        *(("response.output_text.delta", {**place, "delta": word, "logprobs": []}) for word in words),
        ("response.output_text.done", {**place, "text": text, "logprobs": []}),
        ("response.content_part.done", {**place, "part": {**part, "text": text}}),
        ("response.output_item.done", {"output_index": 0, "item": output[0]}),
        ("response.completed", {"response": whole}),
    ]
    return [_event({"type": name, "sequence_number": n, **row}, name) for n, (name, row) in enumerate(rows)]


def _message(model: str, content: list[dict[str, object]], out: int) -> dict[str, object]:
    usage = {
        "input_tokens": 5, "output_tokens": out, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
    }  # fmt: skip
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": content,
        "stop_reason": "end_turn" if content else None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip


def _message_events(model: str, words: list[str]) -> list[bytes]:
    end: dict[str, object] = {"stop_reason": "end_turn", "stop_sequence": None}
    rows: list[dict[str, object]] = [
        {"type": "message_start", "message": _message(model, [], 1)},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in words),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": len(words)}},
        {"type": "message_stop"},
    ]
    return [_event(row, str(row["type"])) for row in rows]


def _cohere(text: str, out: int) -> dict[str, object]:
    usage = {"billed_units": {"input_tokens": 5, "output_tokens": out}}
    message = {"role": "assistant", "content": [{"type": "text", "text": text}]}
    return {"id": "c1", "finish_reason": "COMPLETE", "message": message, "usage": usage}


def _cohere_events(words: list[str]) -> list[bytes]:
    def delta(word: str) -> dict[str, object]:
        return {"message": {"content": {"text": word}}}

    rows: list[dict[str, object]] = [
        {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant", "content": []}}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        *({"type": "content-delta", "index": 0, "delta": delta(word)} for word in words),
        {"type": "content-end", "index": 0},
        {
            "type": "message-end",
            "delta": {"finish_reason": "COMPLETE", "usage": {"tokens": {"input_tokens": 5, "output_tokens": 8}}},
        },
    ]
    return [_event(row, str(row["type"])) for row in rows]


def main() -> None:
    words = [f"word{n} " for n in range(int(sys.argv[2]))] if len(sys.argv) > 2 else None
    delay = float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    standin = Standin(Path(sys.argv[1]), words=words, delay=delay)
    print(standin.port, flush=True)
    sys.stdin.read()
    print(len(standin.seen), len(standin.malformed), time.monotonic(), flush=True)


if __name__ == "__main__":
    main()
