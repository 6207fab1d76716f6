"""Decides whether a virtual key may be used now, and gives the real key for one request.

This is the only part of the broker that reads grants, policy and the store. It reads them for each request, so `deny`,
`policy`, `rotate`, `rm` and `lock` act at once. A real key stays in memory for at most a minute.
"""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable

from lkrshell.broker import client_process
from lkrshell.broker.interfaces import Refused
from lkrshell.broker.virtual_keys import VirtualKey
from lkrshell.core import names, policy
from lkrshell.core.binding import Binding
from lkrshell.core.entry import Entry
from lkrshell.core.errors import LOCKED, NOT_ALLOWED, REFUSED, UNREACHABLE, LkrError, StoreLocked
from lkrshell.core.limits import Limits
from lkrshell.core.secret import Secret
from lkrshell.core.text import quoted, show
from lkrshell.core.time_limit import TimeLimit
from lkrshell.project import lookup, resolver
from lkrshell.runtime import agents, broker_client, session
from lkrshell.state import config, generation, index, paths
from lkrshell.stores import registry
from lkrshell.stores.base import Store

_KEPT = 60.0  # seconds that a real key stays in memory
_SKEW = 60.0  # seconds that the clock may be set back before keys expire
_STORE_TIME = 10.0  # seconds for the store
_CODES = {LOCKED: "locked", NOT_ALLOWED: "denied", REFUSED: "denied", UNREACHABLE: "unreachable"}
# These events give a key to a single command. The others give it to a shell, which an agent may control.
_COMMANDS = ("exec", "agent", "named", "token")


class Permit:
    """What one request may have: the real key and its limits. Each limit comes with its scope: `key`, `agent` or
    `project`."""

    __slots__ = ("agent", "folder", "key", "limits", "secret")

    def __init__(self, secret: Secret, limits: list[tuple[str, Limits]], virtual: VirtualKey, agent: str) -> None:
        self.secret, self.limits = secret, limits
        self.key, self.folder, self.agent = virtual.key, virtual.folder, agent


class Authority:
    """Answers from the user's grants, policy and store as they are now."""

    def __init__(self) -> None:
        # called with the settings of each request
        self.follow: Callable[[config.Config], Awaitable[None]] | None = None
        # by key: its value, and how long to keep it (monotonic seconds)
        self._secrets: dict[str, tuple[Secret, float]] = {}
        self._fetching: dict[str, asyncio.Lock] = {}
        self._generation = ""
        self._known: tuple[bytes | None, config.Config] | None = None  # the text of the settings, and what it says

    async def permit(self, virtual: VirtualKey, caller: object = None) -> Permit:
        """Returns the real key. Raises Refused, in words for the person, when this use of it is not allowed.

        `caller` is the `Holder` of the connection. It distinguishes the person from an agent that inherited the key of
        the person's shell. Everything but the store is read in this thread: the files are small, and another thread
        would only wait for this one.
        """
        if not client_process.is_alive(virtual.pid, virtual.start):
            raise Refused(401, "ended", "lkr: the process that this virtual key was made for has ended; start it again")
        try:
            now = generation.read()
            if now != self._generation:
                self.forget()
                self._generation = now
            settings = self._settings()
            if self.follow:
                await self.follow(settings)
            agent, limits = _limits(virtual, caller, settings)
            return Permit(await self._secret(virtual.key), limits, virtual, agent)
        except LkrError as error:
            raise Refused(403, _CODES.get(error.code, "denied"), f"lkr: {error}") from None

    def _settings(self) -> config.Config:
        """Returns the settings as they are now. The same text is parsed only once."""
        text = config.read(paths.config_file())
        if self._known is None or self._known[0] != text:
            self._known = text, config.of_text(text)
        return self._known[1]

    def forget(self) -> None:
        """Removes all real keys from memory."""
        self._secrets.clear()

    def check(self, virtuals: list[VirtualKey]) -> list[LkrError | None]:
        """Says for each virtual key why it would be refused, or None. Blocks while it asks the store.

        It does not read the real key, so a request may still fail for a reason that only the value shows.
        """
        found: list[LkrError | None] = []
        locked: bool | None = None
        for virtual in virtuals:
            try:
                _, store, _ = checked(virtual, virtual.agent or None, config.load())
                with TimeLimit(_STORE_TIME):
                    locked = store.is_locked() if locked is None else locked
                    if locked:
                        raise StoreLocked(f"the {store.name} is locked", "lkr unlock")
                    if not store.exists(virtual.key):
                        raise _missing(virtual.key)
                found.append(None)
            except LkrError as error:
                found.append(error)
        return found

    async def _secret(self, key: str) -> Secret:
        """Returns the value. Many requests at once ask the store only once."""
        async with self._fetching.setdefault(key, asyncio.Lock()):
            known = self._secrets.get(key)
            if known and time.monotonic() < known[1]:
                return known[0]
            before = self._generation
            secret = await asyncio.to_thread(_fetch, key)
            if self._generation == before:
                self._secrets[key] = (secret, time.monotonic() + _KEPT)
                asyncio.get_running_loop().call_later(_KEPT, self._drop, key)
            return secret

    def _drop(self, key: str) -> None:
        known = self._secrets.get(key)
        if known and time.monotonic() >= known[1] - 0.1:
            del self._secrets[key]


