"""Every way to log in at a real OpenBao, leases, namespaces, other engines, and a cluster that loses its leader."""

import http.server
import json
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
import read_only
import trustme
from bao import Server, Team, free_port
from conftest import User
from joserfc import jwt
from joserfc.jwk import RSAKey
from shells import Shell, wait_for_question, wait_until

from lkrshell.core.secret import Secret
from lkrshell.sources.openbao import OpenBao
from lkrshell.sources.settings import parse

KEY = "sk-from-the-team-0123456789"
MANIFEST = 'OPENAI_API_KEY = "team/openai:prod"'


def add(user: User, team: Team, *more: str) -> None:
    user.lkr("source", "add", "team", "openbao", team.server.address, "--mount", team.mount, *more, "--yes")


def works(user: User) -> bool:
    folder = user.project("p", MANIFEST)
    return user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder) == f"{KEY}\n"


@pytest.fixture
def auth(team: Team) -> str:
    """A mount for a way to log in, and a policy of the same name."""
    team.put("openai:prod", KEY)
    team.server.request("PUT", f"sys/policies/acl/{team.mount}", {"policy": team.policy()})
    return f"auth-{team.mount}"


def test_by_password(user: User, team: Team, auth: str) -> None:
    team.server.request("POST", f"sys/auth/{auth}", {"type": "userpass"})
    team.server.request("POST", f"auth/{auth}/users/jane", {"password": "a password", "token_policies": [team.mount]})
    add(user, team, "--auth", "userpass", "--set", f"auth_mount={auth}")
    out = user.lkr("login", "team", "--stdin", stdin=b"jane\nwrong\n", code=2)
    assert "does not accept this userpass login" in out
    user.lkr("login", "team", "--stdin", stdin=b"jane\na password\n")
    assert works(user)


def test_on_a_terminal_the_password_is_asked_for_and_not_shown(user: User, team: Team, auth: str) -> None:
    team.server.request("POST", f"sys/auth/{auth}", {"type": "userpass"})
    team.server.request("POST", f"auth/{auth}/users/jane", {"password": "a password", "token_policies": [team.mount]})
    add(user, team, "--auth", "userpass", "--set", f"auth_mount={auth}")
    child = user.on_terminal("login", "team")
    child.expect("User[^\n]*: ")
    child.sendline("jane")
    child.expect("Password[^\n]*: ")
    wait_for_question(child)
    child.sendline("a password")
    child.expect("logged in to")
    assert "a password" not in str(child.before)
    child.expect(pexpect.EOF)
    assert works(user)


def test_a_token_is_renewed_while_it_is_used(user: User, team: Team, auth: str) -> None:
    settings = parse("team", {"type": "openbao", "address": team.server.address, "mount": team.mount}, "here")
    token, soon = team.token(ttl="1h"), int(time.time()) + 60
    login = {"token": token, "identity": settings.identity(), "expires": soon, "period": 3600}
    source = OpenBao(settings, Secret(json.dumps(login)))
    assert source.read(["openai:prod"], {})["openai:prod"].secret is not None
    kept = source.kept()
    assert kept is not None
    assert json.loads(kept.reveal())["token"] == token
    assert source.expires() > soon
    renewed = team.server.request("GET", "auth/token/lookup-self", token=token)["data"]
    assert renewed["last_renewal_time"]


def test_by_approle_also_with_a_wrapped_secret_id_that_is_good_once(user: User, team: Team, auth: str) -> None:
    ask = team.server.request
    ask("POST", f"sys/auth/{auth}", {"type": "approle"})
    ask("POST", f"auth/{auth}/role/ci", {"token_policies": [team.mount]})
    role = ask("GET", f"auth/{auth}/role/ci/role-id")["data"]["role_id"]
    secret = ask("POST", f"auth/{auth}/role/ci/secret-id", {})["data"]["secret_id"]
    add(user, team, "--auth", "approle", "--set", f"auth_mount={auth}", "--set", f"role={role}")
    user.lkr("login", "team", "--stdin", stdin=secret.encode())
    assert works(user)
    wrapped = team.server.wrapped(f"auth/{auth}/role/ci/secret-id").encode()
    user.lkr("login", "team", "--stdin", stdin=wrapped)
    assert "was already used" in user.lkr("login", "team", "--stdin", stdin=wrapped, code=2)


