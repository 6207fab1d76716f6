"""Reads a project's manifest with the extra variables that its grant allows (`lkr allow --variable NAME`).

All other code reads manifests through this module. Only it calls the parser; tests/test_rooms.py enforces that.
"""

from lkrshell.core import names
from lkrshell.core.errors import ManifestError
from lkrshell.core.text import show
from lkrshell.project import grants, lookup, manifest, worktrees


def grant_of(place: lookup.Place) -> grants.Grant | None:
    """The grant that applies at `place`, even if it does not cover the current content. None if there is none or it is
    damaged."""
    try:
        return grants.in_force(place)
    except ManifestError:
        return None


def read_manifest(
    place: lookup.Place, let_in: tuple[str, ...] = (), text: str | None = None, local: str | None = None
) -> manifest.Manifest:
    """The manifest of `place`, checked. ManifestError when it cannot be read or is invalid.

    `let_in` are variables to accept in addition to those of the grant. `text` and `local` are checked in place of the
    current manifest and local file, before they are written.
    """
    (path, old), (local_path, old_local) = place.files()
    for each, content in ((path, old), (local_path, old_local)):
        if content == lookup.UNREADABLE:
            raise ManifestError(f"cannot read {show(each)}", lookup.READABLE)
    known = grant_of(place)
    let_in += known.let_in if known else ()
    text = old[1:] if text is None else text
    parsed = manifest.parse(path, text, local_path, place.local_content() if local is None else local, let_in)
    for binding in parsed.bindings:  # a sealed key is this project's, and no other's
        if names.is_sealed(binding.key):
            binding.key = names.sealed_in(worktrees.home_of(place.real), binding.key)
    return parsed
