"""`lkr doctor`: how things are, what is wrong, and the command that mends it. Changes nothing without --fix."""

import json
import sys
from typing import Any

import click

from lkrshell import doctor
from lkrshell.cli import common, rights
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show

_COLOURS = {"wrong": "red", "warning": "yellow"}


@click.command("doctor")
@click.option("--fix", is_flag=True, help="Mend the index, stale grants and leftovers of killed writers.")
@click.option("--agents", is_flag=True, help="Only print what coding agents may do.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(fix: bool, agents: bool, as_json: bool) -> int:
    """Say what is wrong and the command that mends it. Exit code 1 when something is; a warning is not."""
    if agents:
        if fix:
            raise LkrError("--fix and --agents do not go together", "choose one", USAGE)
        _tell_rights(rights.table(click.get_current_context()), as_json)
        return 0
    found = list(doctor.run(fix))
    count = sum(each.level == "wrong" and not each.mended for _, each in found)
    if as_json:
        rows = [
            {"check": name, "level": each.level, "text": each.text, "mend": each.mend, "mended": bool(each.mended)}
            for name, each in found
        ]
        click.echo(json.dumps(rows, indent=2))
        return 1 if count else 0
    before = ""
    for name, each in found:
        if each.level == "fact":
            click.echo(f"{'' if name == before else name:<11}{show(each.text)}{f' ({each.mend})' if each.mend else ''}")
            before = name
    for level, colour in reversed(_COLOURS.items()):  # the worst last, where it is seen
        for _, each in found:
            if each.level == level:
                head = click.style(level, fg=colour) if common.colours(sys.stdout) else level
                click.echo(f"{head}: {show(each.text)}\n    {'mended' if each.mended else f'mend it: {each.mend}'}")
    click.echo(f"lkr: {count} wrong" if count else "lkr: nothing is wrong")
    return 1 if count else 0


def _tell_rights(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        if row["allowed"]:
            options = " ".join(row["options"])
            click.echo(f"{row['command']:<10} {row['gets']}{f'  ({options})' if options else ''}")
    refused = ", ".join(row["command"] for row in rows if not row["allowed"])
    click.echo(f"refused    {refused}, every option that is not named above, and every command to come")
