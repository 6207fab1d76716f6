"""Reads a project's manifest with the variables that its grant lets in (`lkr allow --variable NAME`).

Whoever has a place reads its manifest here. Nobody else calls the parser, and tests/test_rooms.py holds that.
"""

from lkrshell.core.errors import ManifestError
from lkrshell.core.text import show
from lkrshell.project import grants, lookup, manifest


def grant_of(place: lookup.Place) -> grants.Grant | None:
    """The grant in force at `place`, whatever lies there now; None without one, or when it is damaged."""
    try:
        return grants.in_force(place)
    except ManifestError:
        return None


def read_manifest(
    place: lookup.Place, let_in: tuple[str, ...] = (), text: str | None = None, local: str | None = None
) -> manifest.Manifest:
    """The manifest of `place`, checked. ManifestError when it cannot be read or is invalid.

    `let_in` are variables to accept besides those that the grant there has. `text` and `local` are what is to be
    written to the manifest and to the local file, to be checked in place of what is there.
    """
    (path, old), (local_path, old_local) = place.files()
    for each, content in ((path, old), (local_path, old_local)):
        if content == lookup.UNREADABLE:
            raise ManifestError(f"cannot read {show(each)}", "it must be a text file that you can read")
    known = grant_of(place)
    let_in += known.let_in if known else ()
    text = old[1:] if text is None else text
    return manifest.parse(path, text, local_path, place.local_content() if local is None else local, let_in)
