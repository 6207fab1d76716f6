"""Decides from grants which keys a folder should have. Prints nothing; only an error message makes it read files."""

from lkrshell.core.binding import Binding
from lkrshell.core.errors import ManifestError
from lkrshell.core.text import quoted, show
from lkrshell.project.lookup import READABLE, UNREADABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.project.grants import Grant
    from lkrshell.project.lookup import Place


def check(place: "Place", grant: "Grant | None") -> "Grant":
    """The grant, if it covers the current manifest. Otherwise a ManifestError says why not and what to do."""
    where = show(place.folder)
    if UNREADABLE in (place.text, place.local):
        raise ManifestError(f"cannot read the manifest in {where}", READABLE)
    if grant is None:
        from lkrshell.project.grants import was_denied
        from lkrshell.project.preview import requested  # loads a TOML parser, so only here

        what, missing = requested(place)
        if was_denied(place.real):
            again = f"to allow it again: lkr allow {quoted(place.folder)}"
            raise ManifestError(f"{where} is not allowed: you denied it", again)
        hint = "allow it and store what is missing: lkr init" if missing else "review and allow it: lkr allow"
        raise ManifestError(f"{where} is not allowed yet{what}", f"{hint} {quoted(place.folder)}")
    if not grant.covers(place):
        from lkrshell.project.preview import requested

        changed = f"the manifest in {where} changed since you allowed it"
        try:
            requested(place)  # raises if the manifest is invalid, and says where
        except ManifestError as error:
            raise ManifestError(f"{changed}: {error.message}", error.hint) from None
        raise ManifestError(changed, f"see what changed: lkr allow {quoted(place.folder)}")
    return grant


def requires_all(chain: "list[Grant]") -> bool:
    """True if one of the manifests says that no key is loaded while one is missing."""
    return any(grant.require_all for grant in chain)


def resolve(chain: "list[Grant]", profile: str) -> list[Binding]:
    """The bindings of the project. In each grant the profile wins over `[keys]`, and nearer grants win over farther
    ones.

    `chain` is nearest first. Without `profile` (LKR_PROFILE), the profile that the nearest `.lkr.local.toml` chose
    applies. A profile that no manifest has is an error: a typing mistake must not load production keys.
    """
    if not profile and chain:
        profile = chain[0].profile
    if profile and not any(binding.profile == profile for grant in chain for binding in grant.bindings):
        from lkrshell.core.names import did_you_mean

        known = {binding.profile for grant in chain for binding in grant.bindings} - {""}
        hint = did_you_mean(profile, known, "unset LKR_PROFILE, run lkr use, or add the profile")
        raise ManifestError(f"no profile {show(profile)!r} here", hint)
    wanted: dict[str, Binding] = {}
    for grant in reversed(chain):
        for chosen in ("", profile) if profile else ("",):
            wanted |= {binding.variable: binding for binding in grant.bindings if binding.profile == chosen}
    return list(wanted.values())
