"""Asks the person at the terminal. Uses click, which is loaded only when there is a question."""

import contextlib

from lkrshell.cli import declare
from lkrshell.system import terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def _stopping() -> "Iterator[None]":
    """Turns click's exception for Ctrl-C and for a no into KeyboardInterrupt."""
    import click

    try:
        yield
    except click.Abort:
        raise KeyboardInterrupt from None


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
    """Reads a line; `default` if it is empty. `shown`: the question names the default."""
    with _stopping():
        import click

        return str(click.prompt(question, default=default, show_default=shown, err=True))


def hidden(question: str, twice: bool = False) -> str:
    """Reads a line that is not shown while it is typed. `twice`: asks for it again."""
    with _stopping():
        import click

        while True:
            line = str(click.prompt(question, default="", show_default=False, hide_input=True, err=True))
            if not line:
                declare.echo("lkr: nothing was typed; Ctrl-C stops", err=True)
                continue
            if not twice or line == click.prompt("Repeat for confirmation", hide_input=True, err=True):
                return line
            declare.echo("lkr: the two do not match; try again", err=True)


def on_terminal() -> bool:
    """True when there is somebody to ask."""
    return terminal.is_there()
