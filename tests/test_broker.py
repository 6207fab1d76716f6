"""One request through the broker: what is refused, what the vendor gets, and how the answer comes back."""

import gzip
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from brokers import Broker
from proxy import Proxy
from shells import wait_until
from vendor import BIG, REAL, WORDS, Standin

from lkrshell.broker import request_checks
from lkrshell.broker.interfaces import Call, Refused
from lkrshell.core.addresses import is_public
from lkrshell.vendors import routes

CHAT = "/openai/v1/chat/completions"
KEY = {"Authorization": "Bearer lkr-vk-openai"}
JSON = {**KEY, "Content-Type": "application/json"}


@pytest.fixture
def broker(standin: Standin) -> Iterator[Broker]:
    standin.seen.clear()
    standin.malformed.clear()
    broker = Broker(str(standin.ca), dict.fromkeys(routes.ROUTES, standin.url))
    yield broker
    broker.close()
    assert not standin.malformed


class Said:
    """An answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes, reason: str) -> None:
        self.status, self.headers, self.body, self.reason = status, headers, body, reason

    @property
    def message(self) -> str:
        found = json.loads(self.body)
        return str(found.get("message") or found.get("detail") or found["error"]["message"])


def ask(
    broker: Broker, path: str = CHAT, method: str = "POST", headers: dict[str, str] | None = None,
    body: object = None,
) -> Said:  # fmt: skip
    """One request on a connection of its own; a dict as body is sent as JSON."""
    data = json.dumps({"model": "m", "messages": []} if body is None else body) if not isinstance(body, bytes) else body
    connection = http.client.HTTPConnection("127.0.0.1", broker.port, timeout=60)
    try:
        connection.request(method, path, None if method == "GET" else data, JSON if headers is None else headers)
        answer = connection.getresponse()
        return Said(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read(), answer.reason)
    finally:
        connection.close()


def post(broker: Broker, body: bytes) -> bytes:
    """A request as bytes."""
    fields = {"Host": f"127.0.0.1:{broker.port}", **JSON, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {CHAT} HTTP/1.1\r\n{head}\r\n".encode() + body


def raw(broker: Broker, data: bytes) -> bytes:
    """What comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", broker.port), timeout=60) as connection:
        connection.sendall(data)
        found = b""
        while piece := connection.recv(1 << 16):
            found += piece
        return found


def test_a_request_goes_to_the_vendor_with_the_real_key_alone(broker: Broker, standin: Standin) -> None:
    said = ask(
        broker,
        CHAT + "?key=mine&beta=1&api%5Fkey=x&%6bey=y",
        headers={
            **JSON, "Cookie": "a=b", "X-Forwarded-For": "10.0.0.1", "Forwarded": "for=1", "Connection": "x-private",
            "X-Private": "1", "X-HTTP-Method-Override": "DELETE", "X-Original-URL": "/v1/organization", "Via": "x",
            "OpenAI-Organization": "org-1", "X-Stainless-Lang": "python", "User-Agent": "me/1", "X-Lkr-Error": "x",
            "Referer": "http://127.0.0.1/secret",
        },
    )  # fmt: skip
    assert said.status == 200
    seen = standin.seen[0]
    assert seen.target == "/v1/chat/completions?beta=1"
    assert {name.lower() for name, _ in seen.fields} == {
        "host", "authorization", "content-type", "content-length", "accept-encoding", "openai-organization",
        "x-stainless-lang", "user-agent",
    }  # fmt: skip
    assert seen.header("authorization") == f"Bearer {REAL}"
    assert seen.header("host") == f"127.0.0.1:{standin.port}"
    assert seen.header("user-agent") == "me/1"


