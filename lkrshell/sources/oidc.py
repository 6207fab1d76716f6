"""Logs in to OpenBao or Vault with the browser (OIDC): shows an address to open, and waits for the browser on loopback.

The answer comes back to this machine only, and is useless without a number that only this process knows.
"""

import http.server
import os
import time
import urllib.parse
import webbrowser

from lkrshell.core.errors import REFUSED, LkrError
from lkrshell.sources.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_PORT = 8250  # Vault's and OpenBao's own programs wait here, so the server's role usually allows it already
_PATH = "/oidc/callback"
_PATIENCE = 300.0  # seconds to wait for the person
_SAID = b"You are logged in, and can close this page.\n"


def login(
    ask: "Callable[[str, str, dict[str, Any]], dict[str, Any]]",
    mount: str,
    settings: Settings,
    tell: "Callable[[str], None]",
) -> "dict[str, Any]":
    """Returns the `auth` part of the server's answer. `ask` sends a request to the server."""
    answer: dict[str, str] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urllib.parse.urlsplit(self.path)
            query = dict(urllib.parse.parse_qsl(parts.query))
            good = parts.path == _PATH and query.get("state") == state and query.get("code")
            self.send_response(200 if good else 404)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            if good:
                self.wfile.write(_SAID)
                answer.update(query)

        def log_message(self, format: str, *arguments: object) -> None:
            return None

    nonce = os.urandom(16).hex()
    try:
        server = http.server.HTTPServer(("127.0.0.1", _PORT), Handler)
    except OSError:  # another login is under way; the server accepts every port of this machine (RFC 8252, 7.3)
        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    with server:
        server.timeout = 1
        given = {
            "role": settings.get("role"),
            "redirect_uri": f"http://localhost:{server.server_port}{_PATH}",
            "client_nonce": nonce,
        }
        address = str(ask("POST", f"auth/{mount}/oidc/auth_url", given).get("auth_url") or "")
        state = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(address).query)).get("state", "")
        if not state or not address.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise LkrError("the server gave no address for the login", "see role in config.toml", REFUSED)
        tell(f"open this in a browser on this machine: {address}")
        if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
            webbrowser.open(address)
        end = time.monotonic() + _PATIENCE
        while not answer and time.monotonic() < end:
            server.handle_request()
    if not answer:
        raise LkrError("nobody logged in", "try again", REFUSED)
    query = urllib.parse.urlencode({"state": state, "code": answer["code"], "client_nonce": nonce})
    return ask("GET", f"auth/{mount}/oidc/callback?{query}", {})
