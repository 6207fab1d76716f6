"""`lkr install`: has the shells load lkr by themselves. Shows what it would change and asks."""

import click

from lkrshell.cli import common
from lkrshell.core.errors import REFUSED, USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.shells import rcfiles


@click.command("install")
@click.argument("shells", nargs=-1, metavar="[SHELL]...", type=click.Choice(rcfiles.SHELLS))
@click.option("--direnv", is_flag=True, help="Also `use lkr` for direnv.")
@click.option("--completions", is_flag=True, help="Also the completions of the shells.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def command(shells: tuple[str, ...], direnv: bool, completions: bool, yes: bool) -> None:
    """Have SHELL (bash, zsh, fish) load lkr at its start. Without SHELL, the one you are in. See lkr uninstall."""
    changes, remarks = rcfiles.install(list(dict.fromkeys(shells)) or [present_shell()], direnv, completions)
    agree(changes, remarks, yes)
    for change in changes:
        rcfiles.apply(change)
    click.echo("lkr: installed; new shells load it" if changes else "lkr: installed already", err=True)


def agree(changes: list[rcfiles.Change], remarks: list[str], yes: bool) -> None:
    """Shows what would be changed, and asks unless `yes`. LkrError (2) without a terminal to ask on."""
    tell(changes, remarks)
    if changes and not yes:
        if not common.on_terminal():
            raise LkrError("no terminal to ask on", "say --yes", REFUSED)
        click.confirm("Change these files?", abort=True, err=True)


def tell(changes: list[rcfiles.Change], remarks: list[str]) -> None:
    for change in changes:
        for line in rcfiles.difference(change):
            click.echo(line, err=True)
    for remark in remarks:
        click.echo(f"lkr: {remark}", err=True)


def present_shell() -> str:
    """The shell that runs us. LkrError (64) when that cannot be told, or is none of ours."""
    import shellingham

    try:
        shell = str(shellingham.detect_shell()[0])
    except shellingham.ShellDetectionFailure:
        shell = ""
    if shell not in rcfiles.SHELLS:
        raise LkrError(f"cannot install for {show(shell) or 'this shell'}", "name one: lkr install zsh", USAGE)
    return shell
