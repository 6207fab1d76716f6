"""Checks the settings of a source: `[sources.NAME]` in the user's config.toml, or in a project's manifest.

No setting is secret. No error repeats text that could be secret.
"""

import os
import re
import urllib.parse

from lkrshell.core import names, policy
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.state import config, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# The fields that each type knows, after those that every type has. `read` and the like are lists of words, for a
# command.
_EVERY = ("type", "cache", "grace")
FIELDS = {
    "openbao": (
        "address", "mount", "prefix", "field", "engine", "namespace", "auth", "auth_mount", "user", "role", "ca",
        "proxy",
    ),
    "aws": ("address", "region", "service", "prefix", "field", "profile", "proxy"),
    "command": ("read", "write", "list", "delete", "field"),
}  # fmt: skip
_OF_PROGRAM = ("program", "mount", "prefix", "field")
COMMANDS = ("read", "write", "list", "delete")
AUTHS = ("token", "userpass", "approle", "jwt", "oidc", "kubernetes")
_CHOICES = {"auth": AUTHS, "engine": ("kv2", "kv1", "dynamic"), "service": ("secretsmanager", "ssm")}
_DEFAULTS = {
    "openbao": {"mount": "secret", "field": "value", "engine": "kv2", "auth": "token"},
    "aws": {"service": "secretsmanager"},
}
_DEFAULT_TIMES = {"cache": "8h", "grace": "24h"}
# What a project's manifest may set: nothing that names a file or program of this machine.
IN_MANIFEST = frozenset(
    ("type", "cache", "grace", "address", "mount", "prefix", "field", "engine", "namespace", "auth", "auth_mount",
     "role", "region", "service")
)  # fmt: skip
_LONGEST = 31 * 86400  # seconds


class Settings:
    """A source in the user's settings. `fields` are texts of its own type, with defaults; `commands` are lists of
    words, for a program. `cache` and `grace` are in seconds."""

    __slots__ = ("cache", "commands", "fields", "grace", "name", "type")

    def __init__(
        self, name: str, type: str, fields: dict[str, str], commands: dict[str, list[str]], cache: int, grace: int
    ) -> None:
        self.name, self.type, self.fields, self.commands = name, type, fields, commands
        self.cache, self.grace = cache, grace

    def get(self, field: str) -> str:
        return self.fields.get(field, "")

    def place(self) -> str:
        """Tells a person where the keys come from: an address, a region, or a program."""
        program = self.commands.get("read", [""])[0] or self.get("program")
        return self.get("address") or self.get("region") or program or self.type

    def identity(self) -> str:
        """Returns what a login belongs to. A login for another identity is never sent."""
        return "\n".join((self.type, self.get("address").rstrip("/"), self.get("namespace")))


def user_table() -> "dict[str, object]":
    """Returns the table `[sources]` of the user's config.toml, unchecked; empty if there is no such table."""
    data = config.read(paths.config_file())
    if data is None:
        return {}
    table = config.parsed(paths.config_file(), data).get("sources", {})
    return table if isinstance(table, dict) else {}


def every() -> dict[str, Settings]:
    """Returns the user's sources by name. Raises LkrError when one is not valid."""
    where = show(paths.config_file())
    return {name: parse(name, table, where) for name, table in user_table().items()}


def find(name: str) -> Settings:
    """Returns the user's source of this name. Raises LkrError when there is none."""
    table = user_table()
    if name in table:
        return parse(name, table[name], show(paths.config_file()))
    if names.is_reserved(name):
        raise LkrError(f"lkr does not fetch keys from {name}", "its keys are in the project's repository")
    if not names.is_source(name):
        raise LkrError(f"{names.redacted(name)} is not the name of a source", "see lkr source")
    raise LkrError(f"you have no source {name}", f"add it: lkr source add {name} TYPE ADDRESS")


def types() -> list[str]:
    """Returns the types that lkr and other packages bring."""
    from lkrshell.sources import registry

    return registry.types()