def _limits(virtual: VirtualKey, caller: object, settings: config.Config) -> tuple[str, list[tuple[str, Limits]]]:
    """Returns the agent and the limits that apply. Raises LkrError when this use of the key is not allowed."""
    agent = virtual.agent or (_inside(virtual, caller, settings) if isinstance(caller, client_process.Holder) else None)
    entry, _, want = checked(virtual, agent or None, settings)
    limits = [("key", _parsed(*_texts(entry)))] if entry else []
    limits += [("agent", _parsed(*texts)) for name, *texts in settings.agent_limits if name == agent]
    limits += [("project", _parsed(*_texts(want)))] if want else []
    return agent or "", [each for each in limits if each[1]]


@functools.lru_cache(1 << 10)
def _parsed(models: str, budget: str, rate: str, tokens: str) -> Limits:
    """Returns the limits in these texts. Nobody changes them afterwards."""
    return Limits(models, budget, rate, tokens)


def _texts(holder: Entry | Binding) -> tuple[str, str, str, str]:
    return holder.models, holder.budget, holder.rate, holder.tokens


def _fetch(key: str) -> Secret:
    with TimeLimit(_STORE_TIME):
        secret = registry.choose(config.load()).get([key]).get(key)
    if secret is None:
        raise _missing(key)
    if secret.kind == "admin":
        raise _admin(key)
    return secret


def checked(
    virtual: VirtualKey, agent: str | None, settings: config.Config
) -> tuple[Entry | None, Store, Binding | None]:
    """Returns the key's entry, its store, and the manifest's line that names it.

    Raises LkrError when `agent` may not use the key here. For a person, `agent` is None.
    """
    broker_client.check_route(virtual.key)
    store = registry.choose(settings)
    entry = index.read(store.name, virtual.key)
    if entry and entry.kind == "admin":
        raise _admin(virtual.key)
    # Setting the clock back gives no extra time: a key made in the future has expired, too.
    if names.source_of(virtual.key) and (entry is None or entry.end <= time.time()):
        raise LkrError(f"there is no recent copy of {virtual.key}", "lkr refresh", REFUSED)
    if entry and entry.ttl and not virtual.made - _SKEW <= time.time() <= virtual.made + entry.ttl:
        raise LkrError(f"the virtual key for {virtual.key} has expired", "enter the project again", REFUSED)
    if reason := policy.wrong_folder(entry, virtual.folder):
        raise LkrError(reason, code=REFUSED)
    binding = _named(virtual, agent)
    event = "exec" if virtual.event in _COMMANDS else "shell"
    own = [binding.key] if binding and agent in binding.commands else []  # what the manifest gives only to this agent
    given = settings.keys_of(agent) + own
    if not policy.allows_agent(entry, policy.Consumer(event, virtual.folder, agent, given)):
        allowed = "exec" if entry and entry.agents == "deny" else "allow"
        hint = f"lkr policy {virtual.key} --agents {allowed}, or start it by lkr agent-env"
        raise LkrError(f"a coding agent ({agent}) may not use {virtual.key} here", hint, REFUSED)
    asking = Binding(virtual.variable, virtual.key)
    if session.unconfirmed(store, [asking], virtual.folder, {virtual.key: entry}):
        raise LkrError(f"{virtual.key} awaits your confirmation", "lkr confirm", REFUSED)
    return entry, store, binding


def _named(virtual: VirtualKey, agent: str | None) -> Binding | None:
    """Returns the line of the allowed manifest that gives the key to this use. Raises LkrError when a line is needed
    and missing.

    A person who asks for a key by its name needs no such line.
    """
    by_name = virtual.event in ("named", "token")
    if by_name and not agent:
        return None
    found = lookup.find(virtual.folder) if by_name else virtual.folder
    if found is None:
        raise _unnamed(virtual)
    chain = session.grant_chain(found, [])
    for binding in resolver.resolve(chain, virtual.profile):
        same = binding.key == virtual.key and (by_name or binding.variable == virtual.variable)
        if same and (binding.scope != "exec" or virtual.event in _COMMANDS):
            return binding
    raise _unnamed(virtual)


def _unnamed(virtual: VirtualKey) -> LkrError:
    what = f"no allowed manifest names {virtual.key} in {show(virtual.folder)}"
    return LkrError(what, f"lkr add, lkr allow {quoted(virtual.folder)}", NOT_ALLOWED)


def _inside(virtual: VirtualKey, holder: client_process.Holder, settings: config.Config) -> str | None:
    """Returns the agent that runs between the process that the key was made for and the one that sends this request."""
    if holder.pid in (0, virtual.pid):
        return None
    return agents.detect({}, agents.between(holder.pid, virtual.pid), settings)


def _missing(key: str) -> LkrError:
    return LkrError(f"{key} is not stored", f"lkr set {key}", REFUSED)


def _admin(key: str) -> LkrError:
    return LkrError(f"{key} is an admin key, which the broker does not serve", code=REFUSED)
