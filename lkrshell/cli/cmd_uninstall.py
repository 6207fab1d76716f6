"""`lkr uninstall`: removes what `lkr install` wrote. Keys, grants and manifests stay."""

from lkrshell.cli import declare, installing
from lkrshell.core.text import show
from lkrshell.shells import rcfiles


@declare.command("uninstall", examples=("lkr uninstall", "lkr uninstall --yes"))
@declare.option("--yes", is_flag=True, help="Do not ask.")
def command(yes: bool) -> None:
    """Undo lkr install. Keys and manifests stay."""
    changes, remarks = rcfiles.uninstall()
    installing.agree(changes, remarks, yes)
    for change in changes:
        if not rcfiles.revert(change):
            declare.echo(f"lkr: {show(change.path)} has changes of yours; they stay", err=True)
    rcfiles.forget()
    declare.echo("lkr: uninstalled; new shells do not load lkr" if changes else "lkr: nothing to uninstall", err=True)
