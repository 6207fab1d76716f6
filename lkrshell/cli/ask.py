"""Asks the person at the terminal."""

from lkrshell.cli import declare
from lkrshell.system import terminal


def confirm(question: str, default: bool = False) -> bool:
    """True for a yes. KeyboardInterrupt at Ctrl-C or the end of input."""
    while True:
        answer = text(f"{question} [{'Y/n' if default else 'y/N'}]", default="", shown=False).strip().lower()
        if answer in ("", "y", "yes", "n", "no"):
            return answer.startswith("y") if answer else default
        declare.echo("lkr: answer y or n", err=True)


def agree(question: str, default: bool = False) -> None:
    """Returns after a yes; KeyboardInterrupt after anything else."""
    if not confirm(question, default):
        raise KeyboardInterrupt


def text(question: str, default: str = "", shown: bool = True) -> str:
    """Reads a line; `default` if it is empty. `shown`: the question names the default. KeyboardInterrupt at Ctrl-C or
    the end of input."""
    declare.echo(f"{question}{f' [{default}]' if default and shown else ''}: ", nl=False, err=True)
    try:
        return terminal.line() or default
    except KeyboardInterrupt:
        declare.echo(err=True)  # what comes next begins a line
        raise


def hidden(question: str, twice: bool = False) -> str:
    """Reads a line that is not shown while it is typed. `twice`: asks for it again. KeyboardInterrupt as for `text`."""
    while True:
        typed = terminal.hidden(question)
        if not twice or typed == terminal.hidden("Repeat for confirmation", may_be_empty=True):
            return typed
        declare.echo("lkr: the two do not match; try again", err=True)


def on_terminal() -> bool:
    """True when there is somebody to ask."""
    return terminal.is_there()