def test_the_server_is_at_both_forms_of_a_base_url(broker: Broker, standin: Standin) -> None:
    for path in ("/anthropic/v1/messages", "/anthropic/messages"):
        assert (
            ask(broker, path, headers={"x-api-key": "lkr-vk-anthropic", "Content-Type": "application/json"}).status
            == 200
        )
    for path in (CHAT, "/openai/chat/completions"):
        assert ask(broker, path).status == 200
    for path in ("/gemini/v1beta/models/m:generateContent", "/gemini/models/m:generateContent"):
        assert ask(broker, path, headers={"x-goog-api-key": "lkr-vk-gemini"}).status == 200
    assert [seen.target for seen in standin.seen] == [
        *["/v1/messages"] * 2, *["/v1/chat/completions"] * 2, *["/v1beta/models/m:generateContent"] * 2,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Host": "evil.test"}, 403, "host"),
        ({"Host": "localhost:{port}"}, 403, "host"),
        ({"Host": "127.0.0.1"}, 403, "host"),
        ({"Host": "127.0.0.1:1"}, 403, "host"),
        ({"Host": "127.0.0.1:{port}, evil.test"}, 403, "host"),
        ({"Origin": "http://127.0.0.1:{port}"}, 403, "origin"),
        ({"Origin": "null"}, 403, "origin"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "origin"),
        ({"x-api-key": "lkr-vk-openai"}, 400, "credentials"),
        ({"Proxy-Authorization": "Bearer x"}, 400, "credentials"),
        ({"Authorization": "Bearer sk-of-mine"}, 401, "key"),
        ({"Authorization": "Bearer lkr-vk-anthropic"}, 403, "vendor"),
        ({"Authorization": "Basic bGtyOnZr"}, 401, "credentials"),
        ({"Authorization": "Bearer lkr-vk-openai lkr-vk-openai"}, 401, "credentials"),
        ({"Upgrade": "websocket", "Connection": "Upgrade"}, 426, "websocket"),
        ({"Content-Encoding": "gzip"}, 415, "body"),
        ({"Transfer-Encoding": "chunked", "Content-Length": "30"}, 400, ""),
        ({"Transfer-Encoding": "gzip, chunked"}, 400, ""),
    ],
)
def test_a_request_with_a_wrong_header_is_refused_and_nothing_leaves(
    broker: Broker, standin: Standin, headers: dict[str, str], status: int, code: str
) -> None:
    said = ask(broker, headers={**JSON, **{name: value.format(port=broker.port) for name, value in headers.items()}})
    assert said.status == status
    if code:
        assert said.headers["x-lkr-error"] == code
        assert said.message.startswith("lkr: ")
        assert said.headers["x-should-retry"] == "false"
    assert not standin.seen and not broker.permits


