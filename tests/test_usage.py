"""`lkr usage`, against a server on the loopback that answers as the vendors' documentation says."""

import json
import re
import shutil
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from conftest import User
from forms import form, rows

from lkrshell.cli import main as cli
from lkrshell.vendors import costs, tls

ADMIN, ADMIN_A = "sk-admin-0123456789", "sk-ant-admin-0123456789"
OPENAI_PAGES = {
    "": {"data": [{"results": [{"amount": {"value": 1.5, "currency": "usd"}, "line_item": "gpt"}]}],
         "has_more": True, "next_page": "second"},
    "second": {"data": [{"results": [{"amount": {"value": 0.06, "currency": "usd"}, "line_item": "gpt"},
                                     {"amount": {"value": 2, "currency": "usd"}, "line_item": None}]}],
               "has_more": False, "next_page": None},
}  # fmt: skip
ANTHROPIC = {
    "data": [{"results": [{"amount": "123.45", "currency": "USD", "description": "Claude"}]}],
    "has_more": False,
}


class Vendor(ThreadingHTTPServer):
    """What was asked, and what is to be answered instead of the right thing."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.wrong: tuple[int, str] | None = None


class Answers(BaseHTTPRequestHandler):
    server: Vendor

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.path, headers))
        page = (re.findall(r"[?&]page=(\w+)", self.path) or [""])[0]
        body: Any = OPENAI_PAGES[page] if self.path.startswith("/v1/organization/costs?") else ANTHROPIC
        code, text = self.server.wrong or (200, json.dumps(body))
        self.send_response(code)
        if 300 <= code < 400:
            self.send_header("Location", text)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def vendor(user: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    server = Vendor()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in list(costs.BASES):
        monkeypatch.setitem(costs.BASES, name, f"http://127.0.0.1:{server.server_port}")
    user.lkr("set", "openai:admin", "--kind", "admin", "--stdin", stdin=ADMIN.encode())
    user.lkr("set", "anthropic:admin", "--kind", "admin", "--stdin", stdin=ADMIN_A.encode())
    for name in ("CLAUDECODE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in user.env.items():
        monkeypatch.setenv(name, value)
    yield server
    server.shutdown()
    server.server_close()


SCHEMA = rows(
    provider="string", key="string", from_="string", to="string", currency={"const": "USD"}, total="number",
    items={"type": "array", "items": form(item="string", amount="number")},
)  # fmt: skip


def test_costs_of_all_pages_are_summed_and_each_vendor_gets_its_own_key(
    vendor: Vendor, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["usage", "--vendor", "--json", "--days", "30"]) == 0
    out, err = capfd.readouterr()
    reports = json.loads(out)
    jsonschema.Draft202012Validator(SCHEMA).validate(reports)
    assert [(each["provider"], each["total"]) for each in reports] == [("openai", 3.56), ("anthropic", 1.2345)]
    assert reports[0]["items"] == [{"item": "other", "amount": 2.0}, {"item": "gpt", "amount": 1.56}]
    for path, headers in vendor.asked:
        ours = path.startswith("/v1/organization/costs?")
        assert headers.get("authorization") == (f"Bearer {ADMIN}" if ours else None)
        assert headers.get("x-api-key") == (None if ours else ADMIN_A)
        assert "sk-" not in path
    assert "sk-" not in out + err
    assert cli.run(["usage", "--vendor", "openai"]) == 0
    assert re.search(r"total, USD +3\.56\n", capfd.readouterr().out)
    assert cli.run(["audit", "--event", "usage", "--key", "openai:admin"]) == 0
    assert capfd.readouterr().out.count("\n") == 2


@pytest.mark.parametrize(
    ("code", "body", "said"),
    [
        (401, "bad key " + ADMIN, "refuses the admin key"),
        (500, "oh " + ADMIN, "answered 500"),
        (200, "[]", "does not understand"),
        (200, "not json " + ADMIN, "does not understand"),
        (200, '{"data": [{"results": [{"amount": {"value": 1, "currency": "eur"}}]}]}', "does not understand"),
        (200, '{"data": [{"results": [{"amount": {"value": "NaN"}}]}]}', "does not understand"),
        (200, '{"data": [], "has_more": true, "next_page": "second"}', "did not end"),
    ],
)
def test_what_goes_wrong_is_reported_without_what_the_vendor_sent(
    vendor: Vendor, capfd: pytest.CaptureFixture[str], code: int, body: str, said: str
) -> None:
    vendor.wrong = code, body
    assert cli.run(["usage", "--vendor", "openai"]) == 1
    out, err = capfd.readouterr()
    assert said in err
    assert ADMIN not in out + err


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_the_key_follows_no_redirect(vendor: Vendor, capfd: pytest.CaptureFixture[str], code: int) -> None:
    elsewhere = Vendor()
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    vendor.wrong = code, f"http://127.0.0.1:{elsewhere.server_port}/v1/organization/costs?"
    assert cli.run(["usage", "--vendor", "openai"]) == 1
    elsewhere.shutdown()
    elsewhere.server_close()
    assert f"answered {code}" in capfd.readouterr().err
    assert len(vendor.asked) == 1
    assert not elsewhere.asked


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[tuple[Vendor, Path]]:
    """A server with a certificate of its own, for 127.0.0.1; it speaks TLS."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=127.0.0.1", "-addext",
         "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = Vendor()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server, certificate
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_no_authority_of_the_environment_is_trusted(
    vendor: Vendor, impostor: tuple[Vendor, Path], monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str], variable: str, tmp_path: Path,
) -> None:  # fmt: skip
    server, certificate = impostor
    folder = tmp_path / "authorities"
    folder.mkdir()
    shutil.copy(certificate, folder)
    subprocess.run(["openssl", "rehash", str(folder)], check=True)
    monkeypatch.setenv(variable, str(certificate if variable == "SSL_CERT_FILE" else folder))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "secrets"))
    address = f"https://127.0.0.1:{server.server_port}"
    monkeypatch.setitem(costs.BASES, "openai", address)
    asks = ssl.create_default_context()  # urlopen's own is made once, in the environment of its first call
    with urllib.request.urlopen(f"{address}/v1/organization/costs?", context=asks) as answer:
        assert answer.status == 200, "whoever asks the environment trusts it"
    (tmp_path / "secrets").unlink(missing_ok=True)
    server.asked.clear()
    assert cli.run(["usage", "--vendor", "openai"]) == 1
    assert "cannot be reached" in capfd.readouterr().err
    assert not server.asked
    assert not (tmp_path / "secrets").exists()
    assert tls.context().cert_store_stats()["x509_ca"] > 0, "the system's own are trusted"


def test_no_proxy_of_the_environment_gets_the_key(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    proxy = Vendor()
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
    assert cli.run(["usage", "--vendor", "openai", "--json"]) == 0
    proxy.shutdown()
    proxy.server_close()
    assert not proxy.asked
    assert len(vendor.asked) == 2


def test_without_an_admin_key_and_without_a_vendor(
    user: User, vendor: Vendor, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["usage", "--vendor", "groq"]) == 64
    vendor.shutdown()
    vendor.server_close()
    assert cli.run(["usage", "--vendor", "openai"]) == 1
    assert "cannot be reached" in capfd.readouterr().err
    user.lkr("rm", "openai:admin", "--yes")
    user.lkr("set", "openai:admin", "--stdin", stdin=b"sk-runtime-12345678")
    assert "no admin key" in user.lkr("usage", "--vendor", "openai", code=1)


def test_an_agent_asks_no_vendor(user: User, vendor: Vendor) -> None:
    user.by_agent()
    assert "may not do this" in user.lkr("usage", "--vendor", "openai", code=2)
    assert not vendor.asked
