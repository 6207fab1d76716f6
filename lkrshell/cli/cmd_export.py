"""`lkr export SHELL` with options. The form without options needs no command line library (see __main__)."""

from lkrshell.cli import declare
from lkrshell.runtime import export
from lkrshell.shells import base


@declare.command("export", examples=("lkr export bash", "lkr export fish"))
@declare.argument("shell", type=declare.Choice(base.DIALECTS))
def command(shell: str) -> int:
    """Print the statements that bring SHELL up to date. They include values. The hook runs this for you."""
    return export.main([shell])
