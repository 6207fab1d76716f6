"""What a request used, read from the answer as it goes by: any split, any compression, and the bytes stay."""

import gzip
import itertools
import json
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lkrshell.broker.meter import Meter, TakeOut
from lkrshell.broker.usage import Usage

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def sse(*events: object, end: str = "\n", names: bool = False) -> bytes:
    """Server-sent events of JSON texts, `[DONE]` as it is."""
    out = ""
    for event in events:
        if names and isinstance(event, dict):
            out += f"event: {event['type']}{end}"
        out += f"data: {event if isinstance(event, str) else json.dumps(event)}{end}{end}"
    return out.encode()


LONG = 'long \\" \n {} [] , : usage \u00e9 ' * 40
CHUNK = {"id": "c", "object": "chat.completion.chunk", "model": "gpt-4o-2024-08-06"}
CHAT_USAGE = {
    "prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27,
    "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 1},
}  # fmt: skip
EXTRA = {**CHUNK, "choices": [], "usage": CHAT_USAGE}
CHAT = sse(
    {**CHUNK, "choices": [], "prompt_filter_results": []},  # Azure's first one stays
    {**CHUNK, "choices": [{"delta": {"content": LONG}}], "usage": None},
    {**CHUNK, "choices": [{"delta": {"tool_calls": [{"function": {"arguments": '{"usage": {"prompt_tokens": 0}}'}}]}}]},
    {**CHUNK, "choices": [{"delta": {}, "finish_reason": "stop"}], "usage": None},
    EXTRA,
    "[DONE]",
)
MESSAGES = sse(
    {
        "type": "message_start",
        "message": {
            "model": "claude-sonnet-4-5",
            "content": [],
            "usage": {
                "input_tokens": 12, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 40,
                "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 10},
                "output_tokens": 1, "service_tier": "standard",
            },
        },
    },
    {"type": "ping"},
    {"type": "content_block_start", "content_block": {"type": "tool_use", "input": {"usage": {"input_tokens": 0}}}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": LONG}},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 33, "server_tool_use": {"web_search_requests": 2}},
    },
    {"type": "message_stop"},
    names=True,
)  # fmt: skip
RESPONSES = sse(
    {"type": "response.created", "response": {"model": "gpt-5", "usage": None, "output": []}},
    {"type": "response.output_text.delta", "delta": LONG},
    {
        "type": "response.completed",
        "response": {
            "model": "gpt-5-2025-08-07", "service_tier": "priority", "output": [{"content": [{"text": LONG}]}],
            "usage": {
                "input_tokens": 50, "input_tokens_details": {"cached_tokens": 8}, "output_tokens": 9,
                "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 59,
            },
        },
    },
    names=True,
)  # fmt: skip
GEMINI_PARTS = [
    {
        "candidates": [{"content": {"parts": [{"functionCall": {"args": {"usageMetadata": {"a": 0}}}}]}}],
        "usageMetadata": {"promptTokenCount": 30, "candidatesTokenCount": 1},
        "modelVersion": "gemini-2.5-pro",
    },
    {
        "candidates": [{"content": {"parts": [{"text": LONG}]}}],
        "usageMetadata": {
            "promptTokenCount": 30, "candidatesTokenCount": 11, "thoughtsTokenCount": 6, "cachedContentTokenCount": 20,
            "toolUsePromptTokenCount": 4, "totalTokenCount": 51,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 25}, {"modality": "AUDIO", "tokenCount": 5}],
        },
        "modelVersion": "gemini-2.5-pro",
    },
]  # fmt: skip


def usage(model: str = "", tier: str = "", **counts: int) -> Usage:
    found = Usage()
    found.model, found.tier = model, tier
    for name, count in counts.items():
        setattr(found, name, count)
    return found


