"""`lkr report`: writes one page for a security review, or checks the same for CI. Names keys and projects, but shows no
value."""

import os
import re
import time

from lkrshell.cli import common, declare, report_page, reporting
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.state import files


@declare.command("report", examples=("lkr report -o report.html", "lkr report --check --max-age 90d --unused 60d"))
@declare.option(
    "-o", "--output", "output", metavar="FILE", help="Write the page to FILE, or with - to standard output."
)
@declare.option("--anonymous", is_flag=True, help="Replace the names of keys, projects and agents with numbers.")
@declare.option("--check", is_flag=True, help="Write no page. The exit code is 1 if a key is too old or unused.")
@declare.option(
    "--max-age", "max_age", metavar="AGE", default="90d", help="The oldest that a value may be, such as 90d."
)
@declare.option(
    "--unused", "unused", metavar="AGE", default="90d", help="The longest that a key may be unused, such as 90d."
)
@declare.option("--json", "as_json", is_flag=True, help="With --check: as JSON.")
def command(output: str | None, anonymous: bool, check: bool, max_age: str, unused: str, as_json: bool) -> int:
    """Write one page about all keys for a security review. With --check, check their age and last use, for CI."""
    if check == bool(output):
        raise LkrError("name a file, or use --check", "lkr report -o report.html, or lkr report --check", USAGE)
    if as_json and not check:
        raise LkrError("--json goes with --check", "the page is HTML", USAGE)
    limits = reporting.Limits(_days(max_age), _days(unused))
    keys = reporting.keys(common.store().name, limits)
    if check:
        return _check(reporting.Report(keys, limits), anonymous, as_json)
    page = report_page.html(reporting.gather(keys, limits, anonymous), time.time()).encode("utf-8", "replace")
    if output == "-":
        declare.write(page)
    else:
        _write(str(output), page)
    return 0


def _check(report: reporting.Report, anonymous: bool, as_json: bool) -> int:
    if anonymous:
        reporting.hide(report)
    found = [(key.name, each) for key in report.keys for each in key.problems if each != reporting.EVERYWHERE]
    if as_json:
        declare.echo_json([{"name": name, "problem": problem} for name, problem in found])
    for name, problem in [] if as_json else found:
        declare.echo(show(f"{name}: {problem}"))
    problems, keys = common.count(len(found), "problem", "problems"), common.count(len(report.keys), "key", "keys")
    declare.echo(f"lkr: {problems}, {keys}", err=True)
    return 1 if found else 0


def _write(output: str, page: bytes) -> None:
    path = os.path.abspath(output)
    if os.path.lexists(path) and not _is_report(path):
        raise LkrError(f"{show(output)} already exists, and is not a report", "name another file")
    try:
        files.replace_file(path, page, 0o600)
    except OSError as error:
        raise LkrError(f"cannot write {show(path)}: {error.strerror}", "name another file") from None
    declare.echo(f"lkr: wrote {show(output)}", err=True)


def _is_report(path: str) -> bool:
    """True for a file that an earlier `lkr report` wrote, which the next one may replace."""
    try:
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            return file.read(len(report_page.HEAD)) == report_page.HEAD.encode()
    except OSError:
        return False


def _days(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,4}d?", text):
        raise LkrError("an age is a number of days", "write it like 90d", USAGE)
    return int(text.removesuffix("d"))
