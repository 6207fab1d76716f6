"""`lkr usage`: what went through the broker and what it cost, from the ledger. With `--vendor`, asks the vendors
instead."""

import re
import sys
import time

from lkrshell.cli import common, declare, output
from lkrshell.core import limits
from lkrshell.core.binding import shown
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.project import lookup
from lkrshell.state import paths
from lkrshell.state.paths import tilde

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_BY = ("project", "key", "agent", "model", "day")
_COUNTS = ("requests", "broken", "unpriced", "input", "output", "cache_read", "cache_write", "cost")
_COLUMNS = (
    "id", "time", "project", "key", "agent", "model", "complete", "input", "output", "cache_read", "cache_write",
    "cost", "status", "duration",
)  # fmt: skip
_SHOWN = 10  # lines of each table on a terminal
_BAR = 20  # columns
_EVERY = 0.5  # seconds between two checks of the ledger


@declare.command("usage", examples=("lkr usage --since 7d --by project", "lkr usage --vendor openai --days 7"))
@declare.argument("provider", required=False, metavar="[PROVIDER]")
@declare.option("--by", multiple=True, type=declare.Choice(_BY), help="Show only this table. May be repeated.")
@declare.option(
    "--since", metavar="TIME", help="Start at a date (2026-11-01) or a time ago (7d, 12h). Default: this month."
)
@declare.option("--follow", is_flag=True, help="Show each request as it ends, until Ctrl-C.")
@declare.option("--csv", "as_csv", is_flag=True, help="As CSV.")
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
@declare.option("--vendor", is_flag=True, help="Ask OpenAI and Anthropic what they charged, with their admin keys.")
@declare.option("--days", type=declare.IntRange(1, 366), metavar="DAYS", help="Cover the last DAYS days.")
def command(
    provider: str | None,
    by: tuple[str, ...],
    since: str | None,
    follow: bool,
    as_csv: bool,
    as_json: bool,
    vendor: bool,
    days: int | None,
) -> None:
    """Show what the broker's requests used and cost. There is a table by project, key, agent, model and day. A coding
    agent sees only the project of its folder."""
    if as_csv and as_json:
        raise LkrError("--csv and --json cannot be used together", "choose one", USAGE)
    if since and days:
        raise LkrError("--since and --days cannot be used together", "choose one", USAGE)
    if vendor:
        if by or since or follow or as_csv:
            raise LkrError("--vendor works only with --days and --json", "leave the others out", USAGE)
        from lkrshell.cli import vendor_costs

        vendor_costs.show(provider, days, as_json)
        return
    from lkrshell.broker.ledger import Reader

    start = _start(since or (f"{days}d" if days else ""))
    project = _own_project() if common.agent() else None
    if follow:
        _follow(provider or "", project, as_json, as_csv)
        return
    rows = [dict(zip(_COLUMNS, row, strict=True)) for row in Reader().rows(_COLUMNS, start, 0, project, provider or "")]
    for row in rows:
        row["day"], row["key"] = _day(row["time"]), shown(row["key"])
    if as_json or as_csv:
        _print_all(rows, by or ("day", *_BY[:4]), as_json)
        return
    if not rows:
        declare.echo(f"lkr: no requests through the broker since {_day(start * 1000)}", err=True)
        return
    _tell(rows, by, start)


def _start(text: str) -> float:
    """A time in seconds since the epoch; LkrError if the text is not a time. Days begin at midnight, local time."""
    if not text:
        return time.mktime((*time.localtime()[:2], 1, 0, 0, 0, 0, 0, -1))
    if found := re.fullmatch(r"([1-9][0-9]{0,4})([dh])", text):
        if found[2] == "h":
            return time.time() - int(found[1]) * 3600
        year, month, day = time.localtime()[:3]
        return time.mktime((year, month, day - int(found[1]) + 1, 0, 0, 0, 0, 0, -1))
    try:
        return time.mktime(time.strptime(text, "%Y-%m-%d"))
    except (ValueError, OverflowError):
        raise LkrError("that is not a time", "write --since 2026-11-01, 7d or 12h", USAGE) from None


def _day(milliseconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(milliseconds / 1000))


def _own_project() -> str:
    """The project that a coding agent is in. ManifestError if it is in none."""
    return paths.real(lookup.require(lookup.current_folder()))


