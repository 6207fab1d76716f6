"""The text of a manifest with more keys named in it, comments kept. Writes nothing."""

from collections.abc import Iterable, MutableMapping

import tomlkit
from tomlkit.exceptions import TOMLKitError

from lkrshell.core.binding import Binding
from lkrshell.core.errors import ManifestError
from lkrshell.project import lookup, manifest_reader
from lkrshell.vendors import providers

EMPTY = "version = 1\n\n[keys]\n"


def with_keys(place: lookup.Place, keys: dict[str, str]) -> tuple[str, str | None]:
    """The manifest's text and its local file's (None: as it is), so that each variable has its key.

    A variable to which the manifest gives another key gets its own in the local file, which is one person's.
    ManifestError when what is there is not valid.
    """
    text, local = EMPTY if place.text == lookup.ABSENT else place.text[1:], place.local_content()
    shared = keys_by_variable(manifest_reader.read_manifest(place, text=text, local="").bindings)
    both = keys_by_variable(manifest_reader.read_manifest(place, text=text).bindings)
    more = {variable: key for variable, key in keys.items() if both.get(variable) != key}
    own = {variable: key for variable, key in more.items() if variable in shared or variable in both}
    new = {variable: key for variable, key in more.items() if variable not in own}
    return add_keys(text, new) if new else text, add_keys(local or "", own) if own else None


def keys_by_variable(bindings: Iterable[Binding]) -> dict[str, str]:
    """The key of each variable, without those of profiles."""
    return {binding.variable: binding.key for binding in bindings if not binding.profile}


def add_keys(text: str, new: dict[str, str]) -> str:
    """The text of a manifest, or of a local file, in which these variables have these keys. ManifestError when it is
    not TOML."""
    try:
        document = tomlkit.parse(text)
    except TOMLKitError:
        raise ManifestError("the manifest is not TOML", "fix it: lkr edit") from None
    keys_table(document).update(new)
    return tomlkit.dumps(document)


def keys_table(document: tomlkit.TOMLDocument) -> "MutableMapping[str, object]":
    """The `[keys]` of the document, to be changed in place. A short list becomes a table of the same keys."""
    keys = document.setdefault("keys", tomlkit.table())
    if isinstance(keys, list):
        table = tomlkit.table()
        for key in keys:
            table[providers.variable_of(str(key)) or ""] = str(key)
        document["keys"] = keys = table
    found: MutableMapping[str, object] = keys
    return found