def parse(name: str, table: object, where: str, in_manifest: bool = False) -> Settings:
    """Returns a checked source. Raises LkrError with `where` (a file, or empty), the field and what to write."""
    start = f"{where}: " if where else ""
    label = f"{start}sources.{name if names.is_source(name) else '?'}"
    if not names.is_source(name):
        reserved = names.is_reserved(name)
        what = f"{name} is reserved" if reserved else f"{names.redacted(name)} is not a valid name for a source"
        raise LkrError(start + what, "use up to 32 of a-z, 0-9 and -")
    if not isinstance(table, dict) or not isinstance(table.get("type"), str):
        raise LkrError(f"{label} needs a type", 'write type = "openbao"')
    kind = table["type"]
    if kind not in types() or (in_manifest and kind == "command"):
        raise LkrError(f"{label}: unknown type {names.redacted(kind)}", f"use one of {', '.join(types())}")
    known = (*_EVERY, *_fields(kind))
    for field in table:
        if field not in known or (in_manifest and field not in IN_MANIFEST):
            allowed = [each for each in known if not in_manifest or each in IN_MANIFEST]
            raise LkrError(f"{label}: unknown field {names.redacted(field)}", f"known: {', '.join(allowed)}")
    commands = {field: _words(label, field, table[field]) for field in COMMANDS if field in table}
    texts = {field: _text(label, field, value) for field, value in table.items() if field not in COMMANDS}
    times = {field: _seconds(label, field, texts.pop(field, _DEFAULT_TIMES[field])) for field in _DEFAULT_TIMES}
    fields = {**_DEFAULTS.get(kind, {}), **texts}
    del fields["type"]
    _check(label, kind, fields, commands)
    return Settings(name, kind, fields, commands, times["cache"], times["grace"])


def _fields(kind: str) -> tuple[str, ...]:
    from lkrshell.sources import registry

    return FIELDS.get(kind) or (_OF_PROGRAM if registry.is_program(kind) else registry.fields_of(kind))


def _text(label: str, field: str, value: object) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > 512:
        raise LkrError(f"{label}: {field} must be a short text")
    if field in _CHOICES and value not in _CHOICES[field]:
        raise LkrError(f"{label}: {field} is not known", f"use one of {', '.join(_CHOICES[field])}")
    if field in ("mount", "prefix", "auth_mount", "namespace") and not _is_path(value):
        raise LkrError(f"{label}: {field} is not a path", "use letters, digits, - _ . and /")
    if field in ("field", "role", "region", "profile", "user") and not re.fullmatch(r"[\w.@+/:-]{1,200}", value):
        raise LkrError(f"{label}: {field} has characters that do not belong there")
    if field in ("ca", "program") and not os.path.expanduser(value).startswith("/"):
        raise LkrError(f"{label}: {field} must be the full path of a file")
    return value


def _is_path(text: str) -> bool:
    parts = text.strip("/").split("/") if text.strip("/") else []
    return all(re.fullmatch(r"[A-Za-z0-9_.-]+", part) and part.strip(".") for part in parts)


def _words(label: str, field: str, value: object) -> list[str]:
    good = isinstance(value, list) and value and all(isinstance(word, str) and "\0" not in word for word in value)
    if not good or not isinstance(value, list) or not str(value[0]).startswith("/"):
        hint = f'write {field} = ["/usr/bin/vaultctl", "read", "{{provider}}/{{label}}"]'
        raise LkrError(f"{label}: {field} must be a list: a program's full path, and its words", hint)
    return [str(word) for word in value]


def _seconds(label: str, field: str, text: str) -> int:
    if text == "0":
        return 0
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text)
    seconds = int(found[1]) * policy.UNITS[found[2]] if found else _LONGEST + 1
    if seconds > _LONGEST:
        raise LkrError(f"{label}: {field} is not a time", f'write {field} = "8h", at most 31d, or "0"')
    return seconds


def _check(label: str, kind: str, fields: "Mapping[str, str]", commands: "Mapping[str, object]") -> None:
    """Raises LkrError when a required field is missing, or an address would be reached without encryption."""
    if kind == "command" and "read" not in commands:
        raise LkrError(f"{label} needs a command", 'write read = ["/usr/bin/vaultctl", "read", "{provider}/{label}"]')
    if kind == "openbao" and not fields.get("address"):
        raise LkrError(f"{label} needs an address", 'write address = "https://bao.example:8200"')
    if fields.get("address"):
        check_address(label, fields["address"])
    if fields.get("proxy") and not re.fullmatch(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/?", fields["proxy"]):
        raise LkrError(f"{label}: that proxy cannot be used", "write http://HOST:PORT")


def check_address(label: str, address: str) -> None:
    """Raises LkrError unless it is an https URL with only a host, or plain http to this machine."""
    hint = "write https://HOST:PORT; plain http works only for 127.0.0.1, ::1 and localhost"
    try:
        parts = urllib.parse.urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urllib.parse.urlsplit(""), 0
    good = address.isascii() and not any(c <= " " or c in "\\?#@%" for c in address)
    good = good and bool(parts.hostname) and port != 0 and parts.path in ("", "/")
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not good or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise LkrError(f"{label}: that address cannot be used", hint)