def _grouped(rows: "list[dict[str, Any]]", by: tuple[str, ...]) -> "list[dict[str, Any]]":
    """Sums up the rows that have the same values in `by`."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        name = tuple(row[each] for each in by)
        sums = found.setdefault(name, {**dict(zip(by, name, strict=True)), **dict.fromkeys(_COUNTS, 0)})
        sums["requests"] += 1
        sums["broken"] += not row["complete"]
        sums["unpriced"] += row["cost"] is None
        for count in _COUNTS[3:]:
            sums[count] += row[count] or 0
    return list(found.values())


def _print_all(rows: "list[dict[str, Any]]", by: tuple[str, ...], as_json: bool) -> None:
    """Prints a line or an object for each group. `cost` is the exact amount in US dollars, as text."""
    groups = _grouped(rows, by)
    for each in groups:
        each["cost"] = limits.dollars(each["cost"])
    if as_json:
        declare.echo_json(groups)
        return
    import csv
    import io

    text = io.StringIO()
    writer = csv.DictWriter(text, [*by, *_COUNTS], lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in each.items()} for each in groups)
    declare.write(text.getvalue())


def _cell(value: object) -> object:
    """The text in a form that a spreadsheet does not read as a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def _tell(rows: "list[dict[str, Any]]", by: tuple[str, ...], start: float) -> None:
    """Prints tables for a person: the most expensive rows first, but days in order."""
    (total,) = _grouped(rows, ())
    requests = common.count(total["requests"], "request", "requests")
    declare.echo(
        f"since {_day(start * 1000)}: {_money(total['cost'])}, {requests}, "
        f"{_tokens(total['input'])} tokens in ({_tokens(total['cache_read'])} from caches), "
        f"{_tokens(total['output'])} out"
    )
    if total["broken"]:
        declare.echo(f"{total['broken']} broke off; those that the vendor may charge count as the most they could cost")
    if total["unpriced"]:
        declare.echo(f"{total['unpriced']} have no known price, and count as $0; to set one: [prices] in config.toml")
    for name in by or _BY:
        groups = _grouped(rows, (name,))
        if name == "day":
            groups.sort(key=lambda each: str(each["day"]))
            shown = groups[-31:]
        else:
            groups.sort(key=lambda each: (-each["cost"], -each["input"] - each["output"], str(each[name])))
            shown = groups[:_SHOWN] if sys.stdout.isatty() else groups
        if not by and len(groups) == 1 and not groups[0][name]:
            continue  # no agents
        most = max(each["cost"] for each in groups) or 1
        cells = [_line(name, each, most) for each in shown]
        headings = (name.upper(), "COST", "REQUESTS", "IN", "OUT", "")
        declare.echo()
        declare.echo(output.table(headings, cells, [("bold", "", "dim", "dim", "dim", "cyan")] * len(cells)), nl=False)
        if len(shown) < len(groups):
            declare.echo(f"and {len(groups) - len(shown)} more")


def _line(name: str, each: "dict[str, Any]", most: int) -> tuple[str, ...]:
    text = str(each[name]) or "-"
    if name == "project":
        text = tilde(text)
    bar = "█" * -(-each["cost"] * _BAR // most) if sys.stdout.isatty() else ""
    counts = str(each["requests"]), _tokens(each["input"]), _tokens(each["output"])
    return show(text), _money(each["cost"]), *counts, bar


def _follow(vendor: str, project: str | None, as_json: bool, as_csv: bool) -> None:
    """Prints a line for each request that ends from now on."""
    if as_csv:
        raise LkrError("--follow goes with --json, not with --csv", "leave one out", USAGE)
    from lkrshell.broker.ledger import Reader

    seen = {row[0] for row in Reader().rows(("id",), time.time() - 86400)}
    reader: Reader | None = None
    try:
        while True:
            reader = reader if reader and reader.there else Reader()
            for values in reader.rows(_COLUMNS, time.time() - 86400, 0, project, vendor):
                row = dict(zip(_COLUMNS, values, strict=True))
                if row["id"] not in seen:
                    seen.add(row["id"])
                    row["key"] = shown(row["key"])
                    _follow_line(row, as_json)
            time.sleep(_EVERY)
    except KeyboardInterrupt:
        return


def _follow_line(row: "dict[str, Any]", as_json: bool) -> None:
    if as_json:
        cost = None if row["cost"] is None else limits.dollars(row["cost"])
        declare.echo_json({**row, "cost": cost}, indent=None)
        return
    at = time.strftime("%H:%M:%S", time.localtime(row["time"] / 1000))
    cost = "no price" if row["cost"] is None else _money(row["cost"])
    whom = " ".join(each for each in (row["key"], row["model"], row["agent"]) if each)
    status = f"{row['status']}" if row["complete"] else f"{row['status']}, broke off"
    used = f"{_tokens(row['input'] or 0)} in, {_tokens(row['output'] or 0)} out"
    declare.echo(show(f"{at} {whom}: {cost}, {used} ({status}, {row['duration'] / 1000:.1f} s) {row['project']}"))


def _money(micro: int) -> str:
    """The amount to the cent, or with more digits if it is smaller."""
    if 0 < micro < 100:
        return "<$0.0001"
    if 0 < micro < 10_000:
        return f"$0.{(micro + 99) // 100:04d}"
    whole, cents = divmod((micro + 5_000) // 10_000, 100)
    return f"${whole}.{cents:02d}"


def _tokens(count: int) -> str:
    for size, unit in ((1_000_000, "M"), (1_000, "K")):
        if count >= size:
            return f"{count / size:.1f}{unit}"
    return str(count)