@pytest.mark.parametrize(
    "target",
    [
        "/openai/v1/%2e%2e/v1/chat/completions", "/openai/v1/../v1/chat/completions", "/openai/v1%2fchat/completions",
        "/openai/v1/chat%5Ccompletions", "/openai//v1/chat/completions", "/openai/v1/chat/completions/", "/openai/./v1",
        "/openai/v1/chat/completions%00", "/openai/v1/chat/completions%3Fx", "/openai/v1/chat/completions;x=1",
        "/openai/v1/%252e%252e/x", "/openai", "/openai/", "/", "//openai/v1/chat/completions",
        "/OPENAI/v1/chat/completions",
        "/nobody/v1/chat/completions", "/bedrock/model/x", "/openai/v1/chat/completions?a=%0d%0a", "*",
        "/openai/v1/models/...", "/openai/v1/models/%3a/../x",
        "http://api.openai.com/v1/chat/completions", "https://127.0.0.1/openai/v1/chat/completions",
        "/openai/v1/organization/costs", "/openai/v1/organization/admin_api_keys", "/openai/v1/realtime/client_secrets",
        "/openai/v1/realtime/sessions", "/openai/v1/files", "/openai/v1/uploads", "/openai/v1/fine_tuning/jobs",
        "/openai/v1/batches", "/openai/v1/projects", "/openai/v1/chatkit/sessions", "/openai/v1/realtime",
        "/anthropic/v1/organizations/api_keys", "/anthropic/v1/oauth/token", "/anthropic/v1/messages/batches",
        "/gemini/v1alpha/auth_tokens", "/gemini/upload/v1beta/files", "/gemini/v1beta/models/m:bidiGenerateContent",
        "/openrouter/api/v1/keys", "/openrouter/api/v1/auth/keys", "/elevenlabs/v1/single-use-token/x",
        "/mistral/v1/users/me", "/cohere/v1/check-api-key",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_path_that_is_not_listed_is_refused_and_nothing_leaves(
    broker: Broker, standin: Standin, target: str, method: str
) -> None:
    vendor = target.split("/")[1] if target.count("/") > 1 else "openai"
    route = routes.find(vendor) or routes.ROUTES["openai"]
    header = route.headers[0]
    value = f"{'Bearer ' if header == 'authorization' else ''}lkr-vk-{vendor}"
    found = raw(
        broker,
        f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\n{header}: {value}\r\n"
        f"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}".encode(),
    )
    assert re.match(rb"HTTP/1\.[01] 40[045] ", found), found
    assert not standin.seen and not broker.permits


@pytest.mark.parametrize(
    "method", ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "GET", "CONNECT", "TRACE", "post", "LKR"]
)
def test_a_method_that_is_not_listed_is_refused(broker: Broker, standin: Standin, method: str) -> None:
    head = f"Host: 127.0.0.1:{broker.port}\r\nAuthorization: Bearer lkr-vk-openai\r\n\r\n"
    found = raw(broker, f"{method} {CHAT} HTTP/1.1\r\n{head}".encode())
    assert re.match(rb"HTTP/1\.[01] 40[05] ", found), found
    assert not standin.seen


def test_no_route_names_what_makes_keys() -> None:
    for name, route in routes.ROUTES.items():
        for _, path, _, _ in route.calls:
            assert not request_checks.NEVER.search(path), (name, path)
        assert not route.upstream or route.upstream.startswith("https://")
        assert all(variable.isupper() and path.startswith(f"/{name}") for variable, path in route.bases)


@pytest.mark.parametrize(
    ("vendor", "path", "fields"),
    [
        ("openai", CHAT, {"error": {"message", "type", "param", "code"}}),
        ("anthropic", "/anthropic/v1/messages", {"type": set(), "error": {"type", "message"}}),
        ("gemini", "/gemini/v1beta/models/m:generateContent", {"error": {"code", "message", "status"}}),
        ("cohere", "/cohere/v2/chat", {"message": set()}),
    ],
)
def test_a_limit_is_reported_in_the_vendors_own_form(
    broker: Broker, standin: Standin, vendor: str, path: str, fields: dict[str, set[str]]
) -> None:
    broker.refuse_limit = Refused(403, "limit", "over 5 dollars a day; lkr policy openai:prod --budget 10/day")
    header = routes.ROUTES[vendor].headers[0]
    value = f"Bearer lkr-vk-{vendor}" if header == "authorization" else f"lkr-vk-{vendor}"
    said = ask(broker, path, headers={header: value, "Content-Type": "application/json"})
    assert (said.status, said.headers["x-lkr-error"]) == (403, "limit")
    body = json.loads(said.body)
    assert {name: set(value) if isinstance(value, dict) else set() for name, value in body.items()} == fields
    assert said.message == "lkr: over 5 dollars a day; lkr policy openai:prod --budget 10/day"
    assert not standin.seen


def test_what_the_authority_refuses_is_reported_and_nothing_leaves(broker: Broker, standin: Standin) -> None:
    broker.refuse = Refused(403, "locked", "the vault is locked; lkr unlock")
    said = ask(broker)
    assert (said.status, said.message) == (403, "lkr: the vault is locked; lkr unlock")
    broker.refuse, broker.allowed = None, False
    assert ask(broker).headers["x-lkr-error"] == "process"
    assert not standin.seen


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "cheap", "model": "dear"}', b'{"model": "cheap", "Model": "dear"}',
        b'{"m\\u006fdel":"a","model":"b"}',
        b"[]", b"", b"{", b'{"model": "m"} x', b'{"model": "m"}{"model": "n"}', b"\xff", b'{"MODEL": "m"}',
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_body_that_two_readers_read_differently_is_refused(broker: Broker, standin: Standin, body: bytes) -> None:
    said = ask(broker, body=body)
    if body:
        assert (said.status, said.headers["x-lkr-error"]) == (400, "body")
        assert not standin.seen


