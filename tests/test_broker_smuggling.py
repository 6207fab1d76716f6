"""Raw bytes against the broker: whatever comes in, the vendor gets whole requests with one real key, or nothing."""

import json
import os
import re
import socket
import string
from collections.abc import Iterator

import pytest
from brokers import Broker
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from shells import wait_until
from vendor import REAL, Seen, Standin

from lkrshell.broker import request_checks
from lkrshell.vendors import routes

VIRTUAL = "lkr-vk-openai"
BODY = b'{"model": "m", "messages": []}'
END = b"\r\n"
MORE = int(os.environ.get("LKR_FUZZ", "1"))  # times as many examples


@pytest.fixture(scope="module")
def broker(standin: Standin) -> Iterator[Broker]:
    broker = Broker(str(standin.ca), {"openai": standin.url})
    broker.forwarder.patience = 0.2
    yield broker
    broker.close()


def exchange(broker: Broker, data: bytes, wait: float, answers: int) -> bytes:
    """Sends the bytes, and reads at least so many answers, then until nothing comes for `wait` seconds. The broker has
    done with the bytes then."""
    found = b""
    try:
        with socket.create_connection(("127.0.0.1", broker.port), timeout=20) as connection:
            connection.sendall(data)
            connection.settimeout(20 if answers else wait)
            while piece := connection.recv(1 << 16):
                found += piece
                connection.settimeout(20 if found.count(b"HTTP/1.1 ") < answers else wait)
    except (ConnectionError, TimeoutError):
        pass
    with socket.create_connection(("127.0.0.1", broker.port), timeout=20) as connection:  # comes after, ends after
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        while connection.recv(1 << 16):
            pass
    wait_until(lambda: not broker.forwarder.under_way)
    return found


def is_whole(seen: Seen) -> None:
    """One request as the broker writes it."""
    assert seen.method in ("GET", "POST", "DELETE")
    path = seen.target.partition("?")[0]
    assert any(
        pattern.fullmatch(path) and method == seen.method
        for method, pattern, _, _ in request_checks._patterns("openai")
    ), seen.target
    assert not request_checks.NEVER.search(path)
    assert seen.header("authorization") == f"Bearer {REAL}"
    assert f"{seen.target}{seen.fields}".count(REAL) == 1
    assert VIRTUAL not in f"{seen.target}{seen.fields}"
    names = [name.lower() for name, _ in seen.fields]
    assert not request_checks.CREDENTIALS - {"authorization"} & set(names)
    assert not {"transfer-encoding", "connection", "upgrade", "cookie", "x-http-method-override"} & set(names)
    assert int(seen.header("content-length") or 0) == len(seen.body)


def attack(
    broker: Broker, standin: Standin, data: bytes, wait: float = 0.1, answers: int = 0
) -> tuple[bytes, list[Seen]]:
    """What came back, and what the vendor got: each whole, and no more than what was asked. See `exchange`."""
    standin.seen.clear()
    standin.malformed.clear()
    broker.bookings.clear()
    said = exchange(broker, data, wait, answers)
    assert REAL.encode() not in said
    assert not standin.malformed
    seen = list(standin.seen)
    for each in seen:
        is_whole(each)
    assert len(seen) <= data.count(VIRTUAL.encode()), "no key, no request"
    return said, seen


def request(
    line: bytes = b"POST /openai/v1/chat/completions HTTP/1.1", *fields: bytes, body: bytes = BODY, length: bool = True,
    port: int = 0,
) -> bytes:  # fmt: skip
    all_fields = [
        f"Host: 127.0.0.1:{port}".encode(), b"Authorization: Bearer " + VIRTUAL.encode(),
        b"Content-Type: application/json", *([b"Content-Length: %d" % len(body)] if length else []), *fields,
    ]  # fmt: skip
    return line + END + END.join(all_fields) + END * 2 + body


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


INNER = b"POST /openai/v1/organization/admin_api_keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-x\r\n\r\n"

