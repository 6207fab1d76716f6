"""`lkr doctor`: diagnoses problems and shows how to fix them. Changes nothing without --fix."""

import sys
from typing import Any

from lkrshell import doctor
from lkrshell.cli import common, declare, layout, output, rights
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show

_COLORS = {"wrong": "red", "warning": "yellow"}
_HEADINGS = {"wrong": "Problems", "warning": "Warnings"}


@declare.command("doctor", examples=("lkr doctor", "lkr doctor --fix"))
@declare.option("--fix", is_flag=True, help="Repair the index, stale grants and leftover files.")
@declare.option("--agents", is_flag=True, help="Only print what coding agents may do.")
@declare.option("--report", is_flag=True, help="Print what a bug report needs, without names or values.")
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(fix: bool, agents: bool, report: bool, as_json: bool) -> int:
    """Diagnose problems and show how to fix them. The exit code is 1 if something is wrong. Warnings do not count."""
    if report:
        if fix or agents or as_json:
            raise LkrError("--report cannot be used with other options", "leave the others out", USAGE)
        from lkrshell.doctor.report import lines

        for line in lines():
            declare.echo(show(line))
        return 0
    if agents:
        if fix:
            raise LkrError("--fix and --agents cannot be used together", "choose one", USAGE)
        _tell_rights(rights.table(), as_json)
        return 0
    found = list(doctor.run(fix))
    count = sum(each.level == "wrong" and not each.fixed for _, each in found)
    if as_json:
        rows = [
            {"check": name, "level": each.level, "text": each.text, "fix": each.fix, "fixed": bool(each.fixed)}
            for name, each in found
        ]
        declare.echo_json(rows)
        return 1 if count else 0
    _tell(found)
    declare.echo(f"lkr: {common.count(count, 'problem', 'problems')}" if count else "lkr: nothing is wrong")
    return 1 if count else 0


def _tell(found: list[tuple[str, doctor.Finding]]) -> None:
    """Prints facts first, then warnings, and problems last, where people see them. Uses headings on a terminal."""
    terminal, colored = sys.stdout.isatty(), output.colors(sys.stdout)
    before = ""
    if terminal:
        declare.echo(layout.heading("Setup"))
    for name, each in found:
        if each.level == "fact":
            text = show(each.text) + (f" ({each.fix})" if each.fix else "")
            head = "" if name == before else name
            declare.echo(f"{head:<11}{layout.wrapped(text, 11, sys.stdout, 11)}")
            before = name
    for level, color in reversed(_COLORS.items()):
        these = [each for _, each in found if each.level == level]
        if terminal and these:
            declare.echo("\n" + layout.heading(f"{_HEADINGS[level]} ({len(these)})"))
        for each in these:
            head = output.style(level, fg=color) if colored else level
            text = layout.wrapped(show(each.text), len(level) + 2, sys.stdout, len(level) + 2)
            declare.echo(f"{head}: {text}\n    {'fixed' if each.fixed else f'fix: {each.fix}'}")
    if terminal:
        declare.echo()


def _tell_rights(rows: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        declare.echo_json(rows)
        return
    for row in rows:
        if row["allowed"]:
            options = " ".join(row["options"])
            declare.echo(f"{row['command']:<10} {row['gets']}{f'  ({options})' if options else ''}")
    refused = ", ".join(row["command"] for row in rows if not row["allowed"])
    declare.echo(f"refused    {refused}, every option not named above, and every future command")
