"""`lkr audit`: who used which key when; verifies the chain of the log."""

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click

from lkrshell import audit, files, index, records
from lkrshell.commands import common
from lkrshell.errors import LkrError
from lkrshell.files import show

Row = dict[str, str]


@click.command("audit")
@click.option("--key", "key", metavar="NAME", help="Uses of this key.")
@click.option("--event", help="This event: shell, exec, direnv, refused, get, gen, set, rm, allow, lock, ...")
@click.option("--agent", help="Uses by this agent; any: by whichever.")
@click.option("--days", type=click.IntRange(1), help="The last so many days.")
@click.option("--follow", is_flag=True, help="Go on with what comes.")
@click.option("--verify", is_flag=True, help="Check the chain; name the first line that is broken.")
@click.option("--unused", type=click.IntRange(1), metavar="DAYS", help="Keys that were not used for so many days.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, a line each.")
def command(
    key: str | None,
    event: str | None,
    agent: str | None,
    days: int | None,
    follow: bool,
    verify: bool,
    unused: int | None,
    as_json: bool,
) -> None:
    """Show the audit log, newest last."""  # fmt: skip
    if verify:
        count = check()
        click.echo(f"lkr: {count} lines, the chain is whole", err=True)
        return
    if unused:
        _unused(unused, as_json)
        return
    since = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ") if days else ""
    for row in _rows(follow):
        if row["time"] < since or (key and key not in row["keys"].split()) or (event and row["event"] != event):
            continue
        if agent and row["agent"] != agent and not (agent == "any" and row["agent"]):
            continue
        click.echo(json.dumps(row) if as_json else _line(row))


def check() -> int:
    """The number of lines. LkrError names the first that does not follow from the one before."""
    before, count = "", 0
    for path in audit.logs():
        for number, line in enumerate(_lines(path), 1):
            content, _, end = line.rpartition("\t")
            # The oldest log may follow one that is gone, so its first line is taken as it is.
            if (count or not path.endswith(f".{audit.KEPT}")) and end != audit.link(before, content):
                raise LkrError(f"the audit log is broken at {show(path)}:{number}", "what is before it is whole")
            before, count = end, count + 1
    return count


def _lines(path: str) -> list[str]:
    data = files.read_private(path) or b""
    return data.decode("utf-8", "surrogateescape").split("\n")[:-1]


def _rows(follow: bool) -> Iterator[Row]:
    for path in audit.logs():
        for line in _lines(path):
            yield _row(line)
    seen = len(_lines(audit.path())) if os.path.exists(audit.path()) else 0
    while follow:
        time.sleep(0.5)
        lines = _lines(audit.path()) if os.path.exists(audit.path()) else []
        for line in lines[seen if len(lines) >= seen else 0 :]:
            yield _row(line)
        seen = len(lines)


def _row(line: str) -> Row:
    try:
        values = [records.unescape(field) for field in line.split("\t")[:-1]]
    except ValueError:
        values = []
    return dict(zip(audit.FIELDS, values + [""] * len(audit.FIELDS), strict=False))


def _line(row: Row) -> str:
    by = f"  by {row['agent']}" if row["agent"] else ""
    return show(f"{row['time']}  {row['event']:<8}  {row['keys'] or '-'}  {row['project']}{by}")


def _unused(days: int, as_json: bool) -> None:
    store = common.store().name
    limit = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name in index.names(store):
        entry = index.read(store, name)
        if entry is None:
            continue
        last = index.last_use(store, entry)
        if (last or entry.rotated or entry.created) < limit:
            row = {"name": name, "created": entry.created, "last_use": last or None}
            click.echo(json.dumps(row) if as_json else f"{name}  {last[:10] or 'never used'}")
