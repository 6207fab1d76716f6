"""`lkr confirm`: confirms the current project's keys that need it, until `lkr lock` or for `lock_limit` seconds."""

from lkrshell.cli import common, declare
from lkrshell.core import policy
from lkrshell.runtime import confirm, execute, session
from lkrshell.state import config


@declare.command("confirm", examples=("lkr confirm", "cd ~/work/app && lkr confirm"))
def command() -> None:
    """Confirm this project's keys that ask first. Their policy is --confirm. The answer holds for this session."""
    bindings, folder, _ = execute.project_bindings()
    waiting = session.unconfirmed(common.store(), bindings, folder)
    if not waiting:
        declare.echo("lkr: no key of this project awaits your confirmation", err=True)
        return
    confirm.ask(waiting, policy.Consumer("confirm", folder, common.agent()), config.load(), common.recorder(folder))
    declare.echo(f"lkr: confirmed {' '.join(binding.variable for binding in waiting)}", err=True)
