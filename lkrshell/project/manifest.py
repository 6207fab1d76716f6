"""Parses and checks manifests: `.lkr.toml` and `.lkr.local.toml`. Runs no code and reads no value.

An export does not need this module, since a grant keeps the parsed form.
"""

import re

from lkrshell.core import limits, names, toml_text
from lkrshell.core.binding import Binding
from lkrshell.core.errors import LkrError, ManifestError
from lkrshell.core.text import show
from lkrshell.vendors.providers import refusal, variable_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

MAX_KEYS = 256
VIA = ("broker", "environment")
_LIMITS = {
    "models": 'models = ["claude-*"]', "budget": 'budget = "5/day"', "rate": 'rate = "60/min"',
    "tokens": 'tokens = "2M/day"',
}  # fmt: skip
_FIELDS = ("key", "optional", "scope", "via", *_LIMITS)


class Manifest:
    """A manifest, with its local file applied. `let_in`: variables that are valid only because the person accepted
    them. `sources`: tables of shared stores that its keys come from, which a person may add.

    Not a dataclass, to keep `lkr allow` fast: see core/binding.py.
    """

    __slots__ = ("bindings", "inherit", "let_in", "profile", "require_all", "sources")

    def __init__(
        self, inherit: bool, bindings: tuple[Binding, ...], profile: str, let_in: tuple[str, ...], require_all: bool
    ) -> None:
        self.inherit, self.bindings, self.profile = inherit, bindings, profile
        self.let_in, self.require_all = let_in, require_all
        self.sources: dict[str, dict[str, object]] = {}


class _File:
    """A file while it is checked. It can name a place in its text, and knows which variables the person accepted."""

    def __init__(self, path: str, text: str, let_in: "Container[str]") -> None:
        self.path, self.text, self.let_in = path, text, let_in

    def error(self, message: str, hint: str, table: str = "", name: str = "") -> ManifestError:
        """An error `path:line:column: message; hint`. The place is found by searching the text for `name` in
        `[table]`."""
        place = show(self.path)
        current = ""
        for number, line in enumerate(self.text.split("\n"), 1):
            if line.lstrip()[:1] == "[" and "]" in line:
                current = line.lstrip("[ \t").partition("]")[0].strip().replace('"', "")
                if (not name and current == table) or (not table and current.partition(".")[0] == name):
                    place += f":{number}:1"
                    break
            found = re.search(rf"(?<![\w-])[\"']?{re.escape(name)}[\"']?(?![\w-])", line) if name else None
            if found and (current == table or not current):
                place += f":{number}:{found.start() + 1}"
                break
        return ManifestError(f"{place}: {message}", hint)


def parse(
    path: str, text: str, local_path: str = "", local_text: str | None = None, let_in: "Container[str]" = ()
) -> Manifest:
    """The manifest of `text`, with the local file applied. `let_in`: variables that the person accepted.

    ManifestError with file, line and column where known, and with what to write instead. No message quotes a string
    that could be a key's value.
    """
    inherit, require, via, _, bindings = _parse_file(_File(path, text, let_in))
    profile = ""
    if local_text is not None:
        local_inherit, local_require, local_via, profile, local_wants = _parse_file(
            _File(local_path, local_text, let_in), local=True
        )
        inherit = inherit if local_inherit is None else local_inherit
        require = require if local_require is None else local_require
        via = local_via or via
        bindings |= local_wants
    for binding in bindings.values():  # a binding's own `via` wins over that of the file
        binding.via = "broker" if (binding.via or via) == "broker" else ""
    if len(bindings) > MAX_KEYS:
        raise ManifestError(f"{show(path)}: more than {MAX_KEYS} keys", "split the project")
    used = sorted({binding.variable for binding in bindings.values() if refusal(binding.variable)})
    found = Manifest(bool(inherit), tuple(bindings.values()), profile, tuple(used), bool(require))
    found.sources = _parse_sources(path, text)
    return found


def _parse_sources(path: str, text: str) -> dict[str, dict[str, object]]:
    """The tables `[sources.NAME]`, checked. They contain no secret, and name no file or program of this machine."""
    table = toml_text.parse(text).get("sources", {}) if "sources" in text else {}
    if not isinstance(table, dict):
        raise ManifestError(f"{show(path)}: sources must be tables", "write [sources.NAME]")
    if table:
        from lkrshell.sources import settings

        for name, content in table.items():
            try:
                settings.parse(name, content, show(path), in_manifest=True)
            except LkrError as error:
                raise ManifestError(error.message, error.hint) from None
    return table