def test_the_limiter_sees_model_and_body_and_may_change_the_body(broker: Broker, standin: Standin) -> None:
    def change(call: Call) -> bytes:
        assert (call.vendor, call.family, call.method, call.model) == ("openai", "chat", "POST", "m")
        call.body = call.body[:-1] + b', "stream_options": {"include_usage": true}}'
        return b": an extra chunk\n\n"

    broker.change = change
    said = ask(broker, headers={**JSON, "Accept-Encoding": "gzip"}, body={"model": "m", "stream": True})
    assert standin.seen[0].json()["stream_options"] == {"include_usage": True}
    assert standin.seen[0].header("accept-encoding") == "identity", "what is taken out must not be compressed"
    assert b'"usage"' in said.body
    wait_until(lambda: broker.bookings[0].settled)
    assert broker.bookings[0].settled == [(200, True)]
    assert broker.bookings[0].fed == said.body


def test_the_first_event_of_a_stream_arrives_before_the_last_is_sent(broker: Broker, standin: Standin) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", broker.port, timeout=60)
    connection.request("POST", CHAT, json.dumps({"model": "do-stall", "stream": True}), JSON)
    answer = connection.getresponse()
    found = b""
    while found.count(b"\n\n") < 2:
        found += answer.read1(100)
    assert b"Hello" in found, "and the vendor is silent from here on"
    assert not standin.seen[0].gone.is_set()
    connection.close()
    answer.close()
    assert standin.seen[0].gone.wait(30), "a client that goes away ends the vendor's request"
    wait_until(lambda: broker.bookings[0].settled)
    assert broker.bookings[0].settled == [(200, False)]
    assert broker.forwarder.under_way == 0


def test_a_client_that_goes_away_before_the_answer_ends_the_vendors_request(broker: Broker, standin: Standin) -> None:
    with socket.create_connection(("127.0.0.1", broker.port)) as connection:
        connection.sendall(post(broker, b'{"model": "do-hang"}'))
        wait_until(lambda: standin.seen)
    assert standin.seen[0].gone.wait(30)
    wait_until(lambda: broker.bookings[0].settled)
    assert broker.bookings[0].settled == [(0, False)]


def test_a_lock_ends_the_streams_under_way(broker: Broker, standin: Standin) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", broker.port, timeout=60)
    connection.request("POST", CHAT, json.dumps({"model": "do-stall", "stream": True}), JSON)
    answer = connection.getresponse()
    assert answer.read1(10)
    assert broker.call(broker.forwarder.end) == 1
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()
    assert standin.seen[0].gone.wait(30)
    connection.close()
    assert ask(broker).status == 200, "others go on"


@pytest.mark.parametrize("way", ["cut", "drop"])
@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_breaks_off_does_not_count_as_whole_and_is_not_asked_for_again(
    broker: Broker, standin: Standin, way: str, stream: bool
) -> None:
    if way == "drop":
        said = ask(broker, body={"model": "do-drop", "stream": stream})
        assert (said.status, said.headers["x-lkr-error"]) == (502, "upstream")
    else:
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            ask(broker, body={"model": "do-cut", "stream": stream})
    assert len(standin.seen) == 1
    wait_until(lambda: broker.bookings[0].settled)
    assert broker.bookings[0].settled == [(0 if way == "drop" else 200, False)]


def test_a_get_on_a_connection_that_the_vendor_closed_is_not_sent_twice(broker: Broker, standin: Standin) -> None:
    assert ask(broker, "/openai/v1/models", "GET").status == 200  # a connection that is kept
    said = ask(broker, "/openai/v1/models", "GET", headers={**KEY, "x-standin": "drop"})
    assert said.status == 502
    assert len(standin.seen) == 2


