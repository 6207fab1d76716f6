"""`lkr install`: has the shells load lkr by themselves. Shows what it would change and asks."""

import click

from lkrshell.cli import installing
from lkrshell.shells import rcfiles


@click.command("install")
@click.argument("shells", nargs=-1, metavar="[SHELL]...", type=click.Choice(rcfiles.SHELLS))
@click.option("--direnv", is_flag=True, help="Also `use lkr` for direnv.")
@click.option("--completions/--no-completions", default=None, help="The completions too; on by default.")
@click.option("--diff", is_flag=True, help="Show every line that changes.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(shells: tuple[str, ...], direnv: bool, completions: bool | None, diff: bool, yes: bool) -> None:
    """Have SHELL (bash, zsh, fish) load lkr at its start. Without SHELL, the one you are in. See lkr uninstall."""
    wanted = list(dict.fromkeys(shells)) or [installing.present_shell()]
    changes, remarks = rcfiles.install(wanted, direnv, completions)
    installing.agree(changes, remarks, yes, diff)
    for change in changes:
        rcfiles.apply(change)
    if not changes:
        click.echo("lkr: already installed", err=True)
        return
    start = f"now run: exec {wanted[0]}" if len(wanted) == 1 else "open a new shell"
    click.echo(f"lkr: installed; {start}", err=True)