def _parse_file(
    file: _File, local: bool = False
) -> tuple[bool | None, bool | None, str, str, dict[tuple[str, str], Binding]]:
    """The file's `inherit`, whether it requires all keys, its `via`, its `profile` (in a local file only), and its
    bindings by (profile, variable). None or empty for what the file does not say."""
    where = show(file.path)
    try:
        file.text.encode("utf-8")
        table = toml_text.parse(file.text)
    except UnicodeEncodeError:
        raise ManifestError(f"{where}: not UTF-8", "save it as UTF-8") from None
    except toml_text.TomlError as error:
        raise ManifestError(f"{where}: {error}", "correct that file" if local else "edit it: lkr edit") from None
    known = ("version", "inherit", "require", "via", "keys", "profiles") + (("profile",) if local else ("sources",))
    for field in table:
        if field not in known:
            hint = names.did_you_mean(field, known, f"known: {', '.join(known)}")
            raise file.error(f"unknown field {names.redacted(field)}", hint, "", field)
    if not local or "version" in table:
        _check_version(file, table.get("version"))
    inherit = table.get("inherit")
    if inherit is not None and not isinstance(inherit, bool):
        raise file.error("inherit must be true or false", "write inherit = true", "", "inherit")
    require = table.get("require")
    if require not in (None, "all", "any"):
        raise file.error('require must be "all" or "any"', 'write require = "all"', "", "require")
    via = table.get("via", "")
    if via not in ("", *VIA) or ("via" in table and not via):
        raise file.error('via must be "broker" or "environment"', 'write via = "broker"', "", "via")
    chosen = table.get("profile", "")
    if chosen != "" and not (isinstance(chosen, str) and names.is_profile(chosen)):
        raise file.error("profile must be the name of a profile", 'write profile = "staging"', "", "profile")
    bindings = _parse_keys(file, table.get("keys", {}), "keys", "")
    profiles = table.get("profiles", {})
    if not isinstance(profiles, dict):
        raise file.error("profiles must be tables", "write [profiles.NAME.keys]", "", "profiles")
    for profile, content in profiles.items():
        section = f"profiles.{profile}"
        if not names.is_profile(profile):
            raise file.error("a profile's name has letters, digits, - and _ only", "rename it", section)
        if not isinstance(content, dict) or set(content) - {"keys"}:
            raise file.error(
                f"profile {names.redacted(profile)} may contain only keys", "write [profiles.NAME.keys]", section
            )
        bindings |= _parse_keys(file, content.get("keys", {}), f"{section}.keys", profile)
    return inherit, None if require is None else require == "all", via, chosen, bindings


def _check_version(file: _File, version: object) -> None:
    if version is None:
        raise ManifestError(f"{show(file.path)}:1:1: no version", "write version = 1 in the first line")
    if type(version) is not int or version != 1:
        hint = "install a newer lkr" if type(version) is int and version > 1 else "write version = 1"
        raise file.error("this lkr reads version 1 only", hint, "", "version")


def _parse_keys(file: _File, keys: object, table: str, profile: str) -> dict[tuple[str, str], Binding]:
    if isinstance(keys, list):
        return _parse_short(file, keys, table, profile)
    if not isinstance(keys, dict):
        hint = 'write [keys], and below it VARIABLE = "provider:label"'
        raise file.error("keys must be a table or a list", hint, "", "keys")
    bindings = {}
    for variable, entry in keys.items():
        if names.looks_like_a_value(variable) and not names.is_variable(variable):
            raise file.error("a variable's name looks like a real key", "remove it, and revoke that key", table)
        if not names.is_variable(variable):
            raise file.error(
                f"{names.redacted(variable)} is not a valid variable name", "use A-Z, 0-9 and _", table, variable
            )
        if why := refusal(variable, file.let_in):
            raise file.error(*why, table, variable)
        bindings[profile, variable] = _parse_entry(file, variable, entry, table, profile)
    return bindings


