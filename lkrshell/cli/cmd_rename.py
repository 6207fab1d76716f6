"""`lkr rename OLD NEW`."""

from lkrshell.cli import common, declare
from lkrshell.core.clock import now
from lkrshell.core.entry import Entry
from lkrshell.core.errors import LkrError
from lkrshell.state import generation, index


@declare.command("rename")
@declare.argument("old")
@declare.argument("new")
def command(old: str, new: str) -> None:
    """Rename the key OLD to NEW. Manifests that name OLD are not changed."""
    common.checked_key(old)
    common.checked_key(new)
    store = common.store()
    with index.changing(store.name):
        if store.exists(new):
            raise LkrError(f"there is a key {new} already", f"lkr rm {new} first")
        secret = store.get([old]).get(old)
        if secret is None:
            raise LkrError(f"no key {old} in the {store.name}", "see lkr list")
        entry = index.read(store.name, old)
        entry = entry or Entry(new, secret.kind, now())
        entry.name = new
        index.write(store.name, entry, was=old)  # its policy is there before it is
        store.set(new, secret)  # a kill from here on leaves both names, never none
        store.delete(old)
        index.remove(store.name, old)
    generation.bump()
    common.log("rename", old, new)
    declare.echo(f"lkr: {old} is {new} now", err=True)