@pytest.mark.parametrize("stream", [True, False])
def test_compressed_answers_pass_unchanged_and_the_meter_reads_them(
    broker: Broker, standin: Standin, stream: bool
) -> None:
    body = {"model": "do-gzip", "stream": stream}
    said = ask(broker, headers={**JSON, "Accept-Encoding": "br, gzip;q=0.5"}, body=body)
    assert standin.seen[0].header("accept-encoding") == "gzip"
    assert said.headers["content-encoding"] == "gzip"
    plain = gzip.decompress(said.body)
    assert b"Hello" in plain
    assert (broker.bookings[0].fed, broker.bookings[0].encoding) == (said.body, "gzip")
    if not stream:
        assert int(said.headers["content-length"]) == len(said.body)
    said = ask(broker, headers={**JSON, "Accept-Encoding": "br, gzip;q=0"}, body=body)
    assert "content-encoding" not in said.headers


def test_cookies_do_not_come_back_and_an_echoed_key_is_masked_in_headers(broker: Broker) -> None:
    said = ask(broker, body={"model": "do-echo"})
    assert said.status == 200
    assert "set-cookie" not in said.headers
    assert said.headers["x-echo"] == "you sent ****"
    assert said.headers["x-request-id"] == "req_1"
    assert "x-lkr-error" not in said.headers, "only the broker says that"
    assert said.reason == "OK ****"


@pytest.mark.parametrize("way", ["do-echo-error", "do-echo-gzip"])
def test_an_echoed_key_is_masked_in_an_error(broker: Broker, way: str) -> None:
    said = ask(broker, headers={**JSON, "Accept-Encoding": "gzip"}, body={"model": way})
    assert said.status == 401
    assert said.message == f"Incorrect API key provided: {'*' * len(REAL)}."
    assert "content-encoding" not in said.headers
    if "content-length" in said.headers:
        assert int(said.headers["content-length"]) == len(said.body)


def test_an_echoed_key_does_not_pass_in_a_compressed_answer(broker: Broker) -> None:
    said = ask(broker, headers={**JSON, "Accept-Encoding": "gzip"}, body={"model": "do-echo-gzip-200"})
    assert said.status == 200
    assert said.message == f"Incorrect API key provided: {'*' * len(REAL)}."
    assert "content-encoding" not in said.headers
    answer = raw(broker, post(broker, json.dumps({"model": "do-echo-gzip-late"}).encode()))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"200" in head and b"gzip" in head, "it had begun to pass"
    assert not body.endswith(b"0\r\n\r\n"), "the answer is cut off"
    engine, plain = zlib.decompressobj(31), b""
    while body:
        size, _, body = body.partition(b"\r\n")
        plain += engine.decompress(body[: int(size, 16)])
        body = body[int(size, 16) + 2 :]
    assert plain.startswith(b" ") and REAL[:9].encode() not in plain


def test_a_redirect_is_not_followed_and_not_passed_on(broker: Broker, standin: Standin) -> None:
    said = ask(broker, body={"model": "do-redirect"})
    assert (said.status, said.headers["x-lkr-error"]) == (403, "redirect")
    assert "location" not in said.headers
    assert len(standin.seen) == 1
    wait_until(lambda: broker.bookings[0].settled)
    assert broker.bookings[0].settled == [(307, True)]


@pytest.mark.parametrize("status", ["429", "500"])
def test_a_vendors_errors_pass_unchanged(broker: Broker, status: str) -> None:
    said = ask(broker, body={"model": f"do-{status}"})
    assert said.status == int(status)
    assert said.message == f"as asked: {status}"
    assert said.headers["retry-after"] == "0"
    assert "x-lkr-error" not in said.headers
    wait_until(lambda: broker.bookings[0].settled)
    assert broker.bookings[0].settled == [(int(status), True)]


def test_fifty_mebibytes_go_both_ways(broker: Broker, standin: Standin) -> None:
    said = ask(broker, body={"model": "do-big", "input": "x" * BIG})
    assert len(said.body) > BIG
    assert len(standin.seen[0].body) > BIG
    standin.seen.clear()
    broker.bookings.clear()