def test_by_a_wrapped_token_that_is_good_once(user: User, team: Team, auth: str) -> None:
    add(user, team)
    wrapped = team.server.wrapped("auth/token/create", {"policies": [team.mount]}).encode()
    user.lkr("login", "team", "--stdin", stdin=wrapped)
    assert works(user)
    assert "does not accept that token" in user.lkr("login", "team", "--stdin", stdin=wrapped, code=1)


@pytest.fixture
def issuer() -> Iterator["Issuer"]:
    issuer = Issuer()
    yield issuer
    issuer.server.shutdown()
    issuer.server.server_close()


class Replying(http.server.BaseHTTPRequestHandler):
    """What the servers below answer, which are stand-ins and log nothing."""

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        return None


class Loopback:
    """A server on loopback, in a thread."""

    def __init__(self, handler: type[Replying], ca: trustme.CA | None = None) -> None:
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if ca:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ca.issue_cert("127.0.0.1").configure_cert(context)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = f"{'https' if ca else 'http'}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Issuer(Loopback):
    """An OpenID provider on loopback, as CI services have one."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.nonce = ""
        outer = self

        class Handler(Replying):
            def do_GET(self) -> None:
                if self.path.startswith("/auth?"):  # the person is logged in there already, and says yes
                    query = dict(urllib.parse.parse_qsl(self.path.partition("?")[2]))
                    outer.nonce = query["nonce"]
                    self.send_response(302)
                    answer = urllib.parse.urlencode({"state": query["state"], "code": "of-the-tests"})
                    self.send_header("Location", f"{query['redirect_uri']}?{answer}")
                    self.end_headers()
                    return
                if self.path.startswith("/.well-known"):
                    found: object = {
                        "issuer": outer.address, "jwks_uri": f"{outer.address}/keys",
                        "authorization_endpoint": f"{outer.address}/auth", "token_endpoint": f"{outer.address}/token",
                        "response_types_supported": ["code"], "subject_types_supported": ["public"],
                        "id_token_signing_alg_values_supported": ["RS256"],
                    }  # fmt: skip
                else:
                    found = {"keys": [outer.key.as_dict(private=False)]}
                self.reply(200, json.dumps(found).encode())

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                token = outer.token(aud="lkr-tests", nonce=outer.nonce)
                self.reply(
                    200,
                    json.dumps(
                        {"access_token": "x", "token_type": "Bearer", "id_token": token, "expires_in": 60}
                    ).encode(),
                )

        super().__init__(Handler)

    def token(self, **claims: object) -> str:
        now = int(time.time())
        claims = {"iss": self.address, "sub": "repo:team/app", "iat": now, "exp": now + 300, **claims}
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)


def test_by_a_jwt_of_a_ci_service(user: User, team: Team, auth: str, issuer: Issuer) -> None:
    team.server.request("POST", f"sys/auth/{auth}", {"type": "jwt"})
    team.server.request("POST", f"auth/{auth}/config", {"oidc_discovery_url": issuer.address})
    role = {
        "role_type": "jwt", "bound_audiences": ["lkr-tests"], "user_claim": "sub", "token_policies": [team.mount],
        "bound_claims": {"sub": "repo:team/app"},
    }  # fmt: skip
    team.server.request("POST", f"auth/{auth}/role/ci", role)
    add(user, team, "--auth", "jwt", "--set", f"auth_mount={auth}", "--set", "role=ci")
    forged = issuer.token(aud="lkr-tests", sub="repo:thief/app").encode()
    assert "does not accept this jwt login" in user.lkr("login", "team", "--stdin", stdin=forged, code=2)
    user.lkr("login", "team", "--stdin", stdin=issuer.token(aud="lkr-tests").encode())
    assert works(user)


def test_in_the_browser(user: User, team: Team, auth: str, issuer: Issuer) -> None:
    team.server.request("POST", f"sys/auth/{auth}", {"type": "oidc"})
    client = {"oidc_client_id": "lkr-tests", "oidc_client_secret": "a secret"}
    team.server.request("POST", f"auth/{auth}/config", {"oidc_discovery_url": issuer.address, **client})
    role = {
        "role_type": "oidc", "user_claim": "sub", "token_policies": [team.mount],
        "allowed_redirect_uris": ["http://localhost:8250/oidc/callback"],
    }  # fmt: skip
    team.server.request("POST", f"auth/{auth}/role/people", role)
    add(user, team, "--auth", "oidc", "--set", f"auth_mount={auth}", "--set", "role=people")
    for _ in range(2):
        login = subprocess.Popen(
            [user.program, "login", "team"], env=user.env, cwd=user.home, stderr=subprocess.PIPE, text=True,
            stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        assert login.stderr
        line = login.stderr.readline()
        assert line.startswith(f"lkr: open this in a browser on this machine: {issuer.address}/auth?"), line
        address = line.split()[-1]
        back = dict(urllib.parse.parse_qsl(address.partition("?")[2]))["redirect_uri"]
        with pytest.raises(urllib.error.HTTPError):  # another page in the browser
            urllib.request.urlopen(f"{back}?state=guessed&code=stolen", timeout=60)
        with urllib.request.urlopen(address, timeout=60) as page:
            assert b"You are logged in" in page.read()
        assert login.wait(60) == 0, login.stderr.read()
        assert works(user)


class Reviewer(Loopback):
    """A Kubernetes API server that knows one service account by its token."""

    def __init__(self, token: str, ca: trustme.CA) -> None:
        class Handler(Replying):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                good = self.path == "/apis/authentication.k8s.io/v1/tokenreviews" and asked["spec"]["token"] == token
                user = {"username": "system:serviceaccount:prod:app", "uid": "1"}
                status = {"authenticated": good, "user": user} if good else {"authenticated": False, "error": "no"}
                kind = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
                self.reply(201, json.dumps({**kind, "status": status}).encode())

        super().__init__(Handler, ca)


def test_by_the_service_account_of_a_pod(user: User, team: Team, auth: str, issuer: Issuer) -> None:
    account = {"namespace": "prod", "serviceaccount": {"name": "app", "uid": "1"}}
    token = issuer.token(sub="system:serviceaccount:prod:app", **{"kubernetes.io": account})
    ca = trustme.CA()
    reviewer = Reviewer(token, ca)
    ask = team.server.request
    ask("POST", f"sys/auth/{auth}", {"type": "kubernetes"})
    config = {"kubernetes_host": reviewer.address, "kubernetes_ca_cert": ca.cert_pem.bytes().decode()}
    ask("POST", f"auth/{auth}/config", {**config, "token_reviewer_jwt": token, "disable_local_ca_jwt": True})
    role = {
        "bound_service_account_names": ["app"], "bound_service_account_namespaces": ["prod"],
        "token_policies": [team.mount],
    }  # fmt: skip
    ask("POST", f"auth/{auth}/role/app", role)
    add(user, team, "--auth", "kubernetes", "--set", f"auth_mount={auth}", "--set", "role=app")
    assert "works only inside a Kubernetes pod" in user.lkr("login", "team", code=1)
    forged = Issuer()
    other = forged.token(sub="system:serviceaccount:prod:app", **{"kubernetes.io": account}).encode()
    assert "does not accept this kubernetes login" in user.lkr("login", "team", "--stdin", stdin=other, code=2)
    user.lkr("login", "team", "--stdin", stdin=token.encode())
    assert works(user)
    for server in (reviewer.server, forged.server):
        server.shutdown()
        server.server_close()


IN_CI = """
lkr source add team openbao "$ADDRESS" --mount "$MOUNT" --auth "$AUTH" \\
    --set auth_mount="$AUTH_MOUNT" --set role="$ROLE" --yes
