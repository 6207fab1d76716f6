"""`lkr audit`: shows who used which key, and when, verifies the log, and finds keys and projects that nobody uses any
more."""

import json
import os
import signal
import sys
import time

from lkrshell.cli import audit_log, common, declare, layout, output
from lkrshell.core import clock, folders
from lkrshell.core.binding import shown as key_shown
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.events import EVENTS, OF_PROJECTS
from lkrshell.core.text import show
from lkrshell.project import granted, lookup
from lkrshell.state import index, paths
from lkrshell.state.paths import tilde

Row = dict[str, str]
_ALONE = ("verify", "unused", "older", "gone", "follow")  # options that exclude each other
_MOST = 3  # keys in a line on a terminal


@declare.command("audit", examples=("lkr audit --key openai:prod --days 7", "lkr audit --verify"))
@declare.option("--key", "key", metavar="NAME", help="Only this key.")
@declare.option(
    "--event", type=declare.Choice(EVENTS), metavar="EVENT", help="Only this event: exec, shell, refused, get, ..."
)
@declare.option("--agent", metavar="AGENT", help="Only uses by this agent (any: by any agent).")
@declare.option("--project", "folder", metavar="DIR", help="Only uses in this folder and below.")
@declare.option("--days", type=declare.IntRange(1, 36500), metavar="DAYS", help="Only the last DAYS days.")
@declare.option("--follow", is_flag=True, help="Keep showing new lines.")
@declare.option("--verify", is_flag=True, help="Verify the log, and name the first broken line.")
@declare.option("--unused", type=declare.IntRange(1, 36500), metavar="DAYS", help="List keys not used for DAYS days.")
@declare.option(
    "--older", type=declare.IntRange(1, 36500), metavar="DAYS", help="List keys whose value is older than DAYS days."
)
@declare.option("--gone", is_flag=True, help="List allowed or logged projects that no longer exist.")
@declare.option("--json", "as_json", is_flag=True, help="As JSON, one object per line.")
def command(
    key: str | None,
    event: str | None,
    agent: str | None,
    folder: str | None,
    days: int | None,
    follow: bool,
    verify: bool,
    unused: int | None,
    older: int | None,
    gone: bool,
    as_json: bool,
) -> None:
    """Show who used which key, and when. The newest line is the last. Times are in UTC."""
    every = {"key": key, "event": event, "agent": agent, "folder": folder, "days": days, "follow": follow}
    every |= {"verify": verify, "unused": unused, "older": older, "gone": gone}
    given = {name for name, value in every.items() if value}
    for name in [name for name in _ALONE if name in given]:
        fits = {"unused": {"key"}, "older": {"key"}, "gone": {"folder"}, "follow": given - set(_ALONE)}.get(name, set())
        if other := sorted(given - fits - {name}):
            option = "project" if other[0] == "folder" else other[0]
            raise LkrError(f"--{name} and --{option} cannot be used together", "choose one", USAGE)
    if key:
        common.checked_key(key)
    below = paths.real(folder) if folder else ""
    if verify:
        _verify(as_json)
    elif unused or older:
        _keys(key, unused, older, as_json)
    elif gone:
        _gone(below, as_json)
    else:
        _show(key, event, agent, below, _limit(days) if days else "", follow, as_json)


def _limit(days: int) -> str:
    return clock.stamp(time.time() - days * 86400)


def _show(
    key: str | None, event: str | None, agent: str | None, below: str, since: str, follow: bool, as_json: bool
) -> None:
    if follow:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is the normal end, so print nothing
    own = common.agent()  # an agent sees only what it did itself
    colored, shown = output.colors(sys.stdout), False
    as_table: list[Row] | None = [] if sys.stdout.isatty() and not (follow or as_json) else None
    for row in map(audit_log.row, audit_log.lines(follow)):
        if row["time"] < since or (key and key not in row["keys"].split()) or (event and row["event"] != event):
            continue
        if own and row["agent"] != own:
            continue
        if agent and row["agent"] != agent and not (agent == "any" and row["agent"]):
            continue
        if below and not folders.within(row["project"], below):
            continue
        shown = True
        if as_table is not None:
            as_table.append(row)
            continue
        declare.echo(json.dumps(row) if as_json else _line(row, colored))
    if as_table:
        declare.write(_table(as_table))
    if not shown and not as_json:
        declare.echo("lkr: the audit log has no matching lines", err=True)


def _table(rows: list[Row]) -> str:
    """The rows as columns for a terminal. There is a column for agents if one of them did something."""
    headings = ["WHEN", "EVENT", "KEYS", "PROJECT", "PROGRAM", "AGENT"]
    agents = any(row["agent"] for row in rows)
    cells, colors = [], []
    for row in rows:
        when = output.since(row["time"]) if clock.is_date(row["time"]) else row["time"]
        keys, program = row["keys"].split(), row["process"].partition(" ")[2]
        names = keys[0] + (f" +{len(keys) - 1}" if len(keys) > 1 else "") if keys else "-"
        line = (when, row["event"], names, "PROJECT", program, row["agent"])
        cells.append([show(cell or "-") for cell in line[: 5 + agents]])
        event = "red" if row["event"] == "refused" else "bold"
        colors.append(("dim", event, "", "", "dim", "yellow" if row["agent"] else "dim"))
    room = max(12, layout.columns_left(headings[: 5 + agents], cells)) + len("PROJECT")
    for row, shown in zip(rows, cells, strict=True):
        shown[3] = layout.short_path(row["project"], room) or "-"
    return output.table(headings[: 5 + agents], cells, colors)


