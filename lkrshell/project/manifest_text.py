"""Adds keys to the text of a manifest and keeps its comments. Writes nothing."""

from collections.abc import Iterable, MutableMapping

import tomlkit
from tomlkit.exceptions import TOMLKitError

from lkrshell.core.binding import Binding
from lkrshell.core.errors import ManifestError
from lkrshell.project import lookup, manifest_reader
from lkrshell.vendors import providers

EMPTY = "version = 1\n\n[keys]\n"


def with_keys(place: lookup.Place, keys: dict[str, str]) -> tuple[str, str | None]:
    """The new texts of the manifest and of its local file (None: unchanged), so that each variable has its key.

    If the manifest gives a variable another key, the new one goes into the local file, which belongs to one person.
    An entry keeps its other fields, see `add_keys`. ManifestError if the current content is invalid.
    """
    text = EMPTY if place.text == lookup.ABSENT else place.text[1:]
    shared = keys_by_variable(manifest_reader.read_manifest(place, text=text, local="").bindings)
    both = keys_by_variable(manifest_reader.read_manifest(place, text=text).bindings)
    more = {variable: key for variable, key in keys.items() if both.get(variable) != key}
    own = {variable: key for variable, key in more.items() if variable in shared or variable in both}
    new = {variable: key for variable, key in more.items() if variable not in own}
    return add_keys(text, new) if new else text, local_keys(place, own) if own else None


def local_keys(place: lookup.Place, keys: dict[str, str]) -> str:
    """The new text of the local file, so that it gives each variable its key."""
    return add_keys(place.local_content() or "", keys, place.text[1:])


def keys_by_variable(bindings: Iterable[Binding]) -> dict[str, str]:
    """The key of each variable, without those of profiles."""
    return {binding.variable: binding.key for binding in bindings if not binding.profile}


def add_keys(text: str, new: dict[str, str], below: str = "") -> str:
    """The text of a manifest or a local file, with these keys for these variables. ManifestError for invalid TOML.

    Only an entry's key changes: its scope, limits and other fields stay, since they restrict what the key may do. A new
    entry that overrides one in the text `below` takes over that one's fields.
    """
    try:
        document, overridden = tomlkit.parse(text), tomlkit.parse(below).unwrap().get("keys")
    except TOMLKitError:
        raise ManifestError("the manifest is not TOML", "edit it: lkr edit") from None
    keys = keys_table(document)
    for variable, name in new.items():
        entry = keys.get(variable)
        if isinstance(entry, MutableMapping):
            entry["key"] = name
        elif entry is None and isinstance(overridden, dict) and isinstance(overridden.get(variable), dict):
            table = tomlkit.inline_table()
            table.update(overridden[variable] | {"key": name})
            keys[variable] = table
        else:
            keys[variable] = name
    return tomlkit.dumps(document)


def key_of(entry: object) -> str:
    """The key that an entry of a manifest names, as a string or in a table; empty if there is no name."""
    return str(entry.get("key", "")) if isinstance(entry, MutableMapping) else str(entry or "")


def keys_table(document: tomlkit.TOMLDocument) -> "MutableMapping[str, object]":
    """The `[keys]` of the document, to be changed in place. If it is a list, it becomes a table of the same keys."""
    keys = document.setdefault("keys", tomlkit.table())
    if isinstance(keys, list):
        table = tomlkit.table()
        for key in keys:
            table[providers.variable_of(str(key)) or ""] = str(key)
        document["keys"] = keys = table
    found: MutableMapping[str, object] = keys
    return found
