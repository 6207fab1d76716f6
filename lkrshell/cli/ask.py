"""Asks the person at the terminal. click does it, and is loaded only when there is a question."""

import contextlib

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
    with _stopping():
        import click

        return click.confirm(question, default=default, err=True)


def agree(question: str, default: bool = False) -> None:
    """Returns after a yes; KeyboardInterrupt after anything else."""
    with _stopping():
        import click

        click.confirm(question, default=default, abort=True, err=True)


def text(question: str, default: str = "") -> str:
    """Reads a line; `default` if it is empty."""
    with _stopping():
        import click

        return str(click.prompt(question, default=default, err=True))


def hidden(question: str, twice: bool = False) -> str:
    """Reads a line that is not shown while it is typed. `twice`: asks for it again."""
    with _stopping():
        import click

        return str(click.prompt(question, hide_input=True, confirmation_prompt=twice, err=True))


def on_terminal() -> bool:
    """True when there is somebody to ask."""
    return terminal.is_there()
