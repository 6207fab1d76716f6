"""`lkr policy NAME`: what a key may do. No manifest can widen it."""

import contextlib
import json
import os
import re

from lkrshell.cli import common, declare
from lkrshell.core import policy
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.secret import KINDS, Secret
from lkrshell.core.text import show
from lkrshell.state import generation, index

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@declare.command("policy")
@common.KEY
@declare.option("--only", multiple=True, metavar="DIR", help="Only projects in DIR may use it; may be repeated.")
@declare.option("--anywhere", is_flag=True, help="Every allowed project may use it.")
@declare.option(
    "--agents", type=declare.Choice(policy.AGENTS), help="deny: not for coding agents; exec: by lkr exec only."
)
@declare.option("--confirm/--no-confirm", default=None, help="Ask before each project's first load of a session.")
@declare.option("--ttl", metavar="TIME", help="How long a shell keeps it from loading on: 90s, 30m, 8h, 2d, or off.")
@declare.option("--kind", type=declare.Choice(KINDS), help="admin: never in an environment.")
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(
    name: str,
    only: tuple[str, ...],
    anywhere: bool,
    agents: str | None,
    confirm: bool | None,
    ttl: str | None,
    kind: str | None,
    as_json: bool,
) -> None:
    """Show, or change, what the key NAME may do."""
    common.checked_key(name)
    store = common.store()
    changes = bool(only or anywhere or agents or kind) or ttl is not None or confirm is not None
    with index.changing(store.name) if changes else contextlib.nullcontext():
        entry = index.read(store.name, name)
        if entry is None:
            raise LkrError(f"no key {name} in the index", "see lkr list, lkr doctor")
        if only and anywhere:
            raise LkrError("--only and --anywhere do not go together", "choose one", USAGE)
        if changes:
            common.refuse_agent("a coding agent ({}) does not change what keys may do", "ask the person", name)
        if kind and kind != entry.kind:
            secret = store.get([name]).get(name)
            if secret is None:
                raise LkrError(f"no key {name} in the {store.name}", "see lkr doctor")
            store.set(name, Secret(secret.reveal(), kind))
            entry.kind = kind
        if only or anywhere:
            entry.only = tuple(_folder(each) for each in only)
        entry.agents = agents or entry.agents
        entry.ttl = entry.ttl if ttl is None else _seconds(ttl)
        entry.confirm = entry.confirm if confirm is None else confirm
        if changes:
            index.write(store.name, entry)
            generation.bump()
            common.log("policy", name)
    if as_json:
        row = {
            "name": name,
            "kind": entry.kind,
            "only": list(entry.only),
            "agents": entry.agents,
            "ttl": entry.ttl or None,
            "confirm": entry.confirm,
        }
        declare.echo(json.dumps(row))
        return
    folders = " ".join(show(folder) for folder in entry.only) or "anywhere"
    confirm_text = "on" if entry.confirm else "off"
    ttl_text = span(entry.ttl) if entry.ttl else "off"
    declare.echo(
        f"{name}: kind {entry.kind}; projects {folders}; agents {entry.agents}; ttl {ttl_text}; confirm {confirm_text}"
    )


def span(seconds: int) -> str:
    """As `--ttl` takes it: 8h, 90s."""
    return next(f"{seconds // size}{unit}" for unit, size in reversed(_UNITS.items()) if seconds % size == 0)


def _folder(path: str) -> str:
    if not os.path.isdir(path):
        raise LkrError(f"{show(path)} is no folder", "nothing was changed", USAGE)
    return os.path.realpath(path)


def _seconds(text: str) -> int:
    if text == "off":
        return 0
    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text)
    if not found:
        raise LkrError("that is no time", "write 90s, 30m, 8h, 2d or off", USAGE)
    return int(found[1]) * _UNITS[found[2]]
