"""What direnv, hooked beside us, has done or may do here. `lkr export` loads this only where there is an .envrc.

Source: direnv's own record in DIRENV_DIFF (URL-safe base64 of zlib of JSON, the variables before under "p" and its own
under "n"), and the files of `direnv allow`, named after the SHA-256 of path, line break and content.
"""

import os

from lkrshell.project import lookup


def variables_set() -> set[str]:
    """The variables that direnv has set in this shell; those of `use lkr` too."""
    text = os.environ.get("DIRENV_DIFF", "")
    if not text:
        return set()
    import base64
    import json
    import zlib

    try:
        return set(json.loads(zlib.decompress(base64.urlsafe_b64decode(text)))["n"])
    except (ValueError, KeyError, TypeError, zlib.error):
        return set()


def allow_file(envrc: str, text: str) -> tuple[str, str]:
    """The file that `direnv allow` makes for an .envrc with this text (in project's form), and its own text.

    To be watched: once it is there, direnv would take what we loaded for what the shell had before.
    """
    from hashlib import sha256

    content = text.removeprefix(lookup.TEXT).encode("utf-8", "surrogateescape")
    name = sha256(os.fsencode(envrc) + b"\n" + content).hexdigest()
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    path = os.path.join(data, "direnv", "allow", name)
    return path, lookup.read_text(path)
