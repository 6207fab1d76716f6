"""`lkr token NAME`: prints a virtual key, for programs that run a command to get their key."""

import os

from lkrshell.cli import common, declare
from lkrshell.core import names, policy
from lkrshell.runtime import agents, broker_client, keys, session
from lkrshell.state import config, paths
from lkrshell.vendors import providers


@declare.command("token", examples=("lkr token openai:prod", "lkr token anthropic:main --json"))
@common.KEY
@declare.option("--json", "as_json", is_flag=True, help="Print JSON, with the base-URL variables that go with it.")
def command(name: str, as_json: bool) -> None:
    """Print a virtual key for the key NAME. It is for the program that runs this command, and what that program starts.

    A virtual key is not the real key. It works only on this machine, until that program ends or the store is locked.
    """
    asked, name = name, common.stored_name(name)
    broker_client.check_route(name)
    settings, line, folder = config.load(), agents.ancestors(), paths.real(".")
    agent = agents.detect(dict(os.environ), line, settings)
    session.check_folders_and_store(agent)
    store = common.store()
    if names.is_own(name) and not store.exists(name):
        raise keys.no_such_key(store, name)
    variable = providers.variable_of(name) or "API_KEY"
    ask = broker_client.KeyRequest(name, variable, folder, os.environ.get("LKR_PROFILE", ""), "token", agent or "")
    minted = broker_client.mint([ask], broker_client.asking_process(), store.is_locked, sure=True)
    if minted.refused:
        session.record(policy.Consumer("refused", folder, agent), [name], [], line, "lkr")
        raise minted.refused[0]
    if problem := session.record(policy.Consumer("token", folder, agent), [name], [], line, "lkr"):
        declare.echo(f"lkr: {problem}", err=True)
    session.note_use(store, [name])
    if minted.note:
        declare.echo(f"lkr: {minted.note}", err=True)
    (token,) = minted.keys.values()
    if as_json:
        bases = {
            variable: value for variable, (_, value) in broker_client.broker_variables([name], minted.port, {}).items()
        }
        declare.echo_json({"name": asked, "token": token, "variables": bases}, indent=None)
    else:
        declare.echo(token)