CHAT_FOUND = usage("gpt-4o-2024-08-06", input=20, output=7, cache_read=5, input_audio=2, output_audio=1)
GEMINI_FOUND = usage("gemini-2.5-pro", input=34, output=17, cache_read=20, input_audio=5)
CASES: dict[str, tuple[str, bytes, Usage]] = {
    "chat, streamed": ("chat", CHAT, CHAT_FOUND),
    "chat": ("chat", json.dumps({**CHUNK, "choices": [{"message": {"content": LONG}}], "usage": CHAT_USAGE}).encode(),
             CHAT_FOUND),
    "chat of groq": ("chat", sse({**CHUNK, "choices": [], "x_groq": {"usage": CHAT_USAGE}}, "[DONE]"), CHAT_FOUND),
    "chat of deepseek": (
        "chat",
        json.dumps({"usage": {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4, "completion_tokens": 1}}).encode(),
        usage(input=9, output=1, cache_read=4),
    ),
    "responses, streamed": ("responses", RESPONSES,
                            usage("gpt-5-2025-08-07", "priority", input=50, output=9, cache_read=8)),
    "responses": (
        "responses",
        json.dumps({"model": "gpt-5", "output": [LONG], "usage": {"input_tokens": 3, "output_tokens": 2}}).encode(),
        usage("gpt-5", input=3, output=2),
    ),
    "messages, streamed": (
        "messages", MESSAGES,
        usage("claude-sonnet-4-5", "standard", input=152, output=33, cache_read=100, cache_write=40, cache_write_1h=10,
              searches=2),
    ),
    "messages": (
        "messages",
        json.dumps({"model": "claude-x", "content": [{"text": LONG}],
                    "usage": {"input_tokens": 4, "output_tokens": 5, "cache_read_input_tokens": None}}).encode(),
        usage("claude-x", input=4, output=5),
    ),
    "gemini, events": ("gemini", sse(*GEMINI_PARTS, end="\r\n"), GEMINI_FOUND),
    "gemini, a list": ("gemini", json.dumps(GEMINI_PARTS, indent=2).encode(), GEMINI_FOUND),
    "gemini": ("gemini", json.dumps(GEMINI_PARTS[1]).encode(), GEMINI_FOUND),
    "embeddings": (
        "embeddings",
        json.dumps({"data": [{"embedding": [0.1] * 300}], "model": "text-embedding-3-small",
                    "usage": {"prompt_tokens": 8, "total_tokens": 8}}).encode(),
        usage("text-embedding-3-small", input=8),
    ),
    "chat, an event of several lines": (
        "chat",
        b'\r\n: a comment\r\ndata: {"choices": [],\r\ndata:"usage": {"prompt_tokens": 3}\r\ndata: }\r\nid: 1\r\n\r\n',
        usage(input=3),
    ),
    "embeddings of voyage": (
        "embeddings", b'{"model": "voyage-3", "usage": {"total_tokens": 10}}', usage("voyage-3", input=10)),
    "cohere": (
        "cohere",
        json.dumps({"usage": {"billed_units": {"input_tokens": 5, "output_tokens": 6},
                              "tokens": {"input_tokens": 71, "output_tokens": 6}}}).encode(),
        usage(input=5, output=6),
    ),
    "cohere, streamed": (
        "cohere",
        sse({"type": "message-end", "delta": {"usage": {"billed_units": {"input_tokens": 5, "output_tokens": 6}}}}),
        usage(input=5, output=6),
    ),
}  # fmt: skip
ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: bytes(brotli.compress(data)),
    "zstd": lambda data: bytes(zstd.compress(data)),
}


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def metered(family: str, pieces: list[bytes], kind: str = "", encoding: str = "") -> Usage | None:
    meter = Meter(family, kind, encoding)
    for piece in pieces:
        meter.feed(piece)
    return meter.result()[0]


@pytest.mark.parametrize("name", CASES)
def test_each_family_says_what_was_used(name: str) -> None:
    family, body, expected = CASES[name]
    assert metered(family, [body]) == expected
    assert metered(family, [bytes([each]) for each in body]) == expected, "byte by byte"


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(CASES)), cuts=st.lists(st.integers(0, 1 << 20), max_size=30),
       encoding=st.sampled_from(sorted(ENCODE)))  # fmt: skip