def _names(row: Row) -> str:
    keys = row["keys"].split()
    return " ".join(keys[:_MOST]) + (f" and {len(keys) - _MOST} more" if len(keys) > _MOST else "") or "-"


def _line(row: Row, colored: bool) -> str:
    when, event = show(row["time"]), show(f"{row['event']:<7}")
    program = row["process"].partition(" ")[2]
    by = " ".join([program] * (program not in ("", "lkr")) + [f"by {row['agent']}"] * bool(row["agent"]))
    rest = show("  ".join(filter(None, (_names(row), tilde(row["project"]), by))))
    if colored:
        when = output.style(when, dim=True)
        event = output.style(event, fg="red") if row["event"] == "refused" else output.style(event, bold=True)
    return f"{when}  {event}  {rest}"


def _verify(as_json: bool) -> None:
    count, broken = audit_log.check()
    if as_json:
        declare.echo_json({"lines": count, "broken": broken}, indent=None)
    if broken:
        more = f", and {len(broken) - 1} more after it" if len(broken) > 1 else ""
        raise LkrError(f"the audit log is broken at {show(broken[0])}{more}", "the lines before it are intact")
    if not as_json:
        declare.echo(f"lkr: {count} lines, the chain is intact", err=True)


def _keys(key: str | None, unused: int | None, older: int | None, as_json: bool) -> None:
    """Keys not used for `unused` days, or with values older than `older` days; the longest ago first."""
    store = common.store().name
    if key and not index.read(store, key):
        raise LkrError(f"there is no key {key} in the index", "see lkr list")
    found = []
    for name in [key] if key else index.names(store):
        entry = index.read(store, name)
        if entry is None:
            continue
        stored, last = entry.rotated or entry.created, index.last_use(store, entry)
        since = max(last, stored) if unused else stored
        if since < _limit(unused or older or 0):
            found.append((since, name, stored, last, entry))
    found.sort(key=lambda each: each[:2])
    if found and sys.stdout.isatty() and not as_json:
        rows = [
            (name, output.since(stored), output.since(last) if last else "never") for _, name, stored, last, _ in found
        ]
        declare.echo(output.table(("NAME", "SET", "LAST USE"), rows, [("bold", "", "")] * len(rows)), nl=False)
        return
    width = max((len(name) for _, name, *_ in found), default=0)
    for _, name, stored, last, entry in found:
        row = {"name": name, "created": entry.created, "rotated": entry.rotated or None, "last_use": last or None}
        text = f"{name:<{width}}  stored {stored[:10]}  {'used ' + last[:10] if last else 'never used'}"
        declare.echo(json.dumps(row) if as_json else text)
    if not found and not as_json:
        declare.echo("lkr: no such keys", err=True)


def _gone(below: str, as_json: bool) -> None:
    """Projects whose folder or manifest no longer exists."""
    last: dict[str, str] = {}
    allowed = granted.by_project()
    had_manifest = set(allowed)
    for row in map(audit_log.row, audit_log.lines(False)):
        if row["event"] in OF_PROJECTS and row["project"]:
            last[row["project"]] = row["time"]
            if row["event"] not in ("exec", "agent"):  # these do not need a manifest
                had_manifest.add(row["project"])
    found = False
    rows: list[tuple[str, ...]] = []
    for folder in sorted({*last, *allowed}):
        missing = "folder" if _is_gone(folder) else "manifest"
        if missing == "manifest" and not (folder in had_manifest and _is_gone(os.path.join(folder, lookup.MANIFEST))):
            continue
        if below and not folders.within(folder, below):
            continue
        found, keys, seen = True, [*map(key_shown, allowed.get(folder, []))], last.get(folder)
        if as_json:
            declare.echo_json({"project": folder, "missing": missing, "last_use": seen, "allowed": keys}, indent=None)
            continue
        if sys.stdout.isatty():
            used = output.since(seen) if seen else "not in the log"
            rows.append((show(tilde(folder)), f"the {missing}", used, show(" ".join(keys)) or "-"))
            continue
        text = f"{folder}  no {missing}  {'used ' + seen[:10] if seen else 'not in the log'}"
        declare.echo(show(text + (f"  still allowed {' '.join(keys)}" if keys else "")))
    if rows:
        colors = [("bold", "red", "", "yellow" if row[3] != "-" else "") for row in rows]
        declare.echo(output.table(("PROJECT", "MISSING", "LAST USE", "STILL ALLOWED"), rows, colors), nl=False)
    if not found and not as_json:
        declare.echo("lkr: every project still exists", err=True)


def _is_gone(path: str) -> bool:
    """False if that cannot be known, for example in a folder that we may not read."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
