"""`lkr hook SHELL`: the snippet for `eval`: where the program is, and then shell/lkr.SHELL verbatim."""

import os
import sys
import sysconfig

import click

import lkrshell
from lkrshell import dialects, paths
from lkrshell.errors import USAGE, LkrError

_PACKAGE = os.path.dirname(os.path.abspath(lkrshell.__file__))


def snippet(shell: str) -> str:
    """The file itself: beside the package in a checkout, inside it when installed."""
    for folder in (os.path.join(_PACKAGE, "data", "shell"), os.path.join(os.path.dirname(_PACKAGE), "shell")):
        path = os.path.join(folder, f"lkr.{shell}")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return file.read()
    raise LkrError(f"this installation lacks the snippet for {shell}", "install lkrshell again")


def preamble(shell: str) -> str:
    """Where the program is, in the shell's own words."""
    speak = dialects.dialect(shell)
    site = "\n".join(dict.fromkeys([os.path.dirname(_PACKAGE), sysconfig.get_path("platlib")]))
    values = {
        "__lkr_python": sys.executable,
        "__lkr_boot": os.path.join(_PACKAGE, "boot.py"),
        "__lkr_site": site,
        "__lkr_generation": paths.generation_file(),
    }
    form = "set -g {} {}\n" if shell == "fish" else "{}={}\n"
    return "".join(form.format(name, speak.quote(value)) for name, value in values.items())


@click.command("hook")
@click.argument("shell", required=False)
def command(shell: str | None) -> None:
    """Print the hook for SHELL: bash, zsh, fish or direnv. Without SHELL, for the one you are in."""
    if shell is None:
        import shellingham

        try:
            shell = str(shellingham.detect_shell()[0])
        except shellingham.ShellDetectionFailure:
            raise LkrError("cannot tell which shell this is", "name it: lkr hook bash", USAGE) from None
    if shell not in dialects.SHELLS:
        raise LkrError(f"no hook for {shell}", f"there are {', '.join(dialects.SHELLS)}", USAGE)
    click.echo(preamble(shell) + snippet(shell), nl=False)
