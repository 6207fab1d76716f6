"""What a project gets, read from disk: the chain of manifests, their grants, bindings and values.

Shared by `export` and `exec`.
"""

import os

from lkrshell.core import folders, policy
from lkrshell.core.binding import Binding, shown
from lkrshell.core.entry import MAX_TTL, Entry
from lkrshell.core.errors import REFUSED, KeyNotStored, LkrError
from lkrshell.core.secret import Secret
from lkrshell.project import grants, lookup, resolver
from lkrshell.project.lookup import Place
from lkrshell.state import audit, config, index, paths
from lkrshell.stores import registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lkrshell.state.config import Config
    from lkrshell.stores.base import Store

    Fill = Callable[[list[str]], tuple[dict[str, Secret], LkrError | None]]

_LOOK = 60  # seconds; the shortest time between two attempts for a copy that could not be fetched


def grant_chain(folder: str, watch: list[tuple[str, str]]) -> list[grants.Grant]:
    """The grants that apply at `folder` (which holds a manifest), nearest first.

    Adds to `watch` every file that decides this, with its text, before anything can fail. So a refusal is also checked
    again when one of them changes, and only then.
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


def bindings_at(
    folder: str, watch: list[tuple[str, str]], profile: str | None = None
) -> tuple[list[grants.Grant], list[Binding]]:
    """The grants that apply at `folder` (see `grant_chain`), and their bindings in `profile`.

    None stands for the profile that LKR_PROFILE names.
    """
    found = grant_chain(folder, watch)
    return found, resolver.resolve(found, os.environ.get("LKR_PROFILE", "") if profile is None else profile)


def unconfirmed(
    store: "Store", bindings: list[Binding], folder: str, entries: "dict[str, Entry | None] | None" = None
) -> list[Binding]:
    """The bindings whose key needs a confirmation that nobody has given for `folder`."""
    found = []
    for binding in bindings:
        entry = entries[binding.key] if entries else index.read(store.name, binding.key)
        if entry and entry.confirm:
            from lkrshell.runtime import confirm

            if not confirm.is_confirmed(folder, binding.key):
                found.append(binding)
    return found


def record(
    consumer: policy.Consumer,
    keys: list[str],
    variables: list[str],
    ancestry: list[str],
    program: str,
    event: str = "",
    agent: str | None = None,
    patience: float = audit.PATIENCE,
) -> str | None:
    """Writes the audit log before keys are given out. Returns None, or a sentence that says what went wrong.

    LkrError (2) if the use by a coding agent cannot be logged: then it gets nothing.
    """
    problem = audit.record(
        event or consumer.event, keys, variables, consumer.folder, ancestry, agent or consumer.agent, program, patience
    )
    if consumer.agent and event != "refused" and problem:
        raise LkrError(f"no keys for a coding agent ({consumer.agent}) without a line in the log", problem, REFUSED)
    return problem


class Fetched:
    """What a project gets, and what it does not get.

    `loaded`: bindings, values, and the keys' time limits in seconds (0: none). `brokered`: bindings that get a virtual
    key from the broker, and time limits. `left_out`: not for the coding agent that asks. `waiting`: the person must
    confirm them first. `missing`: not stored. Of the keys of sources, `due` are to be fetched again, `look` is when a
    shell should check them again (0: never), and `trouble` is why some could not be fetched.
    """

    __slots__ = ("brokered", "due", "left_out", "loaded", "look", "missing", "trouble", "waiting")

    def __init__(self, left_out: list[Binding], waiting: list[Binding]) -> None:
        self.loaded: list[tuple[Binding, Secret, int]] = []
        self.brokered: list[tuple[Binding, int]] = []
        self.left_out, self.waiting = left_out, waiting
        self.missing: list[Binding] = []
        self.due: list[str] = []
        self.look = 0
        self.trouble: LkrError | None = None

    def serves(self, entry: Entry | None) -> bool:
        """True while the copy of a source's key may be used, according to these three numbers."""
        import time

        now = int(time.time())
        if entry is None or entry.end <= now:
            return False
        if entry.stale >= MAX_TTL:  # the opened copy of a sealed key: there is nothing to fetch
            return True
        look = entry.stale
        if look <= now:
            self.due.append(entry.name)
            look = now + max(_LOOK, entry.stale - entry.fetched)
        self.look = min(look, entry.end, self.look or look)
        return True


def check_folders_and_store(agent: str | None) -> None:
    """LkrError (2) if a coding agent points lkr to other folders or another store, and so to other grants and
    policies."""
    if agent is None:
        return
    if not paths.are_the_accounts_own():
        message = f"no keys for a coding agent ({agent}): HOME or XDG_* leads to folders that are not the account's"
        raise LkrError(message, "unset it; or run lkr allow yourself to accept the folders that XDG_* names", REFUSED)
    settings = config.load()
    if registry.is_another(settings):
        message = f"no keys for a coding agent ({agent}): LKR_BACKEND names another store than yours"
        raise LkrError(message, f'unset it; or write backend = "{settings.backend}" in config.toml', REFUSED)


