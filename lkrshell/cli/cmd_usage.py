"""`lkr usage [PROVIDER]`: what the vendors charged, asked with the admin keys. The one use of an admin key."""

from datetime import UTC, datetime, timedelta

from lkrshell.cli import common, declare
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.state import index
from lkrshell.vendors import costs


@declare.command("usage", examples=("lkr usage", "lkr usage openai --days 7"))
@declare.argument("provider", required=False, metavar="[openai | anthropic]")
@declare.option("--days", type=declare.IntRange(1, 366), help="The last DAYS days; default: this month.")
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(provider: str | None, days: int | None, as_json: bool) -> None:
    """Show what a vendor charged your organization. Needs the admin key openai:admin or anthropic:admin."""
    if provider and provider not in costs.BASES:
        raise LkrError("lkr can read costs only from OpenAI and Anthropic", f"use {' or '.join(costs.BASES)}", USAGE)
    store = common.store()
    asked = [f"{each}:admin" for each in ([provider] if provider else costs.BASES)]
    keys = {name: secret for name, secret in store.get(asked).items() if secret.kind == "admin"}
    if not keys:
        raise LkrError("no admin key is stored", f"lkr set {asked[0]} --kind admin")
    end = datetime.now(UTC).date() + timedelta(days=1)
    start = end - timedelta(days=days) if days else (end - timedelta(days=1)).replace(day=1)
    reports: list[dict[str, object]] = []
    problems: list[LkrError] = []
    for name, secret in keys.items():
        vendor = name.partition(":")[0]
        common.log("usage", name)
        try:
            items = costs.costs(vendor, secret, start, end)
        except LkrError as problem:
            problems.append(problem)
            continue
        index.touch(store.name, name)
        last, total = str(end - timedelta(days=1)), round(float(sum(items.values())), 4)
        ordered = [(item, round(float(items[item]), 4)) for item in sorted(items, key=items.__getitem__, reverse=True)]
        rows = [{"item": item, "amount": amount} for item, amount in ordered]
        report = {"provider": vendor, "key": name, "from": str(start), "to": last, "currency": "USD"}
        reports.append({**report, "total": total, "items": rows})
        if not as_json:
            declare.echo(f"{vendor}, {start} to {last}")
            for item, amount in [*ordered, ("total, USD", total)]:
                declare.echo(f"  {show(item):<40} {amount:>12.2f}")
    if as_json:
        import json

        declare.echo(json.dumps(reports, indent=2))
    if problems and not reports:
        raise problems[0]
    for each in problems:
        declare.echo(f"lkr: {show(str(each))}", err=True)
