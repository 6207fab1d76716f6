"""`lkr rotate NAME`: a new value; the old one is kept, out of sight, until it is confirmed or taken back."""

from lkrshell.cli import common, declare
from lkrshell.core import names
from lkrshell.core.clock import now
from lkrshell.core.entry import Entry
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.state import generation, index
from lkrshell.stores.base import Store
from lkrshell.vendors import providers


@declare.command("rotate")
@common.KEY
@declare.option("--stdin", "from_stdin", is_flag=True, help="Read the new value from standard input.")
@declare.option("--confirm", is_flag=True, help="The new value works: forget the old one.")
@declare.option("--undo", is_flag=True, help="It does not: the old value comes back.")
def command(name: str, from_stdin: bool, confirm: bool, undo: bool) -> None:
    """Give the key NAME a new value. Live shells have it at their next prompt."""
    common.checked_key(name)
    if confirm and undo:
        raise LkrError("--confirm and --undo do not go together", "choose one", USAGE)
    store = common.store()
    hidden = name + names.HIDDEN
    present = _present(store, name, confirm or undo)
    fresh = None
    if not confirm and not undo:  # asked before the lock: a person takes longer than other writers wait
        fresh = common.read_secret(f"New value of {name}", from_stdin, present[name].kind)
        if warning := providers.shape_warning(name, fresh.reveal()):
            declare.echo(f"lkr: {warning}; stored all the same", err=True)
    with index.changing(store.name):
        present = _present(store, name, confirm or undo)
        entry = index.read(store.name, name) or Entry(name, present[name].kind, now())
        if fresh:
            store.set(hidden, present[name])  # the old value is safe before the new one takes its place
            index.write(store.name, Entry(hidden, entry.kind, now()))
        if not confirm:
            store.set(name, fresh or present[hidden])
            entry.rotated = now()
            index.write(store.name, entry)
        if confirm or undo:
            store.delete(hidden)
            index.remove(store.name, hidden)
    generation.bump()
    common.log("rotate", name)
    done = "has its old value again" if undo else "keeps its new value" if confirm else "has a new value"
    hint = "" if confirm or undo else f"; then lkr rotate {name} --confirm, or --undo"
    declare.echo(f"lkr: {name} {done}{hint}", err=True)


def _present(store: "Store", name: str, rotating: bool) -> dict[str, Secret]:
    """The key's value, and its old one while it is being rotated. LkrError when it is there and must not be, or the
    other way round."""
    hidden = name + names.HIDDEN
    present = store.get([name, hidden])
    if name not in present:
        raise LkrError(f"no key {name} in the {store.name}", "see lkr list")
    if rotating and hidden not in present:
        raise LkrError(f"{name} is not being rotated", "lkr rotate NAME begins")
    if not rotating and hidden in present:
        raise LkrError(f"{name} is being rotated already", "say --confirm or --undo first")
    return present
