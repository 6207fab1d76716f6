"""`lkr doctor`: how things are, what is wrong, and the command that mends it. Changes nothing without --fix."""

import json
import sys

from lkrshell import doctor
from lkrshell.cli import common, declare, output
from lkrshell.core.text import show

_COLOURS = {"wrong": "red", "warning": "yellow"}


@declare.command("doctor")
@declare.option("--fix", is_flag=True, help="Mend the index, stale grants and leftovers of killed writers.")
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(fix: bool, as_json: bool) -> int:
    """Say what is wrong and the command that mends it. Exit code 1 when something is; a warning is not."""
    found = list(doctor.run(fix))
    count = sum(each.level == "wrong" and not each.mended for _, each in found)
    if as_json:
        rows = [
            {"check": name, "level": each.level, "text": each.text, "mend": each.mend, "mended": bool(each.mended)}
            for name, each in found
        ]
        declare.echo(json.dumps(rows, indent=2))
        return 1 if count else 0
    before = ""
    for name, each in found:
        if each.level == "fact":
            declare.echo(
                f"{'' if name == before else name:<11}{show(each.text)}{f' ({each.mend})' if each.mend else ''}"
            )
            before = name
    for level, colour in reversed(_COLOURS.items()):  # the worst last, where it is seen
        for _, each in found:
            if each.level == level:
                head = output.style(level, fg=colour) if common.colours(sys.stdout) else level
                declare.echo(f"{head}: {show(each.text)}\n    {'mended' if each.mended else f'mend it: {each.mend}'}")
    declare.echo(f"lkr: {count} wrong" if count else "lkr: nothing is wrong")
    return 1 if count else 0