# What is known to have divided two servers about where a request ends. Each with whether it may be forwarded.
KNOWN = {
    "whole": ((), BODY, True, 1),
    "CL and TE": ((b"Transfer-Encoding: chunked",), chunked(BODY), True, 0),
    "TE alone": ((b"Transfer-Encoding: chunked",), chunked(BODY), False, 1),
    "TE in capitals": ((b"Transfer-Encoding: CHUNKED",), chunked(BODY), False, 0),
    "TE twice": ((b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"), chunked(BODY), False, 0),
    "TE with a space": ((b"Transfer-Encoding : chunked",), chunked(BODY), False, 0),
    "TE folded": ((b"Transfer-Encoding:\r\n chunked",), chunked(BODY), False, 0),
    "TE with a tab": ((b"Transfer-Encoding:\tchunked",), chunked(BODY), False, 1),
    "TE by a vertical tab": ((b"Transfer-Encoding: \x0bchunked",), chunked(BODY), False, 0),
    "TE xchunked": ((b"Transfer-Encoding: xchunked",), chunked(BODY), False, 0),
    "TE list": ((b"Transfer-Encoding: chunked, identity",), chunked(BODY), False, 0),
    "TE by a bare LF": ((b"X: 1\nTransfer-Encoding: chunked",), chunked(BODY), False, 0),
    "CL twice": ((b"Content-Length: 0",), BODY, True, 0),
    "CL the same twice": ((b"Content-Length: %d" % len(BODY),), BODY, True, 0),
    "CL list": ((b"Content-Length: 30, 30",), BODY, False, 0),
    "CL with a sign": ((b"Content-Length: +30",), BODY, False, 0),
    "CL in hexadecimal": ((b"Content-Length: 0x1e",), BODY, False, 0),
    "CL with underscores": ((b"Content-Length: 3_0",), BODY, False, 0),
    "CL negative": ((b"Content-Length: -1",), BODY, False, 0),
    "CL huge": ((b"Content-Length: 99999999999999999999",), BODY, False, 0),
    "CL with a space": ((b"Content-Length : 30",), BODY, False, 0),
    "CL by a NUL": ((b"Content-Length: 30\0",), BODY, False, 0),
    "chunk with an extension": ((b"Transfer-Encoding: chunked",), b"1e;x=y\r\n" + BODY + b"\r\n0\r\n\r\n", False, 1),
    "chunk size with a space": ((b"Transfer-Encoding: chunked",), b"1e \r\n" + BODY + b"\r\n0\r\n\r\n", False, 0),
    "chunk size too large": ((b"Transfer-Encoding: chunked",), b"f" * 17 + b"\r\n" + BODY, False, 0),
    "chunk by a bare LF": ((b"Transfer-Encoding: chunked",), b"1e\n" + BODY + b"\n0\n\n", False, 0),
    "trailers with a key": (
        (b"Transfer-Encoding: chunked",),
        b"1e\r\n" + BODY + b"\r\n0\r\nAuthorization: Bearer sk-mine\r\n\r\n", False, 1,
    ),
    "a second request behind the first": ((), BODY + INNER, False, 0),
    "the same with its length": ((b"Content-Length: 30",), BODY + INNER, False, 1),
    "Host twice": ((b"Host: evil.test",), BODY, True, 0),
    "key twice": ((b"Authorization: Bearer lkr-vk-openai",), BODY, True, 0),
    "another key": ((b"authorization: Bearer sk-mine",), BODY, True, 0),
    "a header without a name": ((b": x",), BODY, True, 0),
    "a header with a space in its name": ((b"x y: z",), BODY, True, 0),
    "a header with a CR": ((b"x: y\rz: a",), BODY, True, 0),
    "a header with a NUL": ((b"x: y\0z",), BODY, True, 0),
    "a header that is no UTF-8": ((b"x: \xff\xfe",), BODY, True, 0),
    "upgrade": ((b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMA"), BODY, True, 0),
    "key taken away by Connection": ((b"Connection: authorization",), BODY, True, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_a_request_whose_end_is_unclear_goes_nowhere(broker: Broker, standin: Standin, name: str) -> None:
    fields, body, length, forwarded = KNOWN[name]
    data = request(b"POST /openai/v1/chat/completions HTTP/1.1", *fields, body=body, length=length, port=broker.port)
    if length:
        data = data.replace(b"Content-Length: %d\r\n" % len(body), b"Content-Length: %d\r\n" % len(BODY), 1)
    said, seen = attack(broker, standin, data, 1, forwarded)
    assert len(seen) == forwarded, said
    if forwarded:
        assert seen[0].body == BODY
    else:
        assert not said or re.match(rb"HTTP/1\.[01] 4\d\d ", said), said


@pytest.mark.parametrize(
    "line",
    [
        b"POST /openai/v1/chat/completions HTTP/1.0", b"POST /openai/v1/chat/completions HTTP/2.0",
        b"POST /openai/v1/chat/completions HTTP/0.9", b"POST /openai/v1/chat/completions",
        b"POST\t/openai/v1/chat/completions\tHTTP/1.1",
        b" POST /openai/v1/chat/completions HTTP/1.1", b"POST /openai/v1/chat/completions HTTP/1.1 HTTP/1.1",
        b"POST /openai/v1/chat/completions\x0b HTTP/1.1", b"POST /openai/v1/chat\xc3\xa9 HTTP/1.1",
        b"POST /openai/v1/chat/completions#/../organization HTTP/1.1",
        b"POST /openai/v1/chat/completions\\..\\x HTTP/1.1",
        b"PRI * HTTP/2.0", b"POST openai/v1/chat/completions HTTP/1.1", b"POST @api.openai.com/v1/x HTTP/1.1",
        b"POST /openai/v1/chat/completions?a b HTTP/1.1", b"POST /openai@evil.test/v1/chat/completions HTTP/1.1",
        b"POST /openai/v1/responses/x@evil.test:80/cancel?\x7f HTTP/1.1",
    ],
)  # fmt: skip
def test_a_request_line_of_another_form_goes_nowhere(broker: Broker, standin: Standin, line: bytes) -> None:
    said, seen = attack(broker, standin, request(line, port=broker.port))
    assert not seen, said


@pytest.mark.parametrize("field", [b"Content-Length: 30", b"x: " + b"secret" * 12_000, b"x y: secret"])
def test_what_is_not_http_is_refused_in_one_form_and_never_quoted(
    broker: Broker, standin: Standin, field: bytes
) -> None:
    said, seen = attack(broker, standin, request(b"POST /openai/v1/chat/completions HTTP/1.1", field, port=broker.port))
    assert re.match(rb"HTTP/1\.[01] 400 ", said) and b"\r\nx-lkr-error: form\r\n" in said
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]["code"] == "form"
    assert b"secret" not in said and not seen


def test_two_requests_on_one_connection_are_two_and_each_needs_its_key(broker: Broker, standin: Standin) -> None:
    both = request(port=broker.port) * 2
    _, seen = attack(broker, standin, both, answers=2)
    assert [each.body for each in seen] == [BODY, BODY]
    second = request(port=broker.port).replace(VIRTUAL.encode(), b"sk-guess")
    _, seen = attack(broker, standin, request(port=broker.port) + second, answers=2)
    assert len(seen) == 1


NAMES = [
    "Host", "Content-Length", "Transfer-Encoding", "Connection", "Authorization", "x-api-key", "Cookie", "Upgrade",
    "Expect", "Content-Type", "X-HTTP-Method-Override", "X-Original-URL", "TE", "Trailer", "X-A", "Content-Encoding",
]  # fmt: skip
VALUES = [
    "chunked", "identity", "0", "30", "5", "close", "keep-alive", f"Bearer {VIRTUAL}", "Bearer sk-mine", "h2c", "a",
    "100-continue", "gzip", "authorization", "host, content-length", "", " ", "DELETE", "/v1/organization/costs",
    "application/json",
]  # fmt: skip
odd = st.sampled_from([b"", b" ", b"\t", b"\0", b"\x0b", b"\r", b"\n", b"\xa0", b"\xff", b",", b";", b":"])
field = st.builds(
    lambda name, before, value, after, end: name.encode() + before + b":" + after + value.encode() + end,
    st.sampled_from(NAMES) | st.text(string.ascii_letters + "-_", min_size=1, max_size=8),
    st.just(b"") | odd, st.sampled_from(VALUES), st.just(b" ") | odd, st.sampled_from([END, END, END, b"\n", b"\r"]),
)  # fmt: skip
PATHS = [
    "/openai/v1/chat/completions", "/openai/v1/models", "/openai/v1/models/m", "/openai/v1/organization/costs",
    "/openai/v1/responses/r", "/anthropic/v1/messages", "/openai/v1/../v1/models", "/openai/v1/%2e%2e/x", "*", "/",
    "http://evil.test/openai/v1/models", "/openai/v1/models?key=x&a=b", "/openai/v1/models/a:b",
]  # fmt: skip
line = st.builds(
    lambda method, space, path, junk, version, end: f"{method}{space}{path}{junk} {version}".encode() + end,
    st.sampled_from(["POST", "GET", "DELETE", "CONNECT", "HEAD", "get", "P\0ST"]),
    st.sampled_from([" ", " ", " ", "  ", "\t"]), st.sampled_from(PATHS),
    st.sampled_from(["", "", "", "%00", "#x", " ", "/..", "%2f..", "?", "@x"]),
    st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2", ""]),
    st.sampled_from([END, END, END, b"\n", b"\r", b""]),
)  # fmt: skip
bodies = st.sampled_from(
    [b"", BODY, chunked(BODY), chunked(b""), b"0\r\n\r\n", INNER, BODY + INNER, chunked(BODY) + INNER, b"5\r\nhello"]
) | st.binary(max_size=40)  # fmt: skip


@settings(max_examples=300 * MORE, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(line, st.booleans(), st.booleans(), st.lists(field, max_size=4), bodies), max_size=3))
@example([(b"POST /openai/v1/chat/completions HTTP/1.1\r\n", True, True, [b"Content-Length: 30\r\n"], BODY)])
def test_nothing_but_whole_requests_with_one_real_key_ever_leaves(
    broker: Broker, standin: Standin, parts: list[tuple[bytes, bool, bool, list[bytes], bytes]]
) -> None:
    data = b""
    for start, with_host, with_key, fields, body in parts:
        head = b"Host: 127.0.0.1:%d\r\n" % broker.port if with_host else b""
        head += b"Authorization: Bearer lkr-vk-openai\r\nContent-Type: application/json\r\n" if with_key else b""
        data += start + head + b"".join(fields) + END + body
    attack(broker, standin, data)


@settings(max_examples=150 * MORE, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 300), st.binary(max_size=6), st.integers(0, 3))
def test_a_good_request_with_a_few_bytes_changed_leaves_whole_or_not_at_all(
    broker: Broker, standin: Standin, at: int, junk: bytes, cut: int
) -> None:
    good = request(port=broker.port)
    at %= len(good)
    attack(broker, standin, good[:at] + junk + good[at + cut :])


def test_the_fuzzer_reaches_the_vendor_at_all(broker: Broker, standin: Standin) -> None:
    _, seen = attack(broker, standin, request(port=broker.port), answers=1)
    assert len(seen) == 1 and seen[0].json() == json.loads(BODY)
    assert routes.find("openai")
