"""`lkr rename OLD NEW`: gives a key another name."""

from lkrshell.cli import common, declare, prompts
from lkrshell.core import names
from lkrshell.core.secret import Secret
from lkrshell.runtime import keys
from lkrshell.vendors import providers


@declare.command("rename", examples=("lkr rename openai:main openai:blog", "lkr rename groq:main groq:ci"))
@declare.argument("old", metavar="OLD")
@declare.argument("new", metavar="NEW")
def command(old: str, new: str) -> None:
    """Rename the key OLD to NEW. Manifests that name OLD are not changed."""
    common.checked_own(old)
    common.checked_own(new)
    value = keys.rename(common.store(), old, new)
    common.log("rename", old, new)
    declare.echo(f"lkr: {old} is now {new}", err=True)
    if names.provider_of(old) != names.provider_of(new):
        _tell_provider(old, new, value)
    prompts.tell_projects(old)


def _tell_provider(old: str, new: str, value: Secret) -> None:
    """Says what another provider means for the key, and warns if its value is not that provider's."""
    provider, variable = names.provider_of(new), providers.variable_of(new)
    what = f"its variable is now {variable}" if variable else f"lkr knows no variable for {provider}"
    declare.echo(f"lkr: {what}", err=True)
    if warning := providers.shape_warning(new, value.reveal()):
        declare.echo(f"lkr: {warning}; to undo this: lkr rename {new} {old}", err=True)
