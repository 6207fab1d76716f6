"""`lkr rename OLD NEW`."""

from lkrshell.cli import common, declare
from lkrshell.runtime import keys


@declare.command("rename")
@declare.argument("old")
@declare.argument("new")
def command(old: str, new: str) -> None:
    """Rename the key OLD to NEW. Manifests that name OLD are not changed."""
    common.checked_key(old)
    common.checked_key(new)
    keys.rename(common.store(), old, new)
    common.log("rename", old, new)
    declare.echo(f"lkr: {old} is {new} now", err=True)
