"""`lkr install`: has the shells load lkr by themselves. Shows what it would change and asks."""

import click

from lkrshell.cli import prompts
from lkrshell.shells import rcfiles


@click.command("install")
@click.argument("shells", nargs=-1, metavar="[SHELL]...", type=click.Choice(rcfiles.SHELLS))
@click.option("--direnv", is_flag=True, help="Also `use lkr` for direnv.")
@click.option("--completions", is_flag=True, help="Also the completions of the shells.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(shells: tuple[str, ...], direnv: bool, completions: bool, yes: bool) -> None:
    """Have SHELL (bash, zsh, fish) load lkr at its start. Without SHELL, the one you are in. See lkr uninstall."""
    changes, remarks = rcfiles.install(list(dict.fromkeys(shells)) or [prompts.present_shell()], direnv, completions)
    prompts.agree(changes, remarks, yes)
    for change in changes:
        rcfiles.apply(change)
    click.echo("lkr: installed; new shells load it" if changes else "lkr: installed already", err=True)