def fetch(
    store: "Store",
    bindings: list[Binding],
    consumer: policy.Consumer,
    require_all: bool = False,
    fill: "Fill | None" = None,
) -> Fetched:
    """The values of the keys in `bindings`. With `exec`, load nothing while any key still waits for confirmation.

    `fill` fetches keys of sources, for callers that may wait. Hooks have no `fill`, and use the local copies.
    LkrError if a key is an admin key or for other folders, if everything is left out, if a key is missing and none can
    be loaded (with `require_all`: if any is missing), and if a coding agent points lkr to folders of its own.
    """
    check_folders_and_store(consumer.agent)
    entries = {binding.key: index.read(store.name, binding.key) for binding in bindings}
    found = _permitted(store, bindings, consumer, entries)
    if found.waiting and consumer.event == "exec":
        return found
    bindings = [binding for binding in bindings if binding not in found.left_out and binding not in found.waiting]
    given: dict[str, Secret] = {}
    if fill and (copies := [binding.key for binding in bindings if "/" in binding.key]):
        given, found.trouble = fill(copies)
        entries |= {key: index.read(store.name, key) for key in copies}
    direct = [binding.key for binding in bindings if not needs_broker(binding, entries[binding.key])]
    secrets = store.get(list(dict.fromkeys(direct))) | given if direct else given
    for binding in bindings:
        _give(found, store, binding, entries[binding.key], secrets, binding.key in given)
    if found.missing and (require_all or not (found.loaded or found.brokered)):
        message, hint = missing_line(found.missing)
        rest = ", and the manifest requires all keys" if found.loaded or found.brokered else ""
        raise found.trouble or KeyNotStored(message + rest, hint)
    return found


def _permitted(
    store: "Store", bindings: list[Binding], consumer: policy.Consumer, entries: "dict[str, Entry | None]"
) -> Fetched:
    """What policy leaves out, and what has to be confirmed first; nothing has been fetched yet. LkrError as for
    `fetch`."""
    left_out = [binding for binding in bindings if not policy.allows_agent(entries[binding.key], consumer)]
    if left_out and (consumer.event == "exec" or len(left_out) == len(bindings)):
        denied = next((each.name for each in entries.values() if each and each.agents == "deny"), None)
        hint = f"lkr policy {denied} --agents exec" if denied else "lkr exec -- COMMAND gives them to a command"
        raise LkrError(f"no keys for a coding agent ({consumer.agent})", hint, REFUSED)
    bindings = [binding for binding in bindings if binding not in left_out]
    for binding in bindings:
        if reason := policy.wrong_folder(entries[binding.key], consumer.folder):
            message, _, hint = reason.partition("; ")
            raise LkrError(message, hint, REFUSED)
    return Fetched(left_out, unconfirmed(store, bindings, consumer.folder, entries))


def _give(
    found: Fetched, store: "Store", binding: Binding, entry: Entry | None, secrets: dict[str, Secret], is_fresh: bool
) -> None:
    """Puts one key where it belongs. `is_fresh`: its source has just sent it. LkrError for an admin key."""
    virtual = needs_broker(binding, entry)
    secret = None if virtual else secrets.get(binding.key)  # another variable may hold the key itself
    if "/" in binding.key and not is_fresh and not found.serves(entry):
        secret, virtual = None, False
    if secret is None and not (virtual and (entry or store.exists(binding.key))):
        if not binding.optional:
            found.missing.append(binding)
        return
    if "admin" in (secret.kind if secret else "", entry.kind if entry else ""):
        message = f"{binding.key} is an admin key: it never enters an environment"
        raise LkrError(message, f"drop {binding.variable}", REFUSED)
    ttl = entry.ttl if entry else 0
    if secret is None:
        found.brokered.append((binding, ttl))
    else:
        found.loaded.append((binding, secret, ttl))


def fetch_asking(
    store: "Store",
    bindings: list[Binding],
    consumer: policy.Consumer,
    settings: "Config",
    record: "Callable[[str, list[Binding]], None]",
    require_all: bool = False,
    may_ask: bool = True,
    fill: "Fill | None" = None,
) -> Fetched:
    """Like `fetch` for `exec`, after asking the person to confirm the keys that need it.

    Without `may_ask` nobody is asked, and such a key is refused. `record` writes a line of the audit log, for an event
    and keys; it is called for a refusal and for a confirmation.
    LkrError as for `fetch` and `confirm.ask`.
    """

    def attempt() -> Fetched:
        try:
            return fetch(store, bindings, consumer, require_all, fill)
        except LkrError as error:
            if error.code == REFUSED:
                record("refused", bindings)
            raise

    found = attempt()
    if found.waiting:
        from lkrshell.runtime import confirm

        confirm.ask(found.waiting, consumer, settings, record, may_ask)
        found = attempt()
    if found.waiting:
        names = " ".join(binding.variable for binding in found.waiting)
        raise LkrError(f"the confirmation of {names} has already expired", "do it again", REFUSED)
    return found


def needs_broker(binding: Binding, entry: Entry | None) -> bool:
    """True if the manifest or the key's policy says that only a virtual key may be given out."""
    return binding.via == "broker" or (entry is not None and entry.via == "broker")


def missing_line(bindings: list[Binding]) -> tuple[str, str]:
    """A message and a hint: which keys are not stored or have no recent copy, and the commands that change that."""
    keys = list(dict.fromkeys(binding.key for binding in bindings))
    own = [key for key in keys if "/" not in key]
    sealed = [key for key in keys if key.startswith("sealed-")]
    copies = [key for key in keys if key not in own and key not in sealed]
    what = [f"not stored: {', '.join(own)}"] * bool(own) + [f"no recent copy of {', '.join(copies)}"] * bool(copies)
    what += [f"not opened yet: {', '.join(map(shown, sealed))}"] * bool(sealed)
    return "; ".join(what), ", ".join(dict.fromkeys(map(remedy, (*own[:1], *copies, *sealed))))


def remedy(key: str) -> str:
    """The commands that supply a missing key."""
    if key.startswith("sealed"):
        there = lookup.find_team(lookup.current_folder())
        return "lkr unseal" if there else f"lkr team init, lkr seal {shown(key)}"
    return "lkr refresh" if "/" in key else f"lkr set {key}"


def note_use(store: "Store", keys: list[str]) -> None:
    """Records that these keys were given out. Callers of `fetch` call it, since they may not load all of them."""
    for key in keys:
        index.touch(store.name, key)
