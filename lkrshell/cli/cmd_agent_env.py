"""`lkr agent-env -- AGENT`: starts a coding agent without the shell's keys, and with virtual keys for what it runs.

Programs inherit the environment of the agent that starts them, so keys have to be removed before the agent starts.
"""

import os

from lkrshell.cli import common, declare
from lkrshell.core import names, policy
from lkrshell.core.binding import Binding
from lkrshell.core.entry import Entry
from lkrshell.core.errors import REFUSED, LkrError, StoreLocked
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.runtime import agent_models, agents, broker_client, broker_start, execute, known_agents, session
from lkrshell.shells import session_state
from lkrshell.state import config, index, paths
from lkrshell.stores import registry
from lkrshell.stores.base import Store
from lkrshell.vendors import routes


@declare.command(
    "agent-env",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    examples=("lkr agent-env -- claude", "lkr agent-env --agent mine -- ./my-agent"),
)
@declare.option(
    "--agent", metavar="NAME", help="The agent's name for policies and the audit log. Default: from its command."
)
@declare.argument("words", nargs=-1, required=True, metavar="COMMAND [ARGUMENT]...")
def command(agent: str | None, words: tuple[str, ...]) -> None:
    """Start a coding agent with virtual keys for what it runs.

    The agent gets no key that policy denies to agents. It gets a key for its own model only if [agents] in config.toml
    names it. Without the broker, it gets only the keys that policy or [agents] gives it.
    """
    settings = config.load()
    program = os.path.basename(words[0])
    ancestry = agents.ancestors()
    name = agents.detect(dict(os.environ), ancestry, settings)
    if name and agent and agent != name:
        message = f"a coding agent ({name}) can start agents only under its own name"
        raise common.refused(message, f"agent-env --agent {name}", project=paths.real("."))
    session.check_folders_and_store(name)
    name = name or agent or agents.agent_of_program(program, settings)
    environment = execute.own_environment()
    session_state.strip(environment)
    try:
        bindings, folder, _ = execute.project_bindings(agent or program)
        bindings = [binding for binding in bindings if binding.scope != "exec"]
        own = [binding.key for binding in bindings if binding.commands]  # keys that only this agent gets
    except LkrError:
        bindings, folder = [], paths.real(".")  # outside of a project there are no keys to give
    store = registry.choose(settings) if bindings else None
    consumer = policy.Consumer("shell", folder, name, settings.keys_of(name) + own)
    given = _keys(store, bindings, consumer, settings) if store else Given()
    execute.leave_broker(environment, [binding.key for binding, _ in given.loaded])
    execute.add_variables(environment, given.loaded + given.virtual, given.around)
    every = given.loaded + given.virtual
    keys, variables = [binding.key for binding, _ in every], [binding.variable for binding, _ in every]
    arguments = _adapt(given, consumer, list(words[1:]), environment)
    if agents.agent_of_program(program, settings) == name:
        words = (words[0], *arguments, *words[1:])
    program = execute.program_name(words[0])
    logged = name if agent or program else ""  # the word may be a mistyped value
    consumer = policy.Consumer("agent", folder, logged if keys else None)
    if problem := session.record(consumer, keys, variables, ancestry, program, agent=logged):
        declare.echo(f"lkr: {problem}", err=True)
    if not settings.quiet:
        by = " (by the broker)"
        names = [binding.variable for binding, _ in given.loaded]
        names += [binding.variable + by for binding, _ in given.virtual]
        declare.echo(f"lkr: {name} starts with {' '.join(names) or 'no keys'}", err=True)
    environment[b"AI_AGENT"] = os.fsencode(name)  # tells lkr later that an agent is running, even an unknown one
    execute.become(words, environment)


class Given:
    """The keys for an agent: real ones, virtual ones, the variables that point programs to the broker, and its port."""

    def __init__(self) -> None:
        self.loaded: list[tuple[Binding, Secret]] = []
        self.virtual: list[tuple[Binding, Secret]] = []
        self.around: dict[str, str] = {}
        self.port = ""


