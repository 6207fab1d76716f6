"""`lkr get NAME`: copies the value to the clipboard and shows its mask; in plain text on request, to a terminal."""

import sys

from lkrshell.cli import common, declare
from lkrshell.core import names
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.core.text import show as printable
from lkrshell.runtime import keys
from lkrshell.state import index
from lkrshell.system import clipboard


@declare.command("get", examples=("lkr get openai:prod", "lkr get openai:prod --show"))
@common.KEY
@declare.option("--show", is_flag=True, help="Print the value, but only to a terminal.")
@declare.option("--plain", is_flag=True, help="Print only the value, and only to a terminal.")
@declare.option("--force-plain", is_flag=True, help="Print the value even into a pipe. Whoever reads it has the key.")
@declare.option("--json", "as_json", is_flag=True, help="As JSON, masked unless --show.")
@declare.option(
    "--clear-after", default=30, show_default=True, type=declare.IntRange(1, 3600), metavar="SECONDS",
    help="When to clear it.",
)  # fmt: skip
def command(name: str, show: bool, plain: bool, force_plain: bool, as_json: bool, clear_after: int) -> None:
    """Copy the key NAME to the clipboard, and show its mask. The clipboard is cleared after 30 seconds."""
    asked, name = name, common.stored_name(name)
    if show + plain + force_plain > 1 or (as_json and (plain or force_plain)):
        raise LkrError("these options cannot be used together", "use one of --show, --plain, --force-plain", USAGE)
    clear = show or plain or force_plain
    guard(name, clear=clear, forced=force_plain, masked_json=as_json and not show)
    store = common.store()
    entry = index.read(store.name, name)
    if entry and entry.via == "broker" and force_plain and not sys.stdout.isatty():
        what = f"{name} is used only through the broker, so lkr prints it only to a terminal"
        raise common.refused(what, f"lkr token {name} prints a virtual key", name)
    secret: Secret | None
    if names.is_fetched(name):
        from lkrshell.cli import source_keys

        secret = source_keys.value_of(store, name)
    else:
        secret = store.get([name]).get(name)
    if secret is None:
        raise keys.no_such_key(store, name)
    common.log("get", name)
    value = secret.reveal()
    if as_json:
        declare.echo_json({"name": asked, "kind": secret.kind, "value": value if show else mask(value)}, indent=None)
    elif plain or force_plain:
        declare.write(value.encode("utf-8", "surrogateescape") + b"\n")
    elif show:
        declare.echo(f"{printable(value)}  ({secret.kind})")
    else:
        declare.echo(f"{mask(value)}  ({secret.kind})")
        declare.echo(f"lkr: {clipboard.copy(value, clear_after)}", err=True)


def guard(name: str, clear: bool, forced: bool, masked_json: bool) -> None:
    """LkrError (2) if the value would go into a pipe without --force-plain."""
    if masked_json:
        return
    if forced:
        if not sys.stdout.isatty():
            declare.echo("lkr: the value goes into a pipe or file in plain text", err=True)
        return
    if not sys.stdout.isatty():
        what = "lkr prints a value only to a terminal" if clear else "there is no terminal, so nothing was copied"
        raise common.refused(what, "lkr exec -- COMMAND is safer; --force-plain prints it anyway", name)


def mask(value: str) -> str:
    """`sk-p...3xYz`. Never more than a quarter of a short value, and nothing of a very short one."""
    shown = min(8, len(value) // 4)
    head, tail = shown - shown // 2, shown // 2
    if shown < 2:
        return "..."
    return printable(f"{value[:head]}...{value[-tail:]}")