def test_a_body_that_does_not_come_or_is_damaged_is_refused(broker: Broker, standin: Standin) -> None:
    broker.forwarder.patience = 0.3
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\nAuthorization: Bearer lkr-vk-openai\r\n"
        "Content-Type: application/json\r\n"
    )
    assert raw(broker, f"{head}Content-Length: 20\r\n\r\n{{".encode()).startswith(b"HTTP/1.1 400 ")
    with socket.create_connection(("127.0.0.1", broker.port), timeout=60) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n1\r\n{{\r\n".encode())
        wait_until(lambda: broker.forwarder.under_way)
        connection.sendall(b"zz\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")
    assert not standin.seen


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(broker: Broker, standin: Standin) -> None:
    head = (
        f"POST {CHAT} HTTP/1.1\r\nHost: 127.0.0.1:{broker.port}\r\nAuthorization: Bearer lkr-vk-openai\r\n"
        f"Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {65 << 20}\r\n\r\n"
    )
    assert raw(broker, head.encode()).startswith(b"HTTP/1.1 413 ")
    chunks = f"{head.split('Expect')[0]}Transfer-Encoding: chunked\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", broker.port), timeout=60) as connection:
        connection.sendall(chunks)
        try:
            for _ in range(66):
                connection.sendall(b"100000\r\n" + b"x" * (1 << 20) + b"\r\n")
            answer = connection.recv(1000)
        except ConnectionError:
            answer = b"HTTP/1.1 413 "
        assert answer.startswith(b"HTTP/1.1 413 ")
    assert not standin.seen
    wait_until(lambda: broker.forwarder._bodies == 0)


def test_a_client_that_reads_slowly_slows_the_vendor_down_and_fills_no_memory(broker: Broker, standin: Standin) -> None:
    with socket.create_connection(("127.0.0.1", broker.port), timeout=60) as connection:
        connection.sendall(post(broker, b'{"model": "do-big"}'))
        wait_until(lambda: broker.bookings)
        time.sleep(1)  # long enough for all of it, if nobody held it back
        fed = len(broker.bookings[0].fed)
        assert fed < BIG / 2, "the broker took more than the client"
        total = 0
        while total < BIG:
            total += len(connection.recv(1 << 20))
    wait_until(lambda: broker.bookings[0].settled)
    broker.bookings.clear()


def test_curl_waits_for_continue_and_sends_a_large_body(broker: Broker, standin: Standin, tmp_path: Path) -> None:
    (tmp_path / "body").write_text(json.dumps({"model": "m", "input": "x" * (2 << 20)}))
    done = subprocess.run(
        ["curl", "-sS", "--noproxy", "*", broker.base(CHAT), "-H", "Authorization: Bearer lkr-vk-openai",
         "-H", "Content-Type: application/json", "-H", "Expect: 100-continue", "--expect100-timeout", "60",
         "--data-binary", f"@{tmp_path / 'body'}"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert json.loads(done.stdout)["choices"], done.stderr
    assert len(standin.seen[0].body) > 2 << 20


def test_nodes_fetch_streams_through_it(broker: Broker) -> None:
    script = """
    const answer = await fetch(process.argv[1], {method: 'POST', body: '{"model": "m", "stream": true}',
      headers: {'authorization': 'Bearer lkr-vk-openai', 'content-type': 'application/json'}})
    for await (const chunk of answer.body) process.stdout.write(chunk)
    """
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script, broker.base(CHAT)], capture_output=True, text=True, timeout=120
    )
    assert "".join(re.findall(r'"content": "([^"]*)"', done.stdout)) == "".join(WORDS), done.stderr


def test_a_key_that_no_header_can_hold_is_refused(broker: Broker, standin: Standin) -> None:
    for broker.real in ("sk-1\r\nX-Evil: 1", "sk-ü", "", "sk 1"):
        said = ask(broker)
        assert (said.status, said.headers["x-lkr-error"]) == (403, "key")
    assert not standin.seen


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "::ffff:127.0.0.1",
     "::ffff:10.0.0.1", "168.63.129.16", "192.0.0.192", "::ffff:168.63.129.16", "64:ff9b::7f00:1", "2002:7f00:1::",
     "2001:0:7f00:1::", "ff02::1", "nonsense", ""],
)  # fmt: skip
def test_a_private_address_is_known_in_every_spelling(address: str) -> None:
    assert not is_public(address)


