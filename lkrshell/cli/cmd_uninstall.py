"""`lkr uninstall`: removes what `lkr install` wrote. Keys, grants and manifests stay."""

from lkrshell.cli import declare, installing, login_service
from lkrshell.core.text import show
from lkrshell.shells import rcfiles


@declare.command("uninstall", examples=("lkr uninstall", "lkr uninstall --broker"))
@declare.option("--broker", is_flag=True, help="Only undo lkr install --broker.")
@declare.option("--yes", is_flag=True, help="Do not ask.")
def command(broker: bool, yes: bool) -> None:
    """Undo lkr install. Keeps your keys and manifests."""
    changes, remarks = rcfiles.uninstall()
    service = login_service.paths()
    if broker:
        changes, remarks = [change for change in changes if change.path in service], []
    installing.agree(changes, remarks, yes)
    by_login = any(change.path in service for change in changes)
    if by_login:
        login_service.stop()
    for change in changes:
        if not rcfiles.revert(change):
            declare.echo(f"lkr: {show(change.path)} has changes of yours; they stay", err=True)
    if by_login:
        login_service.forget()
    if broker:
        done = "the broker no longer starts at login" if changes else "nothing to uninstall"
        declare.echo(f"lkr: {done}", err=True)
        return
    rcfiles.forget()
    declare.echo("lkr: uninstalled; new shells do not load lkr" if changes else "lkr: nothing to uninstall", err=True)
