"""`lkr install`: makes shells load lkr when they start. Shows the changes and asks first."""

from lkrshell.cli import declare, installing, login_service
from lkrshell.doctor import install_command
from lkrshell.doctor import shells as shells_here
from lkrshell.shells import base, rcfiles


@declare.command("install", examples=("lkr install", "lkr install zsh --direnv"))
@declare.argument("shells", nargs=-1, metavar="[SHELL]...", type=declare.Choice(base.SHELLS))
@declare.option("--direnv", is_flag=True, help="Also install `use lkr` for direnv.")
@declare.option("--completions/--no-completions", default=None, help="Install Tab completion (the default), or do not.")
@declare.option("--broker", is_flag=True, help="Have systemd or launchd start the broker. Without SHELL, do only that.")
@declare.option("--diff", is_flag=True, help="Show every line that changes.")
@declare.option("--yes", is_flag=True, help="Do not ask.")
def command(
    shells: tuple[str, ...], direnv: bool, completions: bool | None, broker: bool, diff: bool, yes: bool
) -> None:
    """Make SHELL (bash, zsh, fish) load lkr when it starts. Default: the shell you are in. To undo: lkr uninstall."""
    wanted = list(dict.fromkeys(shells)) or ([] if broker else [installing.supported_shell()])
    changes, remarks = rcfiles.install(wanted, direnv, completions)
    for name, least in map(shells_here.named_version, wanted):
        if least:
            remarks.append(f"{name} is too old for lkr's hook, which needs {least}: {install_command(name.split()[0])}")
    service = login_service.changes() if broker else []
    changes += service
    installing.agree(changes, remarks, yes, diff)
    for change in changes:
        rcfiles.apply(change)
    for shell in wanted:
        for load in shells_here.find_loads(shell):
            if stop := shells_here.stopped(shell, load):
                declare.echo(f"lkr: {stop[1]}; move lkr's lines above it", err=True)
    if not changes:
        declare.echo("lkr: already installed", err=True)
        return
    if service:
        remark = login_service.start()
        declare.echo(f"lkr: {remark or 'the broker starts when a program needs it, from each login on'}", err=True)
    if not wanted:
        return
    start = f"now run: exec {wanted[0]}" if len(wanted) == 1 else "open a new shell"
    declare.echo(f"lkr: installed; {start}", err=True)
