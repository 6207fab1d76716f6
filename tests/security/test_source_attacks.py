"""What a hostile manifest, server, program or neighbour tries with a team's keys."""

import http.server
import json
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from bao import Team
from conftest import PASSPHRASE, VALUE, Template, User
from proxy import Proxy
from shells import Shell

KEY = "sk-from-the-team-0123456789"
MANIFEST = 'OPENAI_API_KEY = "team/openai:prod"'
TOKEN = b"s.token-of-the-attacks"


class Hostile:
    """A server that answers logins as OpenBao does, and requests for keys as the test says."""

    def __init__(self, ca: "trustme.CA | None" = None) -> None:
        self.value: object = KEY
        self.status, self.raw, self.headers = 200, b"", dict[str, str]()
        self.tokens: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.tokens.append(self.headers.get("X-Vault-Token", ""))
                login = self.path.endswith("lookup-self")
                answer = {"data": {"ttl": 0, "data": {"value": outer.value}, "metadata": {"version": 1}}}
                body = json.dumps(answer).encode() if login or not outer.raw else outer.raw
                status = 400 if self.path.endswith("wrapping/lookup") else 200 if login else outer.status
                self.send_response(status)
                for name, text in {} if login else outer.headers.items():
                    self.send_header(name, text)
                self.send_header("Content-Type", "text/html" if body[:1] == b"<" else "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PUT = do_GET

            def log_message(self, format: str, *arguments: object) -> None:
                return None

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http"
        if ca:
            context, scheme = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), "https"
            ca.issue_cert("127.0.0.1").configure_cert(context)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = f"{scheme}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hostile() -> Iterator[Hostile]:
    server = Hostile()
    yield server
    server.close()


def member(user: User, address: str, *more: str) -> User:
    user.lkr("source", "add", "team", "openbao", address, *more, "--yes")
    user.lkr("login", "team", "--stdin", stdin=TOKEN)
    return user


def test_a_value_of_shell_syntax_is_a_value(user: User, hostile: Hostile, open_shell: Callable[..., Shell]) -> None:
    hostile.value = "sk-'\"; touch ~/pwned; $(touch ~/pwned) `touch ~/pwned`\n\\"
    folder = member(user, hostile.address).project("p", MANIFEST)
    shell = open_shell()
    shell.run(f"cd {folder}")
    shell.run("cd")
    assert not (user.home / "pwned").exists()
    done = user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder)
    assert done == f"{hostile.value}\n"


ANSWERS: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "html": (200, b"<html>Please log in to the hotel's network</html>", {}),
    "html for a missing page": (404, b"<html>not found</html>", {}),
    "html for a forbidden page": (403, b"<html>forbidden</html>", {}),
    "10 MiB": (200, b'{"data": {"data": {"value": "' + b"x" * (10 << 20) + b'"}}}', {}),
    "a list": (200, b"[1, 2]", {}),
    "a nest": (200, b"[" * 100_000, {}),
    "no field": (200, b'{"data": {"data": {"password": "sk-x"}, "metadata": {}}}', {}),
    "a number": (200, b'{"data": {"data": {"value": 12345}, "metadata": {}}}', {}),
    "NUL": (200, b'{"data": {"data": {"value": "sk-\\u0000-0123456789"}, "metadata": {}}}', {}),
    "empty": (200, b'{"data": {"data": {"value": ""}, "metadata": {}}}', {}),
    "another key": (200, b'{"data": {"data": {"value": "sk-ant-0123456789abcdef"}, "metadata": {}}}', {}),
    "sealed": (503, b'{"errors": ["Vault is sealed"]}', {}),
    "no engine": (404, b'{"errors": ["no handler for route"]}', {}),
    "its own error with a secret": (500, b'{"errors": ["s.token-of-the-attacks sk-from-the-team-0123456789"]}', {}),
}  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_that_is_not_a_key_replaces_no_copy(user: User, hostile: Hostile, answer: str) -> None:
    folder = member(user, hostile.address).project("p", MANIFEST)
    hostile.status, hostile.raw, hostile.headers = ANSWERS[answer]
    user.env["LKR_DEBUG"] = "1"
    out = user.lkr("refresh", cwd=folder, code=69 if answer not in ("another key",) else 1)
    assert out.count("\n") <= 2
    assert "team" in out
    for secret in (KEY, TOKEN.decode(), "sk-ant-0123456789abcdef"):
        assert secret not in out
    assert user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder) == f"{KEY}\n"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(user: User, hostile: Hostile, status: int) -> None:
    other = Hostile()
    folder = member(user, hostile.address).project("p", MANIFEST)
    hostile.status, hostile.raw, hostile.headers = status, b"{}", {"Location": f"{other.address}/v1/x"}
    assert "answers with a redirect" in user.lkr("refresh", cwd=folder, code=69)
    assert other.tokens == []
    other.close()