printf %s "$CREDENTIAL" | lkr login team --stdin
unset CREDENTIAL
exec lkr exec -k team/openai:prod -- printenv OPENAI_API_KEY
"""


@pytest.mark.parametrize("how", ["approle", "jwt"])
def test_in_ci_without_a_home_on_a_read_only_disk(
    user: User, team: Team, auth: str, issuer: Issuer, tmp_path: Path, how: str
) -> None:
    ask = team.server.request
    ask("POST", f"sys/auth/{auth}", {"type": how})
    if how == "approle":
        ask("POST", f"auth/{auth}/role/ci", {"token_policies": [team.mount]})
        role = ask("GET", f"auth/{auth}/role/ci/role-id")["data"]["role_id"]
        credential = ask("POST", f"auth/{auth}/role/ci/secret-id", {})["data"]["secret_id"]
    else:
        ask("POST", f"auth/{auth}/config", {"oidc_discovery_url": issuer.address})
        claims = {"role_type": "jwt", "bound_audiences": ["lkr-tests"], "user_claim": "sub"}
        ask("POST", f"auth/{auth}/role/ci", {**claims, "token_policies": [team.mount]})
        role, credential = "ci", issuer.token(aud="lkr-tests")
    job = {"ADDRESS": team.server.address, "MOUNT": team.mount, "AUTH": how, "AUTH_MOUNT": auth, "ROLE": role}
    done = read_only.run(IN_CI, {**job, "CREDENTIAL": credential}, user.program, tmp_path / "root")
    assert (done.returncode, done.stdout) == (0, f"{KEY}\n"), done.stderr
    assert KEY not in done.stderr
    assert credential not in done.stdout + done.stderr


def test_in_a_namespace(user: User, team: Team) -> None:
    ask, space = team.server.request, f"ns-{team.mount}"
    ask("POST", f"sys/namespaces/{space}", {})
    ask("POST", "sys/mounts/inner", {"type": "kv", "options": {"version": "1"}}, namespace=space)
    ask("POST", "inner/llm/openai/prod", {"value": KEY}, namespace=space)
    add(
        user, team, "--mount", "inner", "--prefix", "llm", "--set", f"namespace={space}", "--set", "engine=kv1",
    )  # fmt: skip
    user.lkr("login", "team", "--stdin", stdin=team.server.token.encode())
    assert works(user)
    user.lkr("set", "team/groq:ci", "--stdin", stdin=b"gsk_0123456789abcdef")
    assert ask("GET", "inner/llm/groq/ci", namespace=space)["data"] == {"value": "gsk_0123456789abcdef"}
    assert "team/groq:ci" in user.lkr("list", "--source", "team")


class Rabbit(Loopback):
    """What OpenBao's engine for RabbitMQ asks of RabbitMQ: it makes a user for each reader, and removes it."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        outer = self

        class Handler(Replying):
            def do_GET(self) -> None:
                self.reply(200, b"[]")

            def do_PUT(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.path.startswith("/api/users/"):
                    outer.users.add(self.path.rpartition("/")[2])
                self.reply(201, b"")

            def do_DELETE(self) -> None:
                outer.users.discard(self.path.rpartition("/")[2])
                self.reply(204, b"")

        super().__init__(Handler)


@pytest.mark.parametrize("how", ["lock", "source rm", "end"])
def test_a_lease_is_honoured_renewed_and_revoked(user: User, team: Team, how: str) -> None:
    rabbit, mount, ask = Rabbit(), f"rabbit-{team.mount}", team.server.request
    ask("POST", f"sys/mounts/{mount}", {"type": "rabbitmq"})
    connection = {"connection_uri": rabbit.address, "username": "a", "password": "b", "verify_connection": False}
    ask("POST", f"{mount}/config/connection", connection)
    ask("POST", f"{mount}/config/lease", {"ttl": 3 if how == "end" else 60, "max_ttl": 600})
    ask("POST", f"{mount}/roles/prod", {"tags": "x", "vhosts": '{"/": {"read": ".*"}}'})
    add(user, team, "--mount", mount, "--set", "engine=dynamic", "--set", "field=password")
    user.lkr("login", "team", "--stdin", stdin=team.server.token.encode())
    folder = user.project("p", 'OPENAI_API_KEY = "team/creds:prod"')

    def value() -> str:
        return user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder)

    first = value()
    assert len(rabbit.users) == 1
    if how == "end":
        wait_until(lambda: not rabbit.users)
        assert value() != first, "a new loan, after the old one has ended"
    else:
        user.lkr("refresh", cwd=folder)
        assert (value(), len(rabbit.users)) == (first, 1), "renewed, not lent anew"
        user.lkr(*how.split(), *(["team", "--yes"] if how != "lock" else []))
        assert not rabbit.users
    rabbit.server.shutdown()
    rabbit.server.server_close()


