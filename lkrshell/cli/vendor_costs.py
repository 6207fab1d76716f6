"""`lkr usage --vendor [PROVIDER]`: asks the vendors what they charged. Nothing else uses an admin key."""

from datetime import UTC, datetime, timedelta

from lkrshell.cli import common, declare
from lkrshell.core import names, text
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.state import index
from lkrshell.vendors import costs


def show(provider: str | None, days: int | None, as_json: bool) -> None:
    """Prints what each vendor, or `provider`, charged in the last `days` days or this month. LkrError if none
    answers."""
    if provider and provider not in costs.BASES:
        raise LkrError("only OpenAI and Anthropic say what they charged", f"use {' or '.join(costs.BASES)}", USAGE)
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
        vendor = names.provider_of(name)
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
                declare.echo(f"  {text.show(item):<40} {amount:>12.2f}")
    if as_json:
        declare.echo_json(reports)
    if problems and not reports:
        raise problems[0]
    common.tell_problems(problems)
