"""`lkr confirm`: confirms the current project's keys that need it, until `lkr lock` or for `lock_limit` seconds."""

from lkrshell.cli import common, declare
from lkrshell.core import policy
from lkrshell.core.binding import shown
from lkrshell.runtime import confirm, execute, session
from lkrshell.state import config


@declare.command("confirm", examples=("lkr confirm", "lkr confirm --list"))
@declare.option("--list", "listed", is_flag=True, help="Only list the keys that await your confirmation.")
@declare.option("--json", "as_json", is_flag=True, help="List them as JSON.")
def command(listed: bool, as_json: bool) -> None:
    """Confirm this project's keys that need confirmation. The answer holds for this session."""
    bindings, folder, _ = execute.project_bindings()
    waiting = session.unconfirmed(common.store(), bindings, folder)
    if as_json:
        rows = [{"variable": each.variable, "key": shown(each.key)} for each in waiting]
        declare.echo_json(rows)
        return
    if not waiting:
        declare.echo("lkr: no key of this project awaits your confirmation", err=True)
        return
    if listed:
        for each in waiting:
            declare.echo(f"{each.variable} {shown(each.key)}")
        return
    confirm.ask(waiting, policy.Consumer("confirm", folder, common.agent()), config.load(), common.recorder(folder))
    declare.echo(f"lkr: confirmed {' '.join(binding.variable for binding in waiting)}", err=True)