def test_a_man_in_the_middle_without_the_ca_gets_no_token(user: User, tmp_path: Path) -> None:
    own, theirs = trustme.CA(), trustme.CA()
    own.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server = Hostile(own)
    folder = member(user, server.address, "--set", f"ca={tmp_path}/ca.pem").project("p", MANIFEST)
    assert TOKEN.decode() in server.tokens
    server.close()
    thief = Hostile(theirs)
    config = user.home / ".config/lkr/config.toml"
    config.write_text(config.read_text().replace(server.address, thief.address))
    theirs.cert_pem.write_to_path(str(tmp_path / "theirs.pem"))
    names = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "VAULT_CACERT")
    user.env |= dict.fromkeys(names, f"{tmp_path}/theirs.pem")
    out = user.lkr("login", "team", "--yes", "--stdin", stdin=TOKEN, code=69)
    assert "certificate that cannot be trusted" in out
    assert thief.tokens == []
    user.lkr("refresh", cwd=folder, code=77)
    thief.close()


def test_no_variable_of_the_environment_leads_the_token_elsewhere(user: User, hostile: Hostile) -> None:
    other = Hostile()
    folder = member(user, hostile.address).project("p", MANIFEST)
    names = ("VAULT_ADDR", "BAO_ADDR", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY")
    user.env |= dict.fromkeys(names, other.address) | {"VAULT_TOKEN": "s.another", "VAULT_NAMESPACE": "evil"}
    user.lkr("refresh", cwd=folder)
    assert other.tokens == []
    assert set(hostile.tokens) - {""} == {TOKEN.decode()}
    other.close()


def test_a_proxy_that_i_name_sees_neither_token_nor_key(user: User, tmp_path: Path) -> None:
    ca, proxy = trustme.CA(), Proxy()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server = Hostile(ca)
    more = ("--set", f"ca={tmp_path}/ca.pem", "--set", f"proxy={proxy.address}")
    folder = member(user, server.address, *more).project("p", MANIFEST)
    assert user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder) == f"{KEY}\n"
    assert server.address.removeprefix("https://").encode() in proxy.seen[0]
    assert TOKEN not in b"".join(proxy.seen)
    assert KEY.encode() not in b"".join(proxy.seen)
    count = len(proxy.seen)
    plain = Hostile()
    user.lkr("source", "add", "plain", "openbao", plain.address, "--set", f"proxy={proxy.address}", "--yes")
    user.lkr("login", "plain", "--stdin", stdin=TOKEN)
    assert len(proxy.seen) == count, "plain http goes to this machine itself"
    for each in (server, plain):
        each.close()
    proxy.close()


def test_a_login_goes_to_no_address_but_the_confirmed_one(user: User, hostile: Hostile) -> None:
    other = Hostile()
    folder = member(user, hostile.address).project("p", MANIFEST)
    config = user.home / ".config/lkr/config.toml"
    config.write_text(config.read_text().replace(hostile.address, other.address))
    assert "you are not logged in to the source team" in user.lkr("refresh", cwd=folder, code=77)
    assert "no terminal to ask on" in user.lkr("login", "team", "--stdin", stdin=TOKEN, code=2)
    assert other.tokens == []
    other.close()


