"""The login at OpenBao or HashiCorp Vault: a token, how long it is valid, and all the ways to get one."""

import json
import time
import urllib.parse

from hvac import exceptions

from lkrshell.core.errors import REFUSED, LkrError
from lkrshell.core.secret import Secret
from lkrshell.sources import base
from lkrshell.sources.openbao_server import Server, number
from lkrshell.sources.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


class WithLogin:
    """The part of a source that logs in, keeps the token, renews it and gives it back. `kept` is what `login` or `kept`
    returned the last time."""

    def __init__(self, settings: Settings, kept: Secret | None) -> None:
        self._settings = settings
        self._login: dict[str, Any] = json.loads(kept.reveal()) if kept else {}
        self._changed = False
        self._server = Server(settings, self._login.get("token", ""))

    def _require_login(self) -> None:
        if not self._login:
            raise base.needs_login(self._settings, "you are not logged in to")

    def _check_login(self) -> None:
        """Raises LkrError when the server no longer accepts the token."""
        self._require_login()
        try:
            self._server.ask("GET", "auth/token/lookup-self")
        except (exceptions.Forbidden, exceptions.Unauthorized):
            raise base.needs_login(self._settings, "your login has expired at") from None
        except exceptions.VaultError as error:
            raise self._server.unusable(error) from None

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
        self._server.use(token)
        try:
            return self._server.ask("POST", "sys/wrapping/unwrap", {})
        except exceptions.VaultError:
            hint = "if you did not use it, someone else did: tell whoever gave it to you"
            raise LkrError("that wrapping token has expired, or was already used", hint, REFUSED) from None
        finally:
            self._server.use("")

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
        self._server.use(text)
        try:
            data = self._server.ask("GET", "auth/token/lookup-self").get("data")
        except (exceptions.Forbidden, exceptions.Unauthorized):
            hint = "if it was a wrapping token, someone may have used it: tell whoever gave it to you"
            raise LkrError(f"the source {self._settings.name} does not accept that token", hint) from None
        except exceptions.VaultError as error:
            raise self._server.unusable(error) from None
        data = data if isinstance(data, dict) else {}
        period = {"lease_duration": data.get("ttl"), "renewable": data.get("renewable")}
        return {"client_token": text, **period}

    def _is_wrapping(self, token: str) -> bool:
        try:
            data = self._server.ask("POST", "sys/wrapping/lookup", {"token": token}).get("data")
            return isinstance(data, dict) and "creation_path" in data
        except exceptions.VaultError:
            return False

    def _login_request(self, method: str, path: str, data: "dict[str, Any]") -> "dict[str, Any]":
        """Returns the `auth` part of the answer to a login, or its `data`."""
        try:
            found = self._server.ask(method, path, data)
        except (exceptions.InvalidRequest, exceptions.Forbidden, exceptions.Unauthorized, exceptions.InvalidPath):
            how = self._settings.get("auth")
            why = f"the source {self._settings.name} does not accept this {how} login"
            raise LkrError(why, "try again", REFUSED) from None
        except exceptions.VaultError as error:
            raise self._server.unusable(error) from None
        part = found.get("auth") or found.get("data")
        if not isinstance(part, dict):
            raise self._server.not_understood()
        return part

    def _keep(self, auth: "Mapping[str, Any]") -> Secret:
        token = auth.get("client_token")
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise self._server.not_understood()
        seconds = number(auth.get("lease_duration"))
        self._login = {
            "token": token,
            "identity": self._settings.identity(),
            "expires": int(time.time()) + seconds if seconds else 0,
            "period": seconds if auth.get("renewable") else 0,
        }
        self._server.use(token)
        self._changed = True
        return Secret(json.dumps(self._login))

    def _renew_login(self) -> None:
        """Renews a token that has less than half of its time left."""
        period, expires = self._login.get("period", 0), self._login.get("expires", 0)
        if not period or time.time() + period / 2 < expires:
            return
        try:
            auth = self._server.ask("POST", "auth/token/renew-self", {}).get("auth")
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
                self._server.ask("POST", "auth/token/revoke-self", {})
            except exceptions.VaultError:
                pass  # it has already ended
            self._login = {}
