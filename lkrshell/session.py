"""What a project gets, from the disk: chain of manifests, their grants, the wants, the values.

Shared by `export` and `exec`; on the path of `lkr export`.
"""

import os

from lkrshell import grants, index, project, resolver
from lkrshell.errors import LkrError
from lkrshell.project import Place
from lkrshell.secret import Secret
from lkrshell.want import Want

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.stores import Store


def chain(folder: str, watch: list[tuple[str, str]]) -> list[grants.Grant]:
    """The grants in force at `folder` (which holds a manifest), nearest first.

    Adds to `watch` every file that decides this, with its text, before anything can fail: so a refusal too is
    looked at again when, and only when, one of them changes.
    """
    found: list[grants.Grant] = []
    for candidate in project.above(folder):
        place = Place(candidate)
        if place.text == project.ABSENT:
            watch.append((os.path.join(candidate, project.MANIFEST), project.ABSENT))
            continue
        watch.extend(place.files())
        grant = resolver.check(place, grants.read(place.real))
        found.append(grant)
        if not grant.inherit:
            break
    return found


def fetch(store: "Store", wants: list[Want]) -> list[tuple[Want, Secret, int]]:
    """The values, each with its key's `ttl` in seconds (0: no end).

    LkrError when one that is not optional is missing, or is an admin key.
    """
    loaded, missing = [], []
    secrets = store.get(list(dict.fromkeys(want.key for want in wants)))
    for want in wants:
        secret = secrets.get(want.key)
        if secret is None:
            if not want.optional:
                missing.append(want.key)
            continue
        entry = index.read(store.name, want.key)
        if "admin" in (secret.kind, entry.kind if entry else ""):
            raise LkrError(f"{want.key} is an admin key: it never enters an environment", f"drop {want.variable}")
        index.touch(store.name, want.key)
        loaded.append((want, secret, entry.ttl if entry else 0))
    if missing:
        raise LkrError(f"not stored: {', '.join(missing)}", f"lkr set {missing[0]}")
    return loaded
