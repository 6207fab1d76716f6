"""`lkr lock`: closes the store and empties every live shell at its next prompt."""

from lkrshell.cli import common, declare
from lkrshell.runtime import confirm
from lkrshell.state import generation


@declare.command("lock")
def command() -> None:
    """Lock the store. Loaded keys leave every shell at its next prompt."""
    try:
        confirm.forget()
    finally:
        common.store().lock()
    generation.bump()
    common.log("lock")
    declare.echo("lkr: locked", err=True)