class Cluster:
    """Three servers with Raft storage on loopback, behind certificates of our own authority."""

    def __init__(self, folder: Path) -> None:
        import bao

        ca = trustme.CA()
        self.ca = folder / "ca.pem"
        ca.cert_pem.write_to_path(str(self.ca))
        certificate = ca.issue_cert("127.0.0.1")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        bao.trust(self.ca)
        ports = [(free_port(), free_port()) for _ in range(3)]
        self.nodes: list[Server] = []
        for number, (port, inner) in enumerate(ports):
            home = folder / f"node{number}"
            (home / "raft").mkdir(parents=True)
            joins = "".join(
                f'retry_join {{\n leader_api_addr = "https://127.0.0.1:{other}"\n'
                f' leader_ca_cert_file = "{self.ca}"\n}}\n'
                for other, _ in ports[:1] * bool(number)
            )
            (home / "bao.hcl").write_text(
                f'storage "raft" {{\n path = "{home}/raft"\n node_id = "n{number}"\n'
                f" performance_multiplier = 1\n{joins}}}\n"
                f'listener "tcp" {{\n address = "127.0.0.1:{port}"\n cluster_address = "127.0.0.1:{inner}"\n'
                f' tls_cert_file = "{folder}/server.pem"\n tls_key_file = "{folder}/server.pem"\n}}\n'
                f'api_addr = "https://127.0.0.1:{port}"\ncluster_addr = "https://127.0.0.1:{inner}"\n'
            )
            self.nodes.append(Server([f"-config={home}/bao.hcl"], f"https://127.0.0.1:{port}", home))
        first = self.nodes[0]
        wait_until(lambda: self._answers(first))
        start = first.request("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}, token="")
        self.key, self.token = start["keys"][0], start["root_token"]
        for node in self.nodes:
            node.token = self.token
            wait_until(lambda node=node: self._unseal(node))  # type: ignore[misc]
        wait_until(lambda: len(self._voters()) == 3)

    def _answers(self, node: Server) -> bool:
        try:
            node.request("GET", "sys/seal-status", token="")
        except OSError:
            return False
        return True

    def _unseal(self, node: Server) -> bool:
        try:
            return not node.request("PUT", "sys/unseal", {"key": self.key}, token="")["sealed"]
        except OSError:
            return False

    def _voters(self) -> list[object]:
        try:
            found = self.nodes[0].request("GET", "sys/storage/raft/configuration")["data"]["config"]["servers"]
        except OSError:
            return []
        return [each for each in found if each["voter"]]

    def leads(self, node: Server) -> bool:
        try:
            return bool(node.request("GET", "sys/leader")["is_self"])
        except OSError:
            return False

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.stop()


def test_a_cluster_loses_its_leader_while_shells_enter_and_nothing_is_lost(user: User, cluster: Cluster) -> None:
    leader, follower = cluster.nodes[0], cluster.nodes[1]
    leader.request("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "2"}})
    wait_until(lambda: _stored(leader))
    user.lkr(
        "source", "add", "team", "openbao", follower.address, "--mount", "kv", "--set", f"ca={cluster.ca}", "--yes",
    )  # fmt: skip
    user.lkr("login", "team", "--stdin", stdin=cluster.token.encode())
    folder = user.project("p", MANIFEST)
    wait_until(lambda: user.lkr_code("refresh", cwd=folder) == 0)  # a new cluster's followers lag behind
    shells = [Shell("bash", user.env, user.home, True) for _ in range(16)]
    assert leader.process
    leader.process.kill()
    for shell in shells:
        wait_until(lambda shell=shell: _enters(shell, folder))  # type: ignore[misc]  # a busy machine takes its time
    wait_until(lambda: user.lkr_code("refresh", cwd=folder) == 0)
    wait_until(lambda: any(cluster.leads(node) for node in cluster.nodes[1:]))
    new = next(node for node in cluster.nodes[1:] if cluster.leads(node))
    new.put("openai:prod", KEY[::-1], "kv")

    def has_the_new_value() -> bool:  # a follower that answers by itself may lag behind
        read = ("exec", "--", "printenv", "OPENAI_API_KEY")
        return user.lkr_code("refresh", cwd=folder) == 0 and user.lkr(*read, cwd=folder) == f"{KEY[::-1]}\n"

    wait_until(has_the_new_value)
    for shell in shells:
        shell.run("true")
        assert shell.value("OPENAI_API_KEY") == KEY[::-1]
        shell.close()
    new.request("PUT", "sys/seal")
    if new is not follower:  # which goes on answering reads by itself
        assert follower.process
        follower.process.kill()
    wait_until(lambda: user.lkr_code("refresh", cwd=folder) == 69)
    assert "lkr source" in user.lkr("refresh", cwd=folder, code=69)
    assert user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder) == f"{KEY[::-1]}\n"


def _enters(shell: Shell, folder: Path) -> bool:
    shell.run("cd")
    shell.run(f"cd {folder}")
    return shell.value("OPENAI_API_KEY") == KEY


def _stored(leader: Server) -> bool:
    try:
        leader.put("openai:prod", KEY, "kv")
    except urllib.error.HTTPError:
        return False
    return True
