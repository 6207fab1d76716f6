"""`lkr install`: has the shells load lkr by themselves. Shows what it would change and asks."""

from lkrshell.cli import declare, installing
from lkrshell.shells import rcfiles


@declare.command("install", examples=("lkr install", "lkr install zsh --direnv"))
@declare.argument("shells", nargs=-1, metavar="[SHELL]...", type=declare.Choice(rcfiles.SHELLS))
@declare.option("--direnv", is_flag=True, help="Also `use lkr` for direnv.")
@declare.option("--completions/--no-completions", default=None, help="The completions too; on by default.")
@declare.option("--diff", is_flag=True, help="Show every line that changes.")
@declare.option("--yes", is_flag=True, help="Do not ask.")
def command(shells: tuple[str, ...], direnv: bool, completions: bool | None, diff: bool, yes: bool) -> None:
    """Have SHELL (bash, zsh, fish) load lkr at its start. Without SHELL, the one you are in. See lkr uninstall."""
    wanted = list(dict.fromkeys(shells)) or [installing.present_shell()]
    changes, remarks = rcfiles.install(wanted, direnv, completions)
    installing.agree(changes, remarks, yes, diff)
    for change in changes:
        rcfiles.apply(change)
    if not changes:
        declare.echo("lkr: already installed", err=True)
        return
    start = f"now run: exec {wanted[0]}" if len(wanted) == 1 else "open a new shell"
    declare.echo(f"lkr: installed; {start}", err=True)
