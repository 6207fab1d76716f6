"""Grants: the user's record that one manifest content, at one real path, may have the keys it lists.

A grant holds both texts and the parsed form, so that entering needs no TOML. On the path of `lkr export`.
"""

import os

from lkrshell.core import records
from lkrshell.core.errors import ManifestError
from lkrshell.core.text import show
from lkrshell.core.want import Want
from lkrshell.project import lookup
from lkrshell.state import files, paths

_MAGIC = "lkr-grant-1"


class Grant:
    """What was allowed: the texts (in the form of project.Place) and what they ask for."""

    __slots__ = ("allowed", "inherit", "local", "profile", "real", "text", "wants")

    def __init__(
        self, real: str, text: str, local: str, inherit: bool, profile: str, wants: tuple[Want, ...], allowed: str
    ) -> None:
        self.real, self.text, self.local = real, text, local
        self.inherit, self.profile, self.wants, self.allowed = inherit, profile, wants, allowed

    def covers(self, place: lookup.Place) -> bool:
        """True when it was given for exactly this content at exactly this real path."""
        return (self.real, self.text, self.local) == (place.real, place.text, place.local)


def path_of(real: str) -> str:
    try:
        from _blake2 import blake2b
    except ImportError:
        from hashlib import blake2b

    return os.path.join(paths.grants_dir(), blake2b(os.fsencode(real), digest_size=16).hexdigest())


def read(real: str) -> Grant | None:
    """The grant for this real folder, None without one. ManifestError when the file is damaged."""
    data = files.read_private(path_of(real))
    if data is None:
        return None
    try:
        (magic,), (_, path), (_, text), (_, local), (_, inherit), (_, profile), (_, allowed), *rest = records.load(data)
        if magic != _MAGIC or path != real:
            raise ValueError("not this grant")
        wants = tuple(
            Want(variable, key, optional == "1", scope, profile) for _, profile, variable, key, optional, scope in rest
        )
    except ValueError:
        raise ManifestError(f"the grant for {show(real)} is damaged", "give it anew: lkr allow") from None
    return Grant(real, text, local, inherit == "1", profile, wants, allowed)


def write(grant: Grant) -> None:
    rows: list[tuple[str, ...]] = [
        (_MAGIC,),
        ("folder", grant.real),
        ("manifest", grant.text),
        ("local", grant.local),
        ("inherit", "1" if grant.inherit else ""),
        ("profile", grant.profile),
        ("allowed", grant.allowed),
    ]
    files.write_private(path_of(grant.real), records.dump(rows + [want.row() for want in grant.wants]))


def remove(real: str) -> bool:
    return files.remove_private(path_of(real))


def _denied(real: str) -> str:
    return os.path.join(paths.data_dir(), "denied", os.path.basename(path_of(real)))


def note_denied(real: str, denied: bool) -> None:
    """Notes, or forgets, that the person took the project's grant back: so that `not allowed yet` is not said of it."""
    if denied:
        files.write_private(_denied(real), b"")
    else:
        files.remove_private(_denied(real))


def was_denied(real: str) -> bool:
    return os.path.exists(_denied(real))
