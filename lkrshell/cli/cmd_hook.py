"""`lkr hook [SHELL]`: prints the hook, for `eval` or to save and source."""

from lkrshell.cli import declare
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.shells import base, hook
from lkrshell.shells.current_shell import current_shell


@declare.command("hook", examples=('eval "$(lkr hook zsh)"', "lkr hook fish | source"))
@declare.argument("shell", required=False, metavar=f"[{'|'.join(base.DIALECTS)}]", type=declare.Choice(base.DIALECTS))
def command(shell: str | None) -> None:
    """Print the hook for SHELL: bash, zsh, fish or direnv. Default: the shell you are in."""
    shell = shell or current_shell()
    if not shell:
        raise LkrError("cannot tell which shell this is", "name it: lkr hook bash", USAGE)
    if shell not in base.DIALECTS:
        raise LkrError(f"there is no hook for {shell}", f"there are {', '.join(base.DIALECTS)}", USAGE)
    declare.echo(hook.text(shell), nl=False)