def test_public_addresses_are_public() -> None:
    assert all(is_public(each) for each in ("162.159.140.245", "2606:4700::6810:7b60", "::ffff:8.8.8.8"))


def test_a_vendors_name_that_leads_to_a_private_address_is_refused(
    standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.seen.clear()
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, standin.port)) for each in ("8.8.8.8", "127.0.0.1")]
    true = socket.getaddrinfo

    def lies(host: str, *more: object, **named: object) -> object:
        return found if host == "api.openai.com" else true(host, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", lies)
    broker = Broker(str(standin.ca), {})
    try:
        said = ask(broker)
        assert (said.status, said.headers["x-lkr-error"]) == (502, "unreachable")
        assert "has a private address; [broker.upstream]" in said.message
        wait_until(lambda: broker.bookings[0].settled)
        assert broker.bookings[0].settled == [(0, True)], "what was not sent is not paid for"
    finally:
        broker.close()
    assert not standin.seen


def test_a_certificate_that_nobody_signed_is_refused(standin: Standin) -> None:
    standin.seen.clear()
    broker = Broker("", {"openai": standin.url})
    try:
        said = ask(broker)
        assert (said.status, said.headers["x-lkr-error"]) == (502, "unreachable")
        assert "certificate" in said.message
    finally:
        broker.close()
    assert not standin.seen


def test_a_vendor_that_is_down_is_reported(standin: Standin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    broker = Broker(str(standin.ca), {"openai": f"https://127.0.0.1:{port}"})
    try:
        said = ask(broker)
        assert (said.status, said.message) == (502, "lkr: 127.0.0.1 cannot be reached")
        wait_until(lambda: broker.bookings[0].settled)
        assert broker.bookings[0].settled == [(0, True)]
        header = {"api-key": "lkr-vk-azure-openai", "Content-Type": "application/json"}
        said = ask(broker, "/azure-openai/openai/v1/chat/completions", headers=header)
        assert said.status == 401, "a name with a dash is none of this test's keys"
    finally:
        broker.close()


def test_only_the_proxy_in_the_settings_is_used_and_it_sees_no_key(
    standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.seen.clear()
    of_environment, of_settings = Proxy(), Proxy()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, of_environment.address)
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    for proxy, expected in (("", 0), (of_settings.address, 1)):
        broker = Broker(str(standin.ca), {"openai": standin.url}, proxy=proxy)
        try:
            assert ask(broker).status == 200
        finally:
            broker.close()
        assert not of_environment.asked
        assert len(of_settings.asked) == expected
    assert of_settings.asked[0].startswith(f"CONNECT 127.0.0.1:{standin.port} ")
    assert "sk-real" not in of_settings.asked[0] and "lkr-vk" not in of_settings.asked[0]


def test_an_authority_of_the_environment_is_not_trusted(standin: Standin) -> None:
    script = "import sys; from brokers import Broker; from test_broker import ask; "
    script += "print(ask(Broker('', {'openai': sys.argv[1]})).message)"
    env = {"PATH": os.environ["PATH"], "SSL_CERT_FILE": str(standin.ca), "PYTHONPATH": str(Path(__file__).parent)}
    context = "import ssl; print(ssl.create_default_context().cert_store_stats()['x509_ca'])"
    trusting = subprocess.run([sys.executable, "-c", context], env=env, capture_output=True, text=True, check=True)
    assert trusting.stdout == "1\n", "whoever asks the environment trusts it"
    done = subprocess.run([sys.executable, "-c", script, standin.url], env=env, capture_output=True, text=True)
    assert "certificate" in done.stdout, done.stderr


def test_a_vendor_on_the_loopback_of_ipv6_is_reached(tmp_path: Path) -> None:
    standin = Standin(tmp_path, host="::1")
    broker = Broker(str(standin.ca), {"openai": standin.url})
    try:
        assert standin.url.startswith("https://[::1]:")
        assert ask(broker).status == 200
    finally:
        broker.close()
        standin.close()


def test_old_tls_is_not_spoken(standin: Standin) -> None:
    from lkrshell.vendors import tls

    context = tls.context(str(standin.ca))
    assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