def test_a_manifest_changes_no_address_of_a_source_i_have(user: User, hostile: Hostile) -> None:
    other = Hostile()
    member(user, hostile.address)
    before = (user.home / ".config/lkr/config.toml").read_text()
    folder = user.project("p", MANIFEST, allow=False)
    path = folder / ".lkr.toml"
    path.write_text(path.read_text() + f'[sources.team]\ntype = "openbao"\naddress = "{other.address}"\n')
    for words in (("allow", "--yes"), ("init", "--yes")):
        out = user.lkr(*words, cwd=folder)
        assert f"the manifest has team at {other.address}, but yours is at {hostile.address} and lkr keeps yours" in out
    assert (user.home / ".config/lkr/config.toml").read_text() == before
    assert other.tokens == []
    assert user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder) == f"{KEY}\n"
    other.close()


@pytest.mark.parametrize(
    "address", ["http://bao.example:8200", "https://user:pass@bao.example", "ftp://127.0.0.1", "x"]
)
def test_an_address_in_the_open_is_refused(user: User, address: str) -> None:
    assert "that address cannot be used" in user.lkr("source", "add", "team", "openbao", address, "--yes", code=1)


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_program_in_the_projects_folder_takes_no_programs_place(user: User) -> None:
    script(user.home / "bin/gopass", f"echo {KEY}")
    folder = user.home / "p"
    script(folder / "gopass", f"touch {user.home}/pwned; echo {KEY}")
    path = user.env["PATH"]
    user.env["PATH"] = f".:{folder.name}::{user.home}/bin:{path}"
    user.lkr("source", "add", "team", "gopass", "--yes", cwd=folder)
    user.project("p", MANIFEST)
    user.env["PATH"] = f"{folder}:{path}"
    user.lkr("refresh", cwd=folder)
    assert not (user.home / "pwned").exists()
    (user.home / "bin").chmod(0o777)
    assert "other users can change" in user.lkr("refresh", cwd=folder, code=69)


def test_a_program_gets_no_key_of_the_environment_and_no_folder_of_the_project(user: User) -> None:
    script(user.home / "bin/gopass", f"env >{user.home}/seen; pwd >>{user.home}/seen; echo {KEY}")
    user.env |= {"PATH": f"{user.home}/bin:{user.env['PATH']}", "OPENAI_API_KEY": VALUE, "PASSWORD_STORE_DIR": "/x"}
    user.lkr("source", "add", "team", "gopass", "--yes")
    user.project("p", MANIFEST)
    seen = (user.home / "seen").read_text()
    assert VALUE not in seen
    assert "PASSWORD_STORE_DIR=/x" in seen
    assert seen.splitlines()[-1] == "/"


def test_copies_that_are_carried_to_another_machine_open_nothing_there(
    user: User, hostile: Hostile, template: Template, tmp_path: Path
) -> None:
    folder = member(user, hostile.address).project("p", MANIFEST)
    with template.copied(tmp_path / "other") as thief:
        for name in ("vault/keys/team~openai", "index/vault/team~openai", "grants"):
            shutil.copytree(user.home / ".local/share/lkr" / name, thief.home / ".local/share/lkr" / name)
        out = thief.lkr("exec", "-k", "team/openai:prod", "--", "true", cwd=folder, code=1)
        assert "encrypted to another identity" in out
        assert KEY not in out


def test_a_member_who_was_removed_loses_the_key_at_the_next_refresh(user: User, team: Team) -> None:
    team.put("openai:prod", KEY)
    token = team.token()
    user.lkr("source", "add", "team", "openbao", team.server.address, "--mount", team.mount, "--yes")
    user.lkr("login", "team", "--stdin", stdin=token.encode())
    folder = user.project("p", MANIFEST)
    team.server.request("PUT", f"sys/policies/acl/{team.mount}", {"policy": team.policy("openai:prod")})
    user.lkr("refresh", cwd=folder)
    assert "does not let you read" in user.lkr("exec", "--", "true", cwd=folder, code=1)
    assert PASSPHRASE not in user.lkr("source").encode()
