"""`lkr agent-env -- AGENT`: starts a coding agent without the keys of the shell, and with virtual ones for the programs
that it runs.

What an agent starts inherits its environment, so the launch is where it is decided.
"""

import os

from lkrshell.cli import common, declare
from lkrshell.core import policy
from lkrshell.core.entry import Entry
from lkrshell.core.errors import REFUSED, LkrError, StoreLocked
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.core.want import Want
from lkrshell.runtime import agents, brokered, execute, known_agents, session
from lkrshell.shells import session_state
from lkrshell.state import config, index
from lkrshell.stores import registry
from lkrshell.stores.base import Store


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
    """Start an agent with virtual keys for what it runs.

    It gets no key that policy denies to agents, and none for its own model unless [agents] in config.toml gives it that
    key. Without the broker, it gets only the keys that policy or [agents] gives it.
    """
    settings = config.load()
    program = os.path.basename(words[0])
    line = agents.ancestors()
    name = agents.detect(dict(os.environ), line, settings)
    if name and agent and agent != name:
        message = f"a coding agent ({name}) can start agents only under its own name"
        raise common.refused(message, f"agent-env --agent {name}", project=os.path.realpath("."))
    name = name or agent or agents.named(program, settings)
    environment = stripped(dict(os.environb))
    try:
        wants, folder, _ = execute.project_wants(agent or program)
        wants = [want for want in wants if want.scope != "exec"]
        own = [want.key for want in wants if want.commands]  # what the manifest has for this agent alone
    except LkrError:
        wants, folder = [], os.path.realpath(".")  # outside of a project there is nothing to give
    store = registry.choose(settings) if wants else None
    use = policy.Use("shell", folder, name, settings.keys_of(name) + own)
    loaded, virtual, around = _keys(store, wants, use, settings) if store else ([], [], {})
    execute.put(environment, loaded + virtual, around)
    keys, variables = [want.key for want, _ in loaded + virtual], [want.variable for want, _ in loaded + virtual]
    program = execute.program_name(words[0])
    logged = name if agent or program else ""  # a value that went astray is no name
    use = policy.Use("agent", folder, logged if keys else None)
    if problem := session.record(use, keys, variables, line, program, agent=logged):
        declare.echo(f"lkr: {problem}", err=True)
    if not settings.quiet:
        by = " (by the broker)"
        given = [want.variable for want, _ in loaded] + [want.variable + by for want, _ in virtual]
        declare.echo(f"lkr: {name} starts with {' '.join(given) or 'no keys'}", err=True)
    environment[b"AI_AGENT"] = os.fsencode(name)  # one that lkr does not know is known as an agent by this
    execute.become(words, environment)


Given = list[tuple[Want, Secret]]


def _keys(
    store: Store, wants: list[Want], use: policy.Use, settings: config.Config
) -> tuple[Given, Given, dict[str, str]]:
    """The keys for an agent: real ones, virtual ones, and the variables that lead programs to the broker.

    Without the broker, only what policy and settings give it, and that as it is. With it, virtual keys for all that the
    project has, but those that policy keeps from agents or that the agent would pay for its own model with.
    """
    entries = {want.key: index.read(store.name, want.key) for want in wants}
    of_broker = [want for want in wants if _is_virtual(want, entries[want.key], use, settings)]
    direct = [want for want in wants if want not in of_broker and not session.by_broker(want, entries[want.key])]
    found = _fetched(store, direct, use)
    waiting = session.waiting(store, of_broker, use.folder, entries)
    if names := " ".join(want.variable for want in [*found.waiting, *waiting]):
        declare.echo(f"lkr: {names} awaits your confirmation: lkr confirm", err=True)
    of_broker = [want for want in of_broker if want not in waiting and (entries[want.key] or store.exists(want.key))]
    virtual: Given = []
    around: dict[str, str] = {}
    if of_broker:
        minted = brokered.virtual(
            of_broker, use.folder, "agent", os.getpid(), store.is_locked, 2.0, use.agent or ""
        )  # fmt: skip
        if not minted.port and isinstance(minted.refused[0], StoreLocked):
            raise minted.refused[0]
        for note in [*map(str, minted.refused), *([minted.note] if minted.note else [])]:
            declare.echo(f"lkr: {show(note)}", err=True)
        virtual, around = brokered.for_command(minted, of_broker)
    session.used(store, [want.key for want, _, _ in found.loaded] + [want.key for want, _ in virtual])
    return [(want, secret) for want, secret, _ in found.loaded], virtual, around


def _fetched(store: Store, wants: list[Want], use: policy.Use) -> session.Fetched:
    """The values that policy and settings let the agent have; none where they let it have none."""
    if wants:
        try:
            return session.fetch(store, wants, use)
        except LkrError as error:
            if error.code != REFUSED:
                raise
    return session.Fetched([], [])


def _is_virtual(want: Want, entry: Entry | None, use: policy.Use, settings: config.Config) -> bool:
    """True when the agent is to have a virtual key for this one."""
    if not settings.broker_agents or not brokered.is_installed() or not brokered.is_served(want.key):
        return False
    if entry and (entry.kind == "admin" or policy.elsewhere(entry, use.folder)):
        return False
    if not policy.for_agent(entry, policy.Use("exec", use.folder, use.agent)):
        return False
    return policy.for_agent(entry, use) or not known_agents.takes(use.agent or "", want.variable)


def stripped(environment: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The environment as it was before the shell's hook, or direnv by `use lkr`, loaded anything into it."""
    state = environment.get(b"LKR_STATE", b"").decode("utf-8", "surrogateescape")
    loaded = [os.fsencode(variable) for variable in session_state.parse(state)]
    for variable in [*loaded, *environment.get(b"LKR_DIRENV", b"").split()]:
        old = environment.pop(b"LKR_OLD_" + variable, None)
        environment.pop(variable, None)
        if old is not None:
            environment[variable] = old
    # direnv keeps the values in DIRENV_DIFF, so all of its own goes too.
    own = [name for name in environment if name in map(os.fsencode, session_state.OWN) or name[:7] == b"DIRENV_"]
    for name in own:
        del environment[name]
    return environment