def _adapt(given: Given, consumer: policy.Consumer, words: list[str], environment: dict[bytes, bytes]) -> list[str]:
    """Changes the environment so that the agent's own model is reached through the broker. Returns the arguments for
    that."""
    own = [each for each in given.virtual if each[0].key in consumer.given]
    adapted = agent_models.adapt(consumer.agent or "", own, given.port, words, environment)
    for variable, value in adapted.variables.items():
        if value is None:
            environment.pop(variable.encode(), None)
        else:
            environment[variable.encode()] = value.encode("utf-8", "surrogateescape")
    for note in adapted.notes:
        declare.echo(f"lkr: {show(note)}", err=True)
    return adapted.arguments


def _keys(store: Store, bindings: list[Binding], consumer: policy.Consumer, settings: config.Config) -> Given:
    """Returns what the agent gets.

    Without the broker, that is only what policy and settings give it, as real keys. With the broker, it gets virtual
    keys for all keys of the project, except those that policy withholds from agents and those that the agent would use
    for its own model.
    """
    entries = {binding.key: index.read(store.name, binding.key) for binding in bindings}
    of_broker = [binding for binding in bindings if _is_virtual(binding, entries[binding.key], consumer, settings)]
    direct = [
        binding
        for binding in bindings
        if binding not in of_broker and not session.needs_broker(binding, entries[binding.key])
    ]
    found = _fetched(store, direct, consumer)
    waiting = session.unconfirmed(store, of_broker, consumer.folder, entries)
    if names := " ".join(binding.variable for binding in [*found.waiting, *waiting]):
        declare.echo(f"lkr: {names} awaits your confirmation: lkr confirm", err=True)
    of_broker = [
        binding
        for binding in of_broker
        if binding not in waiting and (entries[binding.key] or store.exists(binding.key))
    ]
    given = Given()
    given.loaded = [(binding, secret) for binding, secret, _ in found.loaded]
    if of_broker:
        minted = broker_client.mint_for(
            of_broker, consumer.folder, "agent", os.getpid(), store.is_locked, 2.0, consumer.agent or ""
        )  # fmt: skip
        if not minted.port and isinstance(minted.refused[0], StoreLocked):
            raise minted.refused[0]
        for note in [*map(str, minted.refused), *([minted.note] if minted.note else [])]:
            declare.echo(f"lkr: {show(note)}", err=True)
        given.virtual, given.around = broker_client.for_command(minted, of_broker)
        given.port = minted.port
    session.note_use(store, [binding.key for binding, _ in given.loaded + given.virtual])
    return given


def _fetched(store: Store, bindings: list[Binding], consumer: policy.Consumer) -> session.Fetched:
    """The values that policy and settings give to the agent; nothing if they refuse all."""
    if bindings:
        try:
            return session.fetch(store, bindings, consumer)
        except LkrError as error:
            if error.code != REFUSED:
                raise
    return session.Fetched([], [])


def _is_virtual(binding: Binding, entry: Entry | None, consumer: policy.Consumer, settings: config.Config) -> bool:
    """True if the agent gets a virtual key for this one."""
    if not settings.broker_agents or not broker_start.is_installed() or not broker_client.is_served(binding.key):
        return False
    if entry and (entry.kind == "admin" or policy.wrong_folder(entry, consumer.folder)):
        return False
    if not policy.allows_agent(entry, policy.Consumer("exec", consumer.folder, consumer.agent)):
        return False
    # Variables that lead to the vendor count, too: the agent must not send its own login there.
    variables = [binding.variable, *routes.bases(names.provider_of(binding.key), 0)]
    takes = any(known_agents.takes(consumer.agent or "", name) for name in variables)
    return policy.allows_agent(entry, consumer) or not takes
