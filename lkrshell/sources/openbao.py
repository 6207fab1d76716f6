"""The keys in OpenBao and HashiCorp Vault. Imported only when a server is asked."""

from concurrent.futures import ThreadPoolExecutor

from hvac import exceptions

from lkrshell.core import names
from lkrshell.core.errors import LkrError
from lkrshell.core.secret import Secret
from lkrshell.sources import base
from lkrshell.sources.base import FORBIDDEN, MISSING, SAME, Answer
from lkrshell.sources.openbao_login import WithLogin
from lkrshell.sources.openbao_server import AT_ONCE, number
from lkrshell.sources.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_MOST_NAMES = 10_000
_SHORT = 10  # seconds; a shorter lease is not worth renewing


class OpenBao(WithLogin):
    """A server, and a place in it: `MOUNT/PREFIX/PROVIDER/LABEL`, field `value`."""

    def __init__(self, settings: Settings, login: Secret | None) -> None:
        super().__init__(settings, login)
        self.name, engine = settings.name, settings.get("engine")
        can = {base.LOGINS} | ({base.LEASES} if engine == "dynamic" else {base.LISTS, base.WRITES})
        self.capabilities = frozenset(can | ({base.VERSIONS} if engine == "kv2" else set()))
        self._engine, self._mount = engine, settings.get("mount").strip("/")

    def _path(self, name: str, kind: str = "data") -> str:
        provider, label = name.split(":")
        parts = [self._mount, kind if self._engine == "kv2" else "", self._settings.get("prefix").strip("/")]
        return "/".join(part for part in [*parts, provider, label] if part)

    def _must(self, what: str, method: str, path: str, data: "dict[str, Any] | None" = None) -> "dict[str, Any]":
        """Does the same as `Server.ask`, for requests that cannot go on without an answer. `what` names the request in
        errors."""
        try:
            return self._server.ask(method, path, data)
        except exceptions.Forbidden:
            self._check_login()
            raise base.refused(self._settings, what) from None
        except exceptions.VaultError as error:
            raise self._server.unusable(error) from None

    def read(self, names: list[str], leases: "Mapping[str, str]") -> dict[str, Answer]:
        self._require_login()
        self._renew_login()
        # one key first, so that a server that is down is asked only once
        answers = [self._read(name, leases.get(name, "")) for name in names[:1]]
        with ThreadPoolExecutor(AT_ONCE) as pool:
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
            found = self._server.ask("GET", self._path(name))
        except exceptions.Forbidden:
            return Answer(None, why=FORBIDDEN)
        except exceptions.InvalidPath as error:
            if error.errors:
                why = f"has no engine {self._engine} at {self._mount}"
                hint = f"see mount and engine in [sources.{self.name}]"
                raise base.unreachable(self._settings, why, hint) from None
            return Answer(None, why=MISSING)
        except exceptions.VaultError as error:
            raise self._server.unusable(error) from None
        try:
            return self._answer(name, found)
        except LkrError as error:
            return Answer(None, error=error)

    def _answer(self, name: str, found: "dict[str, Any]") -> Answer:
        data = found.get("data")
        version, seconds = "", number(found.get("lease_duration"))
        if self._engine == "kv2":
            meta = data.get("metadata") if isinstance(data, dict) else None
            data = data.get("data") if isinstance(data, dict) else None
            version = str(number(meta.get("version"))) if isinstance(meta, dict) else ""
            seconds = _until(meta.get("deletion_time")) if isinstance(meta, dict) else 0
        field = self._settings.get("field")
        if not isinstance(data, dict):
            raise self._server.not_understood()
        if field not in data:
            hint = f"see field in [sources.{self.name}]"
            raise base.unreachable(self._settings, f"has {name}, but no field {field} in it", hint)
        lease = found.get("lease_id")
        good = isinstance(lease, str) and lease.isprintable() and len(lease) < 512
        return Answer(base.checked(self._settings, name, data[field]), version, seconds, str(lease) if good else "")

    def _renew(self, lease: str) -> Answer | None:
        """Returns SAME for a renewed lease; None when a new value is needed."""
        try:
            found = self._server.ask("PUT", "sys/leases/renew", {"lease_id": lease})
        except exceptions.VaultError:
            return None
        seconds = number(found.get("lease_duration"))
        return Answer(None, "", seconds, lease, SAME) if seconds > _SHORT else None

    def revoke(self, leases: list[str]) -> None:
        for lease in leases:
            try:
                self._server.ask("PUT", "sys/leases/revoke", {"lease_id": lease})
            except exceptions.VaultError:
                pass  # the lease has ended, or will end by itself

    def _present(self, name: str) -> "tuple[dict[str, Any], int]":
        """Returns all fields of a key and its version; version 0 when the key does not exist."""
        try:
            data = self._server.ask("GET", self._path(name)).get("data") or {}
        except exceptions.InvalidPath as error:
            data = (error.json or {}).get("data") or {}
        except exceptions.Forbidden:
            return {}, -1  # a login that may write need not be able to read
        except exceptions.VaultError as error:
            raise self._server.unusable(error) from None
        if self._engine != "kv2":
            return dict(data), 0
        return dict(data.get("data") or {}), number((data.get("metadata") or {}).get("version"))

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
            keys = (self._server.ask("LIST", path).get("data") or {}).get("keys")
        except exceptions.InvalidPath:
            return []
        except exceptions.Forbidden:
            self._check_login()
            raise base.refused(self._settings, "list its keys") from None
        except exceptions.VaultError as error:
            raise self._server.unusable(error) from None
        keys = keys if isinstance(keys, list) else []
        return [key for key in keys if isinstance(key, str) and names.is_own(f"{key.removesuffix('/')}:x")]


def _until(date: object) -> int:
    """Returns the seconds until a date from the server; 0 without a date."""
    from datetime import UTC, datetime

    try:
        left = datetime.fromisoformat(str(date)[:19] + "+00:00") - datetime.now(UTC)
    except ValueError:
        return 0
    return max(1, int(left.total_seconds()))