def _parse_short(file: _File, keys: list[object], table: str, profile: str) -> dict[tuple[str, str], Binding]:
    bindings: dict[tuple[str, str], Binding] = {}
    parent, _, last = table.rpartition(".")
    for key in keys:
        name = _key_name(file, key, parent, last)
        variable = variable_of(name)
        if variable is None:
            hint = f'write [{table}] and VARIABLE = "{name}"'
            raise file.error(f"no known variable for {name}", hint, parent, last)
        if (profile, variable) in bindings:
            raise file.error(f"{variable} would be set twice", f"write [{table}] with two variables", parent, last)
        bindings[profile, variable] = Binding(variable, name, profile=profile)
    return bindings


def _parse_entry(file: _File, variable: str, entry: object, table: str, profile: str) -> Binding:
    if not isinstance(entry, dict):
        return Binding(variable, _key_name(file, entry, table, variable), profile=profile)
    if unknown := set(entry) - set(_FIELDS):
        field = names.redacted(sorted(unknown)[0])
        hint = names.did_you_mean(field.strip("'"), _FIELDS, f"known: {', '.join(_FIELDS)}")
        raise file.error(f"{variable}: unknown field {field}", hint, table, variable)
    optional, scope = entry.get("optional", False), entry.get("scope", "shell")
    if not isinstance(optional, bool):
        raise file.error(f"{variable}: optional must be true or false", "write optional = true", table, variable)
    if isinstance(scope, dict):
        scope = _parse_commands(file, scope, table, variable)
    elif scope not in ("shell", "exec"):
        otherwise = 'write scope = "shell", scope = "exec" or scope = { commands = ["python"] }'
        hint = names.did_you_mean(str(scope), ("shell", "exec"), otherwise, 'scope = "{}"')
        raise file.error(f'{variable}: scope must be "shell", "exec" or a table of commands', hint, table, variable)
    via = entry.get("via", "")
    if via not in ("", *VIA) or ("via" in entry and not via):
        raise file.error(f'{variable}: via must be "broker" or "environment"', 'write via = "broker"', table, variable)
    texts = [_parse_limit(file, field, entry[field], table, variable) if field in entry else "" for field in _LIMITS]
    return Binding(variable, _key_name(file, entry.get("key"), table, variable), optional, scope, profile, via, *texts)


def _parse_limit(file: _File, field: str, value: object, table: str, variable: str) -> str:
    """A limit in the form of core.limits."""
    if field == "models" and isinstance(value, list):
        good = bool(value) and all(isinstance(each, str) and " " not in each and each for each in value)
        text = " ".join(map(str, value))
    else:
        good, text = field != "models" and bool(value) and isinstance(value, str), str(value)
    if not good or not limits.is_limit(field, text):
        raise file.error(
            f"{variable}: {field} is not a valid limit", f"{limits.HINTS[field]}: {_LIMITS[field]}", table, variable
        )
    return text


def _parse_commands(file: _File, scope: dict[str, object], table: str, variable: str) -> str:
    """`{ commands = [...] }` in the form of `Binding.scope`."""
    hint = 'write scope = { commands = ["python"] }'
    commands = scope.get("commands")
    if set(scope) != {"commands"} or not isinstance(commands, list) or not commands:
        raise file.error(f"{variable}: a scope's table holds a list of commands", hint, table, variable)
    for command in commands:
        if not isinstance(command, str) or not names.is_command(command):
            what = names.redacted(command) if isinstance(command, str) else "that"
            raise file.error(f"{variable}: {what} is not the name of a program", hint, table, variable)
    return "commands:" + ",".join(dict.fromkeys(commands))


def _key_name(file: _File, key: object, table: str, variable: str) -> str:
    if isinstance(key, str) and names.is_key(key):
        if names.is_sealed(key) and names.source_of(key) != names.SEALED:  # another project's copy
            raise file.error(f"{variable} names no key", f'write "sealed/{names.in_source(key)}"', table, variable)
        return key
    if isinstance(key, str) and names.looks_like_a_value(key):
        raise file.error(
            f"{variable} contains what looks like a real key, not the name of one",
            "revoke that key, store the new one with `lkr set provider:label`, and write the name here",
            table,
            variable,
        )
    lower = names.in_lower_case(key) if isinstance(key, str) else ""
    hint = f'write it in lower case: "{lower}"' if lower else 'write "provider:label", such as "openai:prod"'
    raise file.error(f"{variable} needs the name of a key", hint, table, variable)
