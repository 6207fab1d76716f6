"""Gathers what `lkr report` shows: keys, their use, refusals, the log's chain, findings, spending. Keeps no value."""

import os
import time
from collections import Counter
from dataclasses import dataclass, field

from lkrshell import doctor
from lkrshell.cli import audit_log
from lkrshell.core import clock
from lkrshell.core.errors import LkrError
from lkrshell.core.text import tilde
from lkrshell.project import references
from lkrshell.scan import files, findings, places, stored, text
from lkrshell.scan.marks import Ignored
from lkrshell.state import index

EVERYWHERE = "may be used in every project"
_USES = ("exec", "shell", "direnv", "agent", "token", "gen", "get")
_WEEKS = 13
_WEEK = 7 * 86400


@dataclass(frozen=True)
class Limits:
    """In days: how old a value may be, and how long a key may stay unused."""

    age: int
    unused: int


@dataclass
class Key:
    """A row of the page. Times are seconds since the epoch, 0 for never."""

    name: str
    kind: str
    since: float
    used: float
    projects: list[str]
    policy: list[str]
    problems: list[str]
    agents: list[str] = field(default_factory=list)


@dataclass
class Report:
    """Everything that the page shows."""

    keys: list[Key]
    limits: Limits
    weeks: list[tuple[str, int, int]] = field(default_factory=list)  # the week's first day, uses, refusals
    refusals: list[tuple[str, str, str, str]] = field(default_factory=list)  # time, keys, project, agent
    lines: int = 0
    broken: int = 0
    doctor: list[tuple[str, str]] = field(default_factory=list)  # level, text
    scan: list[tuple[str, str, str]] = field(default_factory=list)  # key, place, how exposed
    notes: list[str] = field(default_factory=list)
    spent: list[tuple[str, int, float]] = field(default_factory=list)  # key, requests, US dollars


def keys(store: str, limits: Limits) -> list[Key]:
    """Returns every key with its dates, its policy and its problems; worst first."""
    projects, now, found = references.by_key(), time.time(), []
    for name in index.names(store):
        entry = index.read(store, name)
        if entry is None:
            continue
        since = clock.seconds(entry.rotated or entry.created)
        last = index.last_use(store, entry)
        used = clock.seconds(last) if last else 0.0
        policy = [f"agents: {entry.agents}"] + [f"only {tilde(each, os.path.expanduser('~'))}" for each in entry.only]
        policy += ["by the broker"] * (entry.via == "broker") + ["asks first"] * entry.confirm
        problems = []
        if now - since > limits.age * 86400:
            problems.append(f"older than {limits.age} days")
        if now - max(used, since) > limits.unused * 86400:
            problems.append(f"not used for {limits.unused} days" if used else "never used")
        if not entry.only and entry.kind != "admin":
            problems.append(EVERYWHERE)
        found.append(Key(name, entry.kind, since, used, projects.get(name, []), policy, problems))
    return sorted(found, key=lambda each: (-len(each.problems), each.since))


def gather(found: list[Key], limits: Limits, anonymous: bool) -> Report:
    """Returns the report. With `anonymous`, it contains no label, project, file or agent."""
    report = Report(found, limits)
    _read_log(report)
    for level, said in ((each.level, each.text) for _, each in doctor.run(False) if each.level != "fact"):
        report.doctor.append((level, said))
    _search(report)
    _sum_up(report)
    if anonymous:
        _hide(report)
    return report


def _read_log(report: Report) -> None:
    first = time.time() // _WEEK * _WEEK - (_WEEKS - 1) * _WEEK
    uses, refusals = Counter[int](), Counter[int]()
    agents: dict[str, set[str]] = {}
    for row in map(audit_log.row, audit_log.lines(False)):
        if not clock.is_date(row["time"]):
            continue
        names = row["keys"].split()
        if row["agent"]:
            for name in names:
                agents.setdefault(name, set()).add(row["agent"])
        week = int((clock.seconds(row["time"]) - first) // _WEEK)
        if row["event"] == "refused":
            refusals[week] += 1
            report.refusals.append((row["time"], " ".join(names), row["project"], row["agent"]))
        elif row["event"] in _USES:
            uses[week] += 1
    for key in report.keys:
        key.agents = sorted(agents.get(key.name, ()))
    days = [clock.stamp(first + week * _WEEK)[:10] for week in range(_WEEKS)]
    report.weeks = [(day, uses[week], refusals[week]) for week, day in enumerate(days)]
    report.refusals = report.refusals[:-21:-1]
    report.lines, broken = audit_log.check()
    report.broken = len(broken)


def _search(report: Report) -> None:
    values, problem = stored.values_if_open()
    report.notes += [problem] * bool(problem)
    home, tally = os.path.expanduser("~"), files.Tally()
    found = list(files.search(places.home(tally), text.Search(values), tally, Ignored(home)))
    for group in findings.groups(found):
        for each in group[:5]:
            name = each.name if each.kind == "stored" else f"{each.name} ({findings.mask(each.secret)})"
            report.scan.append((name, tilde(each.file, home), each.exposed()))


def _sum_up(report: Report) -> None:
    from lkrshell.broker.ledger import Reader

    requests, cost = Counter[str](), Counter[str]()
    try:
        rows = list(Reader().rows(("key", "cost"), time.time() - _WEEKS * _WEEK, 0, None, ""))
    except LkrError as error:
        report.notes.append(str(error))
        return
    for key, micro in rows:
        requests[str(key)] += 1
        cost[str(key)] += int(micro or 0)
    report.spent = [(key, requests[key], cost[key] / 1e6) for key in sorted(requests, key=lambda each: -cost[each])]


def _hide(report: Report) -> None:
    """Replaces names by numbers, and reduces texts that could contain a name to their kind."""
    known: dict[str, dict[str, str]] = {"key": {}, "project": {}, "agent": {}}

    def number(kind: str, name: str) -> str:
        head = name.partition(":")[0] if kind == "key" else kind
        return known[kind].setdefault(name, f"{head} {len(known[kind]) + 1}") if name else ""

    for key in report.keys:
        key.projects = [number("project", each) for each in key.projects]
        key.agents = [number("agent", each) for each in key.agents]
        key.policy = ["only some folders" if each.startswith("only ") else each for each in key.policy]
        key.name = number("key", key.name)
    report.refusals = [
        (when, ", ".join(number("key", each) for each in names.split()), number("project", where), number("agent", who))
        for when, names, where, who in report.refusals
    ]
    counted = Counter(level for level, _ in report.doctor)
    report.doctor = [(level, f"{count} findings") for level, count in counted.items()]
    report.scan = [
        (number("key", name) if ":" in name else name.partition(" ")[0], "a file", how) for name, _, how in report.scan
    ]
    report.spent = [(number("key", key), count, cost) for key, count, cost in report.spent]
