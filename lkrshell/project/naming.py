"""The text of a manifest with more keys named in it, comments kept. Writes nothing."""

import tomlkit
from tomlkit.exceptions import TOMLKitError

from lkrshell.core.errors import ManifestError
from lkrshell.project import lookup, manifest
from lkrshell.vendors import providers


def with_keys(place: lookup.Place, keys: dict[str, str]) -> tuple[str, str | None]:
    """The manifest's text and its local file's (None: as it is), so that each variable has its key.

    A variable to which the manifest gives another key gets its own in the local file, which is one person's.
    ManifestError when what is there is not valid.
    """
    text = place.text[1:] if place.text != lookup.ABSENT else "version = 1\n\n[keys]\n"
    local = place.local[1:] if place.local != lookup.ABSENT else None
    shared = _named(manifest.parse(lookup.MANIFEST, text))
    both = _named(manifest.parse(lookup.MANIFEST, text, lookup.LOCAL, local))
    more = {variable: key for variable, key in keys.items() if both.get(variable) != key}
    own = {variable: key for variable, key in more.items() if variable in shared or variable in both}
    new = {variable: key for variable, key in more.items() if variable not in own}
    return _added(text, new) if new else text, _added(local or "", own) if own else None


def _named(parsed: manifest.Manifest) -> dict[str, str]:
    return {want.variable: want.key for want in parsed.wants if not want.profile}


def _added(text: str, new: dict[str, str]) -> str:
    try:
        document = tomlkit.parse(text)
    except TOMLKitError:
        raise ManifestError("the manifest is not TOML", "fix it: lkr edit") from None
    keys = document.setdefault("keys", tomlkit.table())
    if isinstance(keys, list):  # the short form
        table = tomlkit.table()
        for key in keys:
            table[providers.variable_of(str(key)) or ""] = str(key)
        document["keys"] = keys = table
    for variable, key in new.items():
        keys[variable] = key
    return tomlkit.dumps(document)
