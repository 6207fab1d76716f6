"""`lkr agent-env -- AGENT`: starts a coding agent without the keys of the shell, except those that policy lets it have.

What an agent starts inherits its environment, so the launch is where it is decided.
"""

import os

from lkrshell.cli import common, declare
from lkrshell.core import policy
from lkrshell.core.errors import REFUSED, LkrError
from lkrshell.core.secret import Secret
from lkrshell.core.want import Want
from lkrshell.runtime import agents, execute, session
from lkrshell.shells import session_state
from lkrshell.state import config
from lkrshell.stores import registry


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
    """Start an agent without the project's keys. It keeps the keys that policy lets it have."""
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
    loaded: list[tuple[Want, Secret, int]] = []
    waiting: list[Want] = []
    if wants:
        try:
            use = policy.Use("shell", folder, name, settings.keys_of(name) + own)
            store = registry.choose(settings)
            found = session.fetch(store, wants, use)
            loaded, waiting = found.loaded, found.waiting
            session.used(store, [want.key for want, _, _ in loaded])
        except LkrError as error:
            if error.code != REFUSED:
                raise
    if waiting:
        names = " ".join(want.variable for want in waiting)
        declare.echo(f"lkr: {names} awaits your confirmation: lkr confirm", err=True)
    for want, secret, _ in loaded:
        environment[want.variable.encode()] = secret.reveal().encode("utf-8", "surrogateescape")
    keys, variables = [want.key for want, _, _ in loaded], [want.variable for want, _, _ in loaded]
    program = execute.program_name(words[0])
    logged = name if agent or program else ""  # a value that went astray is no name
    use = policy.Use("agent", folder, logged if loaded else None)
    if problem := session.record(use, keys, variables, line, program, agent=logged):
        declare.echo(f"lkr: {problem}", err=True)
    if not settings.quiet:
        declare.echo(f"lkr: {name} starts with {' '.join(variables) or 'no keys'}", err=True)
    environment[b"AI_AGENT"] = os.fsencode(name)  # one that lkr does not know is known as an agent by this
    execute.become(words, environment)


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
