"""Reads direnv's state in this shell: the variables it set, and the file that `direnv allow` creates.

Source: DIRENV_DIFF (URL-safe base64 of zlib of JSON, with the previous variables under "p" and direnv's own under "n"),
and the files of `direnv allow`, named after the SHA-256 of path, line break and content. An export loads this module
only if there is an .envrc.
"""

import os

from lkrshell.project import lookup


def variables_set() -> set[str]:
    """The variables that direnv has set in this shell, including those of `use lkr`."""
    return set(_difference(os.environ.get("DIRENV_DIFF", ""), "n"))


def previous(text: str) -> dict[str, str]:
    """What direnv restores on leaving, by variable, from the text of a DIRENV_DIFF. Without those that were not set."""
    return _difference(text, "p")


def _difference(text: str, part: str) -> dict[str, str]:
    if not text:
        return {}
    import base64
    import json
    import zlib

    try:
        found = json.loads(zlib.decompress(base64.urlsafe_b64decode(text)))[part]
        return {name: value for name, value in found.items() if isinstance(value, str)}
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error):
        return {}


def allow_file(envrc: str, text: str) -> tuple[str, str]:
    """The file that `direnv allow` creates for an .envrc with this text (in the form of lookup.Place), and the file's
    text.

    The hook watches it: once it exists, direnv would take the keys that we loaded for the shell's previous values.
    """
    from hashlib import sha256

    content = text.removeprefix(lookup.TEXT).encode("utf-8", "surrogateescape")
    name = sha256(os.fsencode(envrc) + b"\n" + content).hexdigest()
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    path = os.path.join(data, "direnv", "allow", name)
    return path, lookup.read_text(path)
