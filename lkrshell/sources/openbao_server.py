"""Requests to OpenBao and HashiCorp Vault, through hvac, within limits of size and time.

The token goes only to the address in the settings: redirects are not followed, and no variable of the environment names
an address, a proxy, a certificate or a token. An error reports its kind, never the server's text.
"""

import os
import time

import hvac
import requests
from hvac import exceptions
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from lkrshell.core.errors import UNREACHABLE, LkrError
from lkrshell.sources import base
from lkrshell.sources.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

AT_ONCE = 8  # requests
_CONNECT, _READ = 5.0, 10.0  # seconds
# What a server answers while it has no leader or too much to do. Only reads are repeated.
_RETRY = Retry(
    total=3, redirect=0, backoff_factor=0.2, status_forcelist=(412, 429, 472, 473, 500, 502, 503),
    allowed_methods=("GET", "LIST"), raise_on_status=False, raise_on_redirect=False, respect_retry_after_header=False,
)  # fmt: skip


class _Session(requests.Session):
    """Reads an answer within a limit of bytes and time, and takes nothing from the environment."""

    def __init__(self, ca: str, proxy: str) -> None:
        super().__init__()
        self.trust_env = False
        self.proxies = {"https": proxy} if proxy else {}  # never for plain http, which the proxy could read
        self.verify = ca or True
        self.mount("https://", HTTPAdapter(max_retries=_RETRY, pool_maxsize=AT_ONCE))
        self.mount("http://", HTTPAdapter(max_retries=_RETRY, pool_maxsize=AT_ONCE))

    def send(self, request: requests.PreparedRequest, **settings: "Any") -> requests.Response:
        settings |= {"stream": True, "allow_redirects": False}
        end = time.monotonic() + base.TIME
        with super().send(request, **settings) as response:
            found = b""
            for chunk in response.iter_content(1 << 14):
                found += chunk
                if len(found) > base.MOST:
                    raise requests.exceptions.ContentDecodingError("too long")
                if time.monotonic() > end:
                    raise requests.exceptions.ReadTimeout("too slow")
            response._content = found  # what `content` returns from now on
            return response


class Server:
    """The server that the settings of a source name. `token` goes with each request; empty for none."""

    def __init__(self, settings: Settings, token: str) -> None:
        self._settings = settings
        self._client = hvac.Client(
            url=settings.get("address"), token=token, cert=(), verify=True,
            timeout=(_CONNECT, _READ), allow_redirects=False, session=_Session(_ca(settings), settings.get("proxy")),
            namespace=settings.get("namespace") or None,
        )  # fmt: skip

    def use(self, token: str) -> None:
        """Sends this token from now on."""
        self._client.token = token

    def ask(self, method: str, path: str, data: "dict[str, Any] | None" = None) -> "dict[str, Any]":
        """Returns the server's answer. Raises VaultError when the server refuses, LkrError if the answer has an
        unexpected form."""
        try:
            answer = self._client.adapter.request(method, f"/v1/{path}", **({"json": data} if data is not None else {}))
        except exceptions.VaultError as error:
            if not isinstance(error.json, dict) or isinstance(error, (exceptions.VaultDown, exceptions.BadGateway)):
                raise self.unusable(error) from None
            raise
        except requests.exceptions.SSLError:
            place = f"ca in [sources.{self._settings.name}]"
            hint = f"set {place} to the file of your company's certificates, if it has its own"
            raise base.unreachable(self._settings, "has a certificate that cannot be trusted", hint) from None
        except (requests.exceptions.RequestException, OSError, RecursionError) as error:
            raise base.unreachable(self._settings, _trouble(error)) from None
        if isinstance(answer, dict):
            return answer
        if not isinstance(answer, requests.Response):
            raise self.not_understood()
        if answer.status_code in (200, 204) and not answer.content:
            return {}
        if 300 <= answer.status_code < 400:
            raise base.unreachable(self._settings, "answers with a redirect, which lkr does not follow")
        raise self.not_understood()

    def not_understood(self) -> LkrError:
        """Returns the error for an answer of another form than OpenBao's."""
        return base.unreachable(self._settings, "returned an answer that is not from OpenBao")

    def unusable(self, error: exceptions.VaultError) -> LkrError:
        """Returns the error for a refusal that nobody expected, without any text of the server's."""
        return base.unreachable(self._settings, _why(error))


def _ca(settings: Settings) -> str:
    path = os.path.expanduser(settings.get("ca"))
    if path and not os.path.isfile(path):
        raise LkrError(f"the certificate file of the source {settings.name} does not exist", path, UNREACHABLE)
    return path


def number(value: object) -> int:
    """Returns a number from an answer; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else 0


def _why(error: exceptions.VaultError) -> str:
    """Explains a refusal, without any text of the server's."""
    words = {
        exceptions.VaultDown: "is sealed, or has no leader",
        exceptions.VaultNotInitialized: "is not initialized",
        exceptions.RateLimitExceeded: "is overloaded",
        exceptions.BadGateway: "cannot be reached behind its proxy",
        exceptions.InternalServerError: "reports an internal error, or has no leader",
        exceptions.InvalidRequest: "does not understand lkr's request",
        exceptions.InvalidPath: "has nothing at that path",
        exceptions.Forbidden: "refuses",
    }
    return words.get(type(error), "returned an answer that lkr does not know")


def _trouble(error: Exception) -> str:
    if isinstance(error, requests.exceptions.Timeout):
        return "takes too long to answer"
    if isinstance(error, (requests.exceptions.ContentDecodingError, requests.exceptions.ChunkedEncodingError)):
        return "returned an answer that is too long or broken"
    return "does not answer"
