"""`lkr policy NAME`: shows or changes what a key may do. No manifest can relax it."""

import os
import sys

from lkrshell.cli import common, declare, layout
from lkrshell.core import limits, policy
from lkrshell.core.binding import shown
from lkrshell.core.entry import Entry
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.secret import KINDS
from lkrshell.core.text import show
from lkrshell.runtime import broker_client, keys
from lkrshell.state import index, paths
from lkrshell.state.paths import tilde
from lkrshell.system import terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_VIA = ("environment", "broker")


@declare.command(
    "policy",
    examples=(
        "lkr policy openai:prod --only ~/work/app --ttl 8h",
        "lkr policy openai:prod --via broker --budget 20/day",
    ),
)
@declare.argument("name", required=False)
@declare.option("--only", multiple=True, metavar="DIR", help="Only projects in DIR may use the key. May be repeated.")
@declare.option("--anywhere", is_flag=True, help="Every allowed project may use the key.")
@declare.option(
    "--agents",
    type=declare.Choice(policy.AGENTS),
    help="What agents get. deny: never; exec: only with lkr exec; allow: as you do.",
)
@declare.option("--confirm/--no-confirm", default=None, help="Ask before each project's first load in a session.")
@declare.option("--ttl", metavar="TIME", help="How long a shell keeps the key: 90s, 30m, 8h, 2d, or off.")
@declare.option("--kind", type=declare.Choice(KINDS), help="admin: never enters an environment.")
@declare.option("--via", type=declare.Choice(_VIA), help="broker: programs get a virtual key, never the key itself.")
@declare.option("--models", multiple=True, metavar="GLOB", help="Broker: only these models, or off. May be repeated.")
@declare.option("--budget", metavar="MONEY", help="Broker: US dollars per day, week or month, such as 20/day, or off.")
@declare.option("--rate", metavar="REQUESTS", help="Broker: requests per minute, such as 60/min, or off.")
@declare.option("--tokens", metavar="TOKENS", help="Broker: tokens per day, week or month, such as 2M/day, or off.")
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(
    name: str | None,
    only: tuple[str, ...],
    anywhere: bool,
    agents: str | None,
    confirm: bool | None,
    ttl: str | None,
    kind: str | None,
    via: str | None,
    models: tuple[str, ...],
    budget: str | None,
    rate: str | None,
    tokens: str | None,
    as_json: bool,
) -> None:
    """Show or change what the key NAME may do. Without NAME, show all keys. lkr asks before a key may do more."""
    given = {"models": " ".join(models) if models else None, "budget": budget, "rate": rate, "tokens": tokens}
    at_broker = {field: text for field, text in given.items() if text is not None}
    changes = bool(only or anywhere or agents or kind or via or at_broker) or ttl is not None or confirm is not None
    if name is None:
        if changes:
            raise LkrError("these options need a key", "name it: lkr policy NAME, with the options", USAGE)
        _tell_all(as_json)
        return
    name = common.stored_name(name)
    if only and anywhere:
        raise LkrError("--only and --anywhere cannot be used together", "choose one", USAGE)
    folders, time = tuple(_folder(each) for each in only), None if ttl is None else _seconds(ttl)
    at_broker = {field: _limit(field, text) for field, text in at_broker.items()}

    def edit(entry: Entry) -> None:
        if only or anywhere:
            entry.only = folders
        entry.kind, entry.agents = kind or entry.kind, agents or entry.agents
        entry.ttl = entry.ttl if time is None else time
        entry.confirm = entry.confirm if confirm is None else confirm
        entry.via = entry.via if via is None else ("broker" if via == "broker" else "")
        for field, text in at_broker.items():
            setattr(entry, field, text)

    store = common.store()
    entry = keys.entry_of(store, name)
    if changes:
        entry = keys.change(store, name, edit, _agreed(entry, edit))
        common.log("policy", name)
    if via == "broker":
        _warn_of_route(name)
    _tell(entry, as_json)


def _warn_of_route(name: str) -> None:
    """Warns if the broker does not serve the vendor of this key."""
    try:
        broker_client.check_route(name)
    except LkrError as error:
        declare.echo(f"lkr: {error}", err=True)


def _tell(entry: Entry, as_json: bool) -> None:
    """Shows what the key may do: in words on a terminal, in one line in a pipe."""
    if as_json:
        declare.echo_json(_row(entry), indent=None)
        return
    if sys.stdout.isatty():
        declare.echo(layout.fields(_said(entry)), nl=False)
        return
    where = " ".join(show(folder) for folder in entry.only) or "anywhere"
    confirm_text = "on" if entry.confirm else "off"
    ttl_text = policy.duration(entry.ttl) if entry.ttl else "off"
    parts = [f"kind {entry.kind}", f"projects {where}", f"agents {entry.agents}", f"ttl {ttl_text}"]
    parts += [f"confirm {confirm_text}", f"via {entry.via or _VIA[0]}", *limits.Limits.of(entry).words()]
    declare.echo(f"{shown(entry.name)}: {'; '.join(parts)}")


