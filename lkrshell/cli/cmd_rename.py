"""`lkr rename OLD NEW`: gives a key another name."""

from lkrshell.cli import common, declare, prompts
from lkrshell.runtime import keys


@declare.command("rename", examples=("lkr rename openai:main openai:blog", "lkr rename groq:main groq:ci"))
@declare.argument("old", metavar="OLD")
@declare.argument("new", metavar="NEW")
def command(old: str, new: str) -> None:
    """Rename the key OLD to NEW. Manifests that name OLD are not changed."""
    common.checked_own(old)
    common.checked_own(new)
    keys.rename(common.store(), old, new)
    common.log("rename", old, new)
    declare.echo(f"lkr: {old} is now {new}", err=True)
    prompts.tell_projects(old)
