"""What `install`, `uninstall` and `init` share: finding the current shell, showing changes, and asking."""

from lkrshell.cli import ask, declare
from lkrshell.core.errors import REFUSED, USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.shells import base, rcfiles
from lkrshell.shells.current_shell import current_shell


def agree(changes: list[rcfiles.Change], remarks: list[str], yes: bool, diff: bool = False) -> None:
    """Shows the changes, and asks unless `yes`. LkrError (2) if there is no terminal to ask on."""
    tell(changes, remarks, diff)
    if changes and not yes:
        if not ask.on_terminal():
            raise LkrError("no terminal to ask on", "add --yes", REFUSED)
        ask.agree("Change these files?")


def tell(changes: list[rcfiles.Change], remarks: list[str], diff: bool = False) -> None:
    for change in changes:
        for line in rcfiles.difference(change) if diff else rcfiles.summary(change):
            declare.echo(line, err=True)
    for remark in remarks:
        declare.echo(f"lkr: {remark}", err=True)


def supported_shell() -> str:
    """The shell that runs us. LkrError (64) if it cannot be detected, or lkr does not support it."""
    shell = current_shell()
    if shell not in base.SHELLS:
        raise LkrError(f"cannot install for {show(shell) or 'this shell'}", "name one: lkr install zsh", USAGE)
    return shell
