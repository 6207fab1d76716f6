"""`lkr set NAME`: stores a value, from a hidden prompt or standard input."""

from lkrshell.cli import common, declare, prompts
from lkrshell.core import names
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.secret import KINDS


@declare.command("set", examples=("lkr set openai:prod", "pbpaste | lkr set anthropic:main"))
@common.KEY
@declare.option(
    "--stdin", "from_stdin", is_flag=True, help="Read the value from standard input. A pipe does not need this."
)
@declare.option("--kind", type=declare.Choice(KINDS), help="admin: never enters an environment.")
@declare.option(
    "--force", is_flag=True, help="Replace an existing value without asking, and store the new one as it is."
)
def command(name: str, from_stdin: bool, kind: str | None, force: bool) -> None:
    """Store the key NAME (provider:label). Asks for the value, and never takes it as an argument."""
    common.stored_name(name)
    prompts.ask_provider(name)
    if names.is_sealed(name):
        if kind:
            raise LkrError("a sealed key has no kind in the repository", f"lkr policy {name} --kind {kind}", USAGE)
        from lkrshell.cli import sealing

        sealing.set_value(names.in_source(name), from_stdin or common.stdin_is_piped(), force)
        return
    if names.is_fetched(name):
        from lkrshell.cli import source_keys

        source_keys.set_value(name, from_stdin or common.stdin_is_piped(), kind, force)
        return
    prompts.set_key(common.store(), name, from_stdin or common.stdin_is_piped(), kind or "", force)
