"""`lkr rotate NAME`: stores a new value. Nothing can use the old one, which is kept until --confirm or --undo."""

from lkrshell.cli import common, declare, prompts
from lkrshell.core import names
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.runtime import keys


@declare.command("rotate", examples=("lkr rotate openai:prod", "lkr rotate openai:prod --undo"))
@common.KEY
@declare.option("--stdin", "from_stdin", is_flag=True, help="Read the new value from standard input.")
@declare.option("--confirm", is_flag=True, help="The new value works: delete the old one.")
@declare.option("--undo", is_flag=True, help="The new value does not work: restore the old one.")
def command(name: str, from_stdin: bool, confirm: bool, undo: bool) -> None:
    """Give the key NAME a new value. Open shells get it at their next prompt."""
    common.stored_name(name)
    if confirm and undo:
        raise LkrError("--confirm and --undo cannot be used together", "choose one", USAGE)
    if names.is_sealed(name):
        if confirm or undo:
            raise LkrError(f"git keeps the old values of {name}", "git log .lkr/sealed, git checkout", USAGE)
        from lkrshell.cli import sealing

        sealing.rotate(names.in_source(name), from_stdin)
        return
    if names.is_fetched(name):
        from lkrshell.cli import source_keys

        source_keys.rotate(name, from_stdin, confirm, undo)
        return
    store = common.store()
    keys.value_to_rotate(store, name, begun=confirm or undo)
    if confirm or undo:
        keys.end_rotation(store, name, undo)
    else:
        keys.rotate(store, name, prompts.value_of(name, f"New value of {name}", from_stdin))
    common.log("rotate", name)
    done = "has its old value again" if undo else "keeps its new value" if confirm else "has a new value"
    hint = "" if confirm or undo else f"; if it works: lkr rotate {name} --confirm, else --undo"
    declare.echo(f"lkr: {name} {done}{hint}", err=True)