def _row(entry: Entry) -> dict[str, object]:
    return {
        "name": shown(entry.name),
        "kind": entry.kind,
        "only": list(entry.only),
        "agents": entry.agents,
        "ttl": entry.ttl or None,
        "confirm": entry.confirm,
        "via": entry.via or _VIA[0],
        "models": entry.models.split(),
        **{field: getattr(entry, field) or None for field in limits.FIELDS[1:]},
    }


_AGENTS = {"deny": "never", "exec": "only with lkr exec", "allow": "like you"}


def _said(entry: Entry) -> list[tuple[str, str]]:
    """The policy in words, for a terminal."""
    return [
        ("Key", shown(entry.name)),
        ("Kind", entry.kind if entry.kind == "runtime" else f"{entry.kind}: never enters an environment"),
        ("Projects", ", ".join(show(tilde(folder)) for folder in entry.only) or "all that you allow"),
        ("Agents", f"{entry.agents}: {_AGENTS[entry.agents]}"),
        ("Time limit", f"{policy.duration(entry.ttl)} after loading" if entry.ttl else "none"),
        ("Confirm", "asks before each project's first load in a session" if entry.confirm else "never asks"),
        ("Programs get", "a virtual key from the broker" if entry.via == "broker" else "the key itself"),
        ("Limits", ", ".join(limits.Limits.of(entry).words()) or "none"),
    ]


def _tell_all(as_json: bool) -> None:
    """A table of all policies, in which everything that differs from the default stands out."""
    store = common.store().name
    entries = [entry for name in layout.in_order(index.names(store)) if (entry := index.read(store, name))]
    copies = [entry for name in index.copies(store) if (entry := index.read(store, name))]
    entries += [entry for entry in copies if index.has_policy(entry)]
    if as_json:
        declare.echo_json([_row(entry) for entry in entries])
        return
    if not entries:
        declare.echo("lkr: no keys stored yet; store one: lkr set openai:prod", err=True)
        return
    rows = [
        (
            shown(entry.name),
            entry.kind,
            entry.agents,
            policy.duration(entry.ttl) if entry.ttl else "-",
            "asks" if entry.confirm else "-",
            entry.via or "-",
            ", ".join(limits.Limits.of(entry).words()) or "-",
            ", ".join(show(tilde(folder)) for folder in entry.only) or "anywhere",
        )
        for entry in entries
    ]
    usual = ("", "runtime", "exec", "-", "-", "-", "-", "anywhere")
    headings = ("NAME", "KIND", "AGENTS", "TTL", "CONFIRM", "VIA", "LIMITS", "PROJECTS")
    # On a terminal, a column with only defaults would take space from the names.
    said = [
        column
        for column, heading in enumerate(headings)
        if heading in ("NAME", "AGENTS", "PROJECTS")
        or not sys.stdout.isatty()
        or any(row[column] != usual[column] for row in rows)
    ]
    colors = [["bold", *("dim" if row[column] == usual[column] else "yellow" for column in said[1:])] for row in rows]
    cells = [[row[column] for column in said] for row in rows]
    declare.echo(layout.by_provider([headings[column] for column in said], cells, colors), nl=False)


def _agreed(before: Entry, edit: "Callable[[Entry], None]") -> list[str]:
    """What the key may do in addition after `edit`, once the person has typed yes. LkrError (2) otherwise: no option,
    pipe or agent can agree in the person's place."""
    import copy

    after = copy.copy(before)
    edit(after)
    if wider := policy.widened(before, after):
        try:
            agreed = terminal.ask(f"From now on, {shown(before.name)} {', '.join(wider)}. Agree?")
        except LkrError:
            hint = "run it on your own terminal"
            raise common.refused("to let a key do more, you must type yes on a terminal", hint, before.name) from None
        if not agreed:
            raise common.refused(f"the policy of {before.name} stays as it is", "nothing was changed", before.name)
    return wider


def _folder(path: str) -> str:
    if not os.path.isdir(path):
        raise LkrError(f"{show(path)} is not a folder", "nothing was changed", USAGE)
    return paths.real(path)


def _limit(field: str, text: str) -> str:
    """The limit as text; empty for `off`."""
    if text == "off":
        return ""
    if not text or not limits.is_limit(field, text):
        raise LkrError(f"that is not a limit for --{field}", f"{limits.HINTS[field]}, or off", USAGE)
    return text


def _seconds(text: str) -> int:
    if text == "off":
        return 0
    import re

    found = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", text)
    if not found:
        raise LkrError("that is not a duration", "write 90s, 30m, 8h, 2d or off", USAGE)
    return int(found[1]) * policy.UNITS[found[2]]