def test_any_split_and_any_compression_give_the_same(name: str, cuts: list[int], encoding: str) -> None:
    family, body, expected = CASES[name]
    assert metered(family, split(ENCODE[encoding](body), cuts), encoding=encoding) == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n"]), min_size=len(CHAT.split(b"\n")),
                max_size=len(CHAT.split(b"\n"))), st.lists(st.integers(0, 1 << 20), max_size=10))  # fmt: skip
def test_lines_may_end_in_any_way(ends: list[bytes], cuts: list[int]) -> None:
    body = b"".join(line + end for line, end in zip(CHAT.split(b"\n"), ends, strict=True))
    assume(b"\r\n" not in [a + b for a, b in itertools.pairwise(ends)])  # together they are one line's end
    assert metered("chat", split(body, cuts), "text/event-stream") == CHAT_FOUND


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)),
       st.lists(st.integers(0, 1 << 20), max_size=10), st.booleans())  # fmt: skip
def test_what_a_model_writes_does_not_pass_for_the_vendors_count(content: object, cuts: list[int], ascii: bool) -> None:
    forged = {"usage": CHAT_USAGE, "x": content, "*": {"usage": CHAT_USAGE}}
    body = {"choices": [forged, content], "y": {"usage": 1}, "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    data = json.dumps(body, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    assert metered("chat", split(data, cuts)) == usage(input=3, output=4)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 1 << 20), max_size=30), st.sampled_from(["\n", "\r\n"]))
def test_the_added_event_is_taken_out_and_all_other_bytes_stay(cuts: list[int], end: str) -> None:
    body = CHAT.replace(b"\n", end.encode())
    extra = sse(EXTRA, end=end)
    assert extra in body
    out = TakeOut()
    got = b"".join([*map(out.feed, split(body, cuts)), out.rest()])
    assert got == body.replace(extra, b"")


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=300), st.just(json.dumps(EXTRA).encode()), st.just(gzip.compress(CHAT)),
                 st.just(b"data: " + b"x" * 200_000 + b"\n\n" + sse({"choices": [1]})), st.just(MESSAGES)),
       st.lists(st.integers(0, 1 << 20), max_size=30))  # fmt: skip
def test_any_other_event_goes_through_byte_for_byte(body: bytes, cuts: list[int]) -> None:
    out = TakeOut()
    assert b"".join([*map(out.feed, split(body, cuts)), out.rest()]) == body


def test_events_leave_as_they_come() -> None:
    out = TakeOut()
    first = sse({"choices": [{"delta": {"content": "a"}}]})
    assert out.feed(first) == first
    assert out.feed(first * 3) == first * 3


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "compress", "gzip, br"])
def test_what_cannot_be_read_is_neither_an_error_nor_counted(encoding: str) -> None:
    meter = Meter("chat", "application/json", encoding)
    for _ in range(3):
        meter.feed(b"\xff\xfe not that \x00" * 50)
    assert meter.blind
    assert meter.result() == (None, False)


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd"])
def test_memory_stays_bounded_whatever_comes(encoding: str) -> None:
    import tracemalloc

    bomb = ENCODE[encoding](b'{"usage": {"prompt_tokens": 1}, "usage": "' + b"x" * (48 << 20) + b'", "z": [')
    one = "x" * 1000
    text = sse(*[{"choices": [{"delta": {"content": one}}]}] * 200)
    tracemalloc.start()
    meter, events, out = Meter("chat", "", encoding), Meter("chat"), TakeOut()
    meter.feed(bomb)
    for _ in range(20):
        events.feed(text)
        out.feed(text)
        out.feed(b"data: " + b"y" * 100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 << 20, peak


def test_a_stream_that_breaks_is_known_as_far_as_it_went() -> None:
    meter = Meter("messages")
    meter.feed(MESSAGES[: MESSAGES.index(b"message_delta")])
    found, final = meter.result()
    assert found and (found.input, final) == (152, False)
    meter.feed(MESSAGES[MESSAGES.index(b"message_delta") :])
    assert meter.result()[1], "the vendor's last word"
