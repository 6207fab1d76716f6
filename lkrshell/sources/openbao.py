"""OpenBao and HashiCorp Vault, through hvac. Imported only when a server is asked.

The token goes only to the address in the settings: redirects are not followed, and no variable of the environment names
an address, a proxy, a certificate or a token. An error reports its kind, never the server's text.
"""

import json
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

import hvac
import requests
from hvac import exceptions
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from lkrshell.core import names
from lkrshell.core.errors import REFUSED, UNREACHABLE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.sources import base
from lkrshell.sources.base import FORBIDDEN, MISSING, SAME, Answer
from lkrshell.sources.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_AT_ONCE = 8  # requests
_CONNECT, _READ = 5.0, 10.0  # seconds
_MOST_NAMES = 10_000
_SHORT = 10  # seconds; a shorter lease is not worth renewing
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
        self.mount("https://", HTTPAdapter(max_retries=_RETRY, pool_maxsize=_AT_ONCE))
        self.mount("http://", HTTPAdapter(max_retries=_RETRY, pool_maxsize=_AT_ONCE))

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


class OpenBao:
    """A server, and a place in it: `MOUNT/PREFIX/PROVIDER/LABEL`, field `value`."""

    def __init__(self, settings: Settings, login: Secret | None) -> None:
        self.name, self._settings = settings.name, settings
        engine = settings.get("engine")
        can = {base.LOGINS} | ({base.LEASES} if engine == "dynamic" else {base.LISTS, base.WRITES})
        self.capabilities = frozenset(can | ({base.VERSIONS} if engine == "kv2" else set()))
        self._engine, self._mount = engine, settings.get("mount").strip("/")
        self._login: dict[str, Any] = json.loads(login.reveal()) if login else {}
        self._changed = False
        self._client = hvac.Client(
            url=settings.get("address"), token=self._login.get("token", ""), cert=(), verify=True,
            timeout=(_CONNECT, _READ), allow_redirects=False, session=_Session(_ca(settings), settings.get("proxy")),
            namespace=settings.get("namespace") or None,
        )  # fmt: skip

    def _path(self, name: str, kind: str = "data") -> str:
        provider, label = name.split(":")
        parts = [self._mount, kind if self._engine == "kv2" else "", self._settings.get("prefix").strip("/")]
        return "/".join(part for part in [*parts, provider, label] if part)

    def _ask(self, method: str, path: str, data: "dict[str, Any] | None" = None) -> "dict[str, Any]":
        """Returns the server's answer. Raises VaultError when the server refuses, LkrError if the answer has an
        unexpected form."""
        try:
            answer = self._client.adapter.request(method, f"/v1/{path}", **({"json": data} if data is not None else {}))
        except exceptions.VaultError as error:
            if not isinstance(error.json, dict) or isinstance(error, (exceptions.VaultDown, exceptions.BadGateway)):
                raise base.unreachable(self._settings, _why(error)) from None
            raise
        except requests.exceptions.SSLError:
            hint = f"set ca in [sources.{self.name}] to the file of your company's certificates, if it has its own"
            raise base.unreachable(self._settings, "has a certificate that cannot be trusted", hint) from None
        except (requests.exceptions.RequestException, OSError, RecursionError) as error:
            raise base.unreachable(self._settings, _trouble(error)) from None
        if isinstance(answer, dict):
            return answer
        if not isinstance(answer, requests.Response):
            raise base.unreachable(self._settings, "returned an answer that is not from OpenBao")
        if answer.status_code in (200, 204) and not answer.content:
            return {}
        if 300 <= answer.status_code < 400:
            raise base.unreachable(self._settings, "answers with a redirect, which lkr does not follow")
        raise base.unreachable(self._settings, "returned an answer that is not from OpenBao")

    def _must(self, what: str, method: str, path: str, data: "dict[str, Any] | None" = None) -> "dict[str, Any]":
        """Does the same as `_ask`, for requests that cannot go on without an answer. `what` names the request in
        errors."""
        try:
            return self._ask(method, path, data)
        except exceptions.Forbidden:
            self._check_login()
            raise base.refused(self._settings, what) from None
        except exceptions.VaultError as error:
            raise base.unreachable(self._settings, _why(error)) from None

    def _check_login(self) -> None:
        """Raises LkrError when the server no longer accepts the token."""
        if not self._login:
            raise base.needs_login(self._settings, "you are not logged in to")
        try:
            self._ask("GET", "auth/token/lookup-self")
        except (exceptions.Forbidden, exceptions.Unauthorized):
            raise base.needs_login(self._settings, "your login has expired at") from None
        except exceptions.VaultError as error:
            raise base.unreachable(self._settings, _why(error)) from None

    def read(self, names: list[str], leases: "Mapping[str, str]") -> dict[str, Answer]:
        if not self._login:
            raise base.needs_login(self._settings, "you are not logged in to")
        self._renew_login()
        # one key first, so that a server that is down is asked only once
        answers = [self._read(name, leases.get(name, "")) for name in names[:1]]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                answers += pool.map(lambda name: self._read(name, leases.get(name, "")), names[1:])
            except LkrError:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        if any(answer.why == FORBIDDEN for answer in answers):
            self._check_login()  # an ended login gets the same answer as a forbidden key
        return dict(zip(names, answers, strict=True))

    def _read(self, name: str, lease: str) -> Answer:
        if lease and (answer := self._renew(lease)):
            return answer
        try:
            found = self._ask("GET", self._path(name))
        except exceptions.Forbidden:
            return Answer(None, why=FORBIDDEN)
        except exceptions.InvalidPath as error:
            if error.errors:
                why = f"has no engine {self._engine} at {self._mount}"
                hint = f"see mount and engine in [sources.{self.name}]"
                raise base.unreachable(self._settings, why, hint) from None
            return Answer(None, why=MISSING)
        except exceptions.VaultError as error:
            raise base.unreachable(self._settings, _why(error)) from None
        try:
            return self._answer(name, found)
        except LkrError as error:
            return Answer(None, error=error)

    def _answer(self, name: str, found: "dict[str, Any]") -> Answer:
        data = found.get("data")
        version, seconds = "", _number(found.get("lease_duration"))
        if self._engine == "kv2":
            meta = data.get("metadata") if isinstance(data, dict) else None
            data = data.get("data") if isinstance(data, dict) else None
            version = str(_number(meta.get("version"))) if isinstance(meta, dict) else ""
            seconds = _until(meta.get("deletion_time")) if isinstance(meta, dict) else 0
        field = self._settings.get("field")
        if not isinstance(data, dict):
            raise base.unreachable(self._settings, "returned an answer that is not from OpenBao")
        if field not in data:
            hint = f"see field in [sources.{self.name}]"
            raise base.unreachable(self._settings, f"has {name}, but no field {field} in it", hint)
        lease = found.get("lease_id")
        good = isinstance(lease, str) and lease.isprintable() and len(lease) < 512
        return Answer(base.checked(self._settings, name, data[field]), version, seconds, str(lease) if good else "")

    def _renew(self, lease: str) -> Answer | None:
        """Returns SAME for a renewed lease; None when a new value is needed."""
        try:
            found = self._ask("PUT", "sys/leases/renew", {"lease_id": lease})
        except exceptions.VaultError:
            return None
        seconds = _number(found.get("lease_duration"))
        return Answer(None, "", seconds, lease, SAME) if seconds > _SHORT else None

    def revoke(self, leases: list[str]) -> None:
        for lease in leases:
            try:
                self._ask("PUT", "sys/leases/revoke", {"lease_id": lease})
            except exceptions.VaultError:
                pass  # the lease has ended, or will end by itself

    def _present(self, name: str) -> "tuple[dict[str, Any], int]":
        """Returns all fields of a key and its version; version 0 when the key does not exist."""
        try:
            data = self._ask("GET", self._path(name)).get("data") or {}
        except exceptions.InvalidPath as error:
            data = (error.json or {}).get("data") or {}
        except exceptions.Forbidden:
            return {}, -1  # a login that may write need not be able to read
        except exceptions.VaultError as error:
            raise base.unreachable(self._settings, _why(error)) from None
        if self._engine != "kv2":
            return dict(data), 0
        return dict(data.get("data") or {}), _number((data.get("metadata") or {}).get("version"))

    def write(self, name: str, value: Secret) -> None:
        if base.WRITES not in self.capabilities:
            raise base.cannot(self._settings, "write keys")
        fields, version = self._present(name)
        fields[self._settings.get("field")] = value.reveal()
        data: dict[str, Any] = fields
        if self._engine == "kv2":
            data = {"data": fields, **({"options": {"cas": version}} if version >= 0 else {})}
        self._must(f"write {name}", "POST", self._path(name), data)

    def remove(self, name: str) -> None:
        if base.WRITES not in self.capabilities:
            raise base.cannot(self._settings, "remove keys")
        self._must(f"remove {name}", "DELETE", self._path(name))

    def previous(self, name: str) -> Secret | None:
        _, version = self._present(name)
        if self._engine != "kv2" or version < 2:
            return None
        found = self._must(f"read {name}", "GET", f"{self._path(name)}?version={version - 1}")
        return self._answer(name, found).secret

    def names(self) -> list[str]:
        if base.LISTS not in self.capabilities:
            raise base.cannot(self._settings, "list keys")
        prefix = self._settings.get("prefix").strip("/")
        root = "/".join(part for part in (self._mount, "metadata" * (self._engine == "kv2"), prefix) if part)
        providers = [each[:-1] for each in self._list(root) if each.endswith("/")]
        found = [f"{each}:{label}" for each in providers for label in self._list(f"{root}/{each}")]
        return sorted(name for name in found[:_MOST_NAMES] if names.is_own(name))

    def _list(self, path: str) -> list[str]:
        try:
            keys = (self._ask("LIST", path).get("data") or {}).get("keys")
        except exceptions.InvalidPath:
            return []
        except exceptions.Forbidden:
            self._check_login()
            raise base.refused(self._settings, "list its keys") from None
        except exceptions.VaultError as error:
            raise base.unreachable(self._settings, _why(error)) from None
        keys = keys if isinstance(keys, list) else []
        return [key for key in keys if isinstance(key, str) and names.is_own(f"{key.removesuffix('/')}:x")]

    def login(self, given: "Mapping[str, Secret]", tell: "Callable[[str], None]") -> Secret:
        how = self._settings.get("auth")
        if how == "token":
            auth = self._token_login(given["token"])
        elif how == "oidc":
            from lkrshell.sources import oidc

            auth = oidc.login(self._login_request, self._auth_mount("oidc"), self._settings, tell)
        else:
            path, data = self._credentials(how, given)
            auth = self._login_request("POST", path, data)
        return self._keep(auth)

    def _credentials(self, how: str, given: "Mapping[str, Secret]") -> "tuple[str, dict[str, Any]]":
        """Returns where to log in, and with what."""
        mount, role = self._auth_mount(how), self._settings.get("role")
        if how == "userpass":
            user = urllib.parse.quote(given["user"].reveal(), safe="")
            return f"auth/{mount}/login/{user}", {"password": given["password"].reveal()}
        if how == "approle":
            secret = self._unwrapped(given["secret_id"].reveal())
            return f"auth/{mount}/login", {"role_id": given["role_id"].reveal(), "secret_id": secret}
        return f"auth/{mount}/login", {"role": role or None, "jwt": given["jwt"].reveal()}

    def _auth_mount(self, how: str) -> str:
        return self._settings.get("auth_mount").strip("/") or how

    def _unwrapped(self, secret: str) -> str:
        """Returns the secret ID, unwrapped if it is inside a wrapping token."""
        if not secret.startswith(("s.", "hvs.", "b.", "hvb.")):
            return secret
        data = self._unwrap(secret).get("data")
        found = data.get("secret_id") if isinstance(data, dict) else None
        if not isinstance(found, str):
            raise LkrError("that wrapping token does not hold a secret ID", "ask for a new one", REFUSED)
        return found

    def _unwrap(self, token: str) -> "dict[str, Any]":
        self._client.token = token
        try:
            return self._ask("POST", "sys/wrapping/unwrap", {})
        except exceptions.VaultError:
            hint = "if you did not use it, someone else did: tell whoever gave it to you"
            raise LkrError("that wrapping token has expired, or was already used", hint, REFUSED) from None
        finally:
            self._client.token = ""

    def _token_login(self, token: Secret) -> "dict[str, Any]":
        """Asks what a token may do. Unwraps a wrapping token first."""
        text = token.reveal()
        if not text.isascii() or not text.isprintable():
            raise LkrError("that is not a token", "nothing was changed")
        if self._is_wrapping(text):  # asked without the token, because a wrapping token works only once
            auth = self._unwrap(text).get("auth")
            if not isinstance(auth, dict):
                raise LkrError("that wrapping token does not hold a login", "nothing was changed")
            return auth
        self._client.token = text
        try:
            data = self._ask("GET", "auth/token/lookup-self").get("data")
        except (exceptions.Forbidden, exceptions.Unauthorized):
            hint = "if it was a wrapping token, someone may have used it: tell whoever gave it to you"
            raise LkrError(f"the source {self.name} does not accept that token", hint) from None
        except exceptions.VaultError as error:
            raise base.unreachable(self._settings, _why(error)) from None
        data = data if isinstance(data, dict) else {}
        period = {"lease_duration": data.get("ttl"), "renewable": data.get("renewable")}
        return {"client_token": text, **period}

    def _is_wrapping(self, token: str) -> bool:
        try:
            data = self._ask("POST", "sys/wrapping/lookup", {"token": token}).get("data")
            return isinstance(data, dict) and "creation_path" in data
        except exceptions.VaultError:
            return False

    def _login_request(self, method: str, path: str, data: "dict[str, Any]") -> "dict[str, Any]":
        """Returns the `auth` part of the answer to a login, or its `data`."""
        try:
            found = self._ask(method, path, data)
        except (exceptions.InvalidRequest, exceptions.Forbidden, exceptions.Unauthorized, exceptions.InvalidPath):
            how = self._settings.get("auth")
            raise LkrError(f"the source {self.name} does not accept this {how} login", "try again", REFUSED) from None
        except exceptions.VaultError as error:
            raise base.unreachable(self._settings, _why(error)) from None
        part = found.get("auth") or found.get("data")
        if not isinstance(part, dict):
            raise base.unreachable(self._settings, "returned an answer that is not from OpenBao")
        return part

    def _keep(self, auth: "Mapping[str, Any]") -> Secret:
        token = auth.get("client_token")
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise base.unreachable(self._settings, "returned an answer that is not from OpenBao")
        seconds = _number(auth.get("lease_duration"))
        self._login = {
            "token": token,
            "identity": self._settings.identity(),
            "expires": int(time.time()) + seconds if seconds else 0,
            "period": seconds if auth.get("renewable") else 0,
        }
        self._client.token = token
        self._changed = True
        return Secret(json.dumps(self._login))

    def _renew_login(self) -> None:
        """Renews a token that has less than half of its time left."""
        period, expires = self._login.get("period", 0), self._login.get("expires", 0)
        if not period or time.time() + period / 2 < expires:
            return
        try:
            auth = self._ask("POST", "auth/token/renew-self", {}).get("auth")
        except exceptions.VaultError:
            return  # it may still be valid for some time; reading will show that
        if isinstance(auth, dict):
            self._keep({"renewable": True, **auth, "client_token": self._login["token"]})

    def kept(self) -> Secret | None:
        return Secret(json.dumps(self._login)) if self._changed else None

    def expires(self) -> int:
        """Returns when the login ends, in seconds since the epoch; 0 for never."""
        return int(self._login.get("expires", 0))

    def logout(self) -> None:
        if self._login:
            try:
                self._ask("POST", "auth/token/revoke-self", {})
            except exceptions.VaultError:
                pass  # it has already ended
            self._login = {}


def _ca(settings: Settings) -> str:
    import os

    path = os.path.expanduser(settings.get("ca"))
    if path and not os.path.isfile(path):
        raise LkrError(f"the certificate file of the source {settings.name} does not exist", path, UNREACHABLE)
    return path


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else 0


def _until(date: object) -> int:
    """Returns the seconds until a date from the server; 0 without a date."""
    from datetime import UTC, datetime

    try:
        left = datetime.fromisoformat(str(date)[:19] + "+00:00") - datetime.now(UTC)
    except ValueError:
        return 0
    return max(1, int(left.total_seconds()))


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
