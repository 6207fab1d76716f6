"""What a project gets, from the disk: chain of manifests, their grants, the wants, the values.

Shared by `export` and `exec`.
"""

import os

from lkrshell.core import folders, policy
from lkrshell.core.entry import Entry
from lkrshell.core.errors import REFUSED, LkrError
from lkrshell.core.secret import Secret
from lkrshell.core.want import Want
from lkrshell.project import grants, lookup, resolver
from lkrshell.project.lookup import Place
from lkrshell.state import audit, index, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lkrshell.state.config import Config
    from lkrshell.stores.base import Store


def chain(folder: str, watch: list[tuple[str, str]]) -> list[grants.Grant]:
    """The grants in force at `folder` (which holds a manifest), nearest first.

    Adds to `watch` every file that decides this, with its text, before anything can fail: so a refusal too is
    looked at again when, and only when, one of them changes.
    """
    found: list[grants.Grant] = []
    for candidate in folders.above(folder):
        place = Place(candidate)
        if place.text == lookup.ABSENT:
            watch.append((os.path.join(candidate, lookup.MANIFEST), lookup.ABSENT))
            continue
        watch.extend(place.files())
        grant = resolver.check(place, grants.in_force(place))
        found.append(grant)
        if not grant.inherit:
            break
    return found


def wanted(folder: str, watch: list[tuple[str, str]]) -> tuple[list[grants.Grant], list[Want]]:
    """The grants in force at `folder`, see `chain`, and what they want under the profile that LKR_PROFILE names."""
    found = chain(folder, watch)
    return found, resolver.resolve(found, os.environ.get("LKR_PROFILE", ""))


def waiting(
    store: "Store", wants: list[Want], folder: str, entries: "dict[str, Entry | None] | None" = None
) -> list[Want]:
    """Those of `wants` whose key asks before a project's first load, and that nobody has confirmed for `folder`."""
    found = []
    for want in wants:
        entry = entries[want.key] if entries else index.read(store.name, want.key)
        if entry and entry.confirm:
            from lkrshell.runtime import confirm

            if not confirm.is_confirmed(folder, want.key):
                found.append(want)
    return found


def record(
    use: policy.Use,
    keys: list[str],
    variables: list[str],
    line: list[str],
    program: str,
    event: str = "",
    agent: str | None = None,
    patience: float = audit.PATIENCE,
) -> str | None:
    """Writes the line of the audit log for a use, before anything is given; what went wrong, in words.

    LkrError (2) when a coding agent's use cannot be logged: it gets nothing then.
    """
    problem = audit.record(event or use.event, keys, variables, use.folder, line, agent or use.agent, program, patience)
    if use.agent and event != "refused" and problem:
        raise LkrError(f"no keys for a coding agent ({use.agent}) without a line in the log", problem, REFUSED)
    return problem


class Fetched:
    """What a project gets, and what it does not get.

    `loaded` has the values, each with its key's `ttl` in seconds (0: no end). The keys of `left_out` are not for the
    coding agent that asks, those of `waiting` have to be confirmed first, and those of `missing` are not stored.
    """

    __slots__ = ("left_out", "loaded", "missing", "waiting")

    def __init__(self, left_out: list[Want], waiting: list[Want]) -> None:
        self.loaded: list[tuple[Want, Secret, int]] = []
        self.left_out, self.waiting = left_out, waiting
        self.missing: list[Want] = []


def fetch(store: "Store", wants: list[Want], use: policy.Use, require_all: bool = False) -> Fetched:
    """The values of the keys that `wants` names. With `exec`, load nothing while any key still waits for confirmation.

    LkrError when a key is an admin key or for other folders, when everything is left out, when a key is missing
    while none can be loaded, or with `require_all`, and when a coding agent points lkr to folders of its own.
    """
    if use.agent and not paths.are_the_accounts_own():
        message = f"no keys for a coding agent ({use.agent}): HOME or XDG_* leads to folders that are not the account's"
        raise LkrError(message, "unset it; or run lkr allow yourself to accept the folders that XDG_* names", REFUSED)
    entries = {want.key: index.read(store.name, want.key) for want in wants}
    left_out = [want for want in wants if not policy.for_agent(entries[want.key], use)]
    if left_out and (use.event == "exec" or len(left_out) == len(wants)):
        denied = next((each.name for each in entries.values() if each and each.agents == "deny"), None)
        hint = f"lkr policy {denied} --agents exec" if denied else "lkr exec -- COMMAND gives them to a command"
        raise LkrError(f"no keys for a coding agent ({use.agent})", hint, REFUSED)
    wants = [want for want in wants if want not in left_out]
    for want in wants:
        if reason := policy.elsewhere(entries[want.key], use.folder):
            raise LkrError(reason, code=REFUSED)
    found = Fetched(left_out, waiting(store, wants, use.folder, entries))
    if found.waiting and use.event == "exec":
        return found
    wants = [want for want in wants if want not in found.waiting]
    secrets = store.get(list(dict.fromkeys(want.key for want in wants)))
    for want in wants:
        secret, entry = secrets.get(want.key), entries[want.key]
        if secret is None:
            if not want.optional:
                found.missing.append(want)
            continue
        if "admin" in (secret.kind, entry.kind if entry else ""):
            message = f"{want.key} is an admin key: it never enters an environment"
            raise LkrError(message, f"drop {want.variable}", REFUSED)
        found.loaded.append((want, secret, entry.ttl if entry else 0))
    if found.missing and (require_all or not found.loaded):
        raise LkrError(*missing_line(found.missing))
    return found


def fetch_asking(
    store: "Store",
    wants: list[Want],
    use: policy.Use,
    settings: "Config",
    record: "Callable[[str, list[Want]], None]",
    require_all: bool = False,
) -> Fetched:
    """The values as `fetch` gives them for `exec`, after the person has confirmed the keys that wait for that.

    `record` writes a line of the audit log, for an event and keys; it is called for a refusal and for a confirmation.
    LkrError as for `fetch` and `confirm.ask`.
    """

    def attempt() -> Fetched:
        try:
            return fetch(store, wants, use, require_all)
        except LkrError as error:
            if error.code == REFUSED:
                record("refused", wants)
            raise

    found = attempt()
    if found.waiting:
        from lkrshell.runtime import confirm

        confirm.ask(found.waiting, use, settings, record)
        found = attempt()
    if found.waiting:
        names = " ".join(want.variable for want in found.waiting)
        raise LkrError(f"the confirmation of {names} is over already", "do it again", REFUSED)
    return found


def missing_line(wants: list[Want]) -> tuple[str, str]:
    """What is not stored, and the command that changes that."""
    keys = list(dict.fromkeys(want.key for want in wants))
    return f"not stored: {', '.join(keys)}", f"lkr set {keys[0]}"


def used(store: "Store", keys: list[str]) -> None:
    """Notes that the keys were given out. Whoever fetched them says so, for not all that is fetched is loaded."""
    for key in keys:
        index.touch(store.name, key)
