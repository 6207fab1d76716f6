"""`lkr policy NAME`: what a key may do."""

import json
import re

import click

from lkrshell import generation, index
from lkrshell.commands import common
from lkrshell.errors import USAGE, LkrError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@click.command("policy")
@common.KEY
@click.option("--ttl", metavar="TIME", help="How long a shell keeps it from loading on: 90s, 30m, 8h, 2d, or off.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(name: str, ttl: str | None, as_json: bool) -> None:
    """Show, or change, what the key NAME may do."""
    common.checked_key(name)
    store = common.store()
    entry = index.read(store.name, name)
    if entry is None:
        raise LkrError(f"no key {name} in the index", "see lkr list, lkr doctor")
    if ttl is not None:
        entry.ttl = _seconds(ttl)
        index.write(store.name, entry)
        generation.bump()
    if as_json:
        click.echo(json.dumps({"name": name, "kind": entry.kind, "ttl": entry.ttl or None}))
    else:
        click.echo(f"{name}: kind {entry.kind}, ttl {f'{entry.ttl} s' if entry.ttl else 'off'}")


def _seconds(text: str) -> int:
    if text == "off":
        return 0
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text)
    if not found:
        raise LkrError("that is no time", "write 90s, 30m, 8h, 2d or off", USAGE)
    return int(found[1]) * _UNITS[found[2]]
