"""Gathers what `lkr report` shows: keys, their use, refusals, the log's chain, findings, spending. Keeps no value."""

import os
import time
from collections import Counter
from dataclasses import dataclass, field

from lkrshell import doctor
from lkrshell.cli import audit_log, common
from lkrshell.core import clock, names
from lkrshell.core.binding import shown
from lkrshell.core.errors import LkrError
from lkrshell.project import granted
from lkrshell.scan import files, findings, places, stored, text
from lkrshell.scan.marks import Ignored
from lkrshell.state import index
from lkrshell.state.paths import tilde
from lkrshell.vendors import providers

EVERYWHERE = "may be used in every project"
_USES = ("exec", "shell", "direnv", "agent", "token", "gen", "get")
_WEEKS = 13
_NAMED = 10  # places that were not searched
_WEEK = 7 * 86400


@dataclass(frozen=True)
class Limits:
    """In days: how old a value may be, and how long a key may stay unused."""

    age: int
    unused: int


@dataclass
class Key:
    """A row of the page. Times are seconds since the epoch; 0 for never, or if only the key's source knows."""

    name: str
    stored_as: str  # the same, or for a sealed key the name of its copy
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
    # what it is, the beginning of the value if the key is not stored, place, how exposed
    scan: list[tuple[str, str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # each with its reason behind a colon
    spent: list[tuple[str, int, float]] = field(default_factory=list)  # key, requests, US dollars


def keys(store: str, limits: Limits) -> list[Key]:
    """Returns every key with its dates, its policy and its problems; worst first. Keys of a team and sealed keys are
    those that this machine has or had a copy of."""
    projects, now, found = granted.by_key(), time.time(), []
    for name in [*index.names(store), *index.copies(store)]:
        entry = index.read(store, name)
        if entry is None:
            continue
        set_here = clock.seconds(entry.rotated or entry.created)
        since = set_here if names.is_own(name) else 0.0
        last = index.last_use(store, entry)
        used = clock.seconds(last) if last else 0.0
        policy = [f"agents: {entry.agents}"] + [f"only {tilde(each)}" for each in entry.only]
        policy += ["by the broker"] * (entry.via == "broker") + ["asks first"] * entry.confirm
        problems = []
        if since and now - since > limits.age * 86400:
            problems.append(f"older than {limits.age} days")
        if now - max(used, set_here) > limits.unused * 86400:
            problems.append(f"not used for {limits.unused} days" if used else "never used")
        if not entry.only and entry.kind != "admin" and not names.is_sealed(name):
            problems.append(EVERYWHERE)
        found.append(Key(shown(name), name, entry.kind, since, used, projects.get(name, []), policy, problems))
    return sorted(found, key=lambda each: (-len(each.problems), each.since))


def gather(found: list[Key], limits: Limits, anonymous: bool) -> Report:
    """Returns the report. With `anonymous`, it contains no name that somebody chose."""
    report = Report(found, limits)
    _read_log(report)
    report.doctor = [(each.level, each.text) for _, each in doctor.run(False) if each.level != "fact"]
    _search(report)
    _sum_up(report)
    if anonymous:
        hide(report)
    return report


def _read_log(report: Report) -> None:
    first = time.time() // _WEEK * _WEEK - (_WEEKS - 1) * _WEEK
    uses, refusals = Counter[int](), Counter[int]()
    agents: dict[str, set[str]] = {}
    for row in map(audit_log.row, audit_log.lines(False)):
        if not clock.is_date(row["time"]):
            continue
        used = row["keys"].split()
        if row["agent"]:
            for name in used:  # the log has a sealed key's name in its project
                copy = names.sealed_in(row["project"], name) if names.is_sealed(name) else name
                agents.setdefault(copy, set()).add(row["agent"])
        week = int((clock.seconds(row["time"]) - first) // _WEEK)
        if row["event"] == "refused":
            refusals[week] += 1
            report.refusals.append((row["time"], " ".join(used), row["project"], row["agent"]))
        elif row["event"] in _USES:
            uses[week] += 1
    for key in report.keys:
        key.agents = sorted(agents.get(key.stored_as, ()))
    days = [clock.stamp(first + week * _WEEK)[:10] for week in range(_WEEKS)]
    report.weeks = [(day, uses[week], refusals[week]) for week, day in enumerate(days)]
    report.refusals = report.refusals[:-21:-1]
    report.lines, broken = audit_log.check()
    report.broken = len(broken)


def _search(report: Report) -> None:
    values, problem = stored.values_if_open()
    report.notes += [problem] * bool(problem)
    home, tally = os.path.expanduser("~"), files.Tally()
    what = text.Search(values)
    found = list(files.search(places.home(tally), what, tally, Ignored(home)))
    for paths, said in (
        (tally.unreadable, "could not be read"),
        (tally.cut, f"searched only in the first {files.MOST >> 20} MiB"),
        (tally.compressed, "compressed, and not unpacked"),
        (tally.passed_over, "not searched, because others wrote what is in it"),
    ):
        listed = [what.hidden(tilde(os.path.abspath(each))) for each in paths]
        more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
        report.notes += [
            f"{common.count(len(listed), 'place', 'places')} {said}: {', '.join(listed[:_NAMED])}{more}"
        ] * bool(listed)
    for group in findings.groups(found):
        for each in group[:5]:
            mask = "" if each.kind == "stored" else findings.mask(each.secret)
            place = what.hidden(tilde(each.file or os.path.abspath(each.place)))
            report.scan.append((each.name, mask, f"{place}:{each.line}" if each.line else place, each.exposed()))


def _sum_up(report: Report) -> None:
    from lkrshell.broker.ledger import Reader

    requests, cost = Counter[str](), Counter[str]()
    try:
        rows = list(Reader().rows(("key", "cost"), time.time() - _WEEKS * _WEEK, 0, None, ""))
    except LkrError as error:
        report.notes.append(f"what was spent is not known: {error}")
        return
    for key, micro in rows:
        requests[str(key)] += 1
        cost[str(key)] += int(micro or 0)
    report.spent = [(key, requests[key], cost[key] / 1e6) for key in sorted(requests, key=lambda each: -cost[each])]


def hide(report: Report) -> None:
    """Replaces names with numbers, and texts that could contain a name with their kind."""
    known: dict[str, dict[str, str]] = {"key": {}, "project": {}, "agent": {}}

    def number(kind: str, name: str) -> str:
        what = _vendor(name) if kind == "key" else kind
        return known[kind].setdefault(name, f"{what} {len(known[kind]) + 1}") if name else ""

    for key in report.keys:
        key.projects = [number("project", each) for each in key.projects]
        key.agents = [number("agent", each) for each in key.agents]
        policy = ["only some folders" if each.startswith("only ") else each for each in key.policy]
        key.policy = list(dict.fromkeys(policy))
        key.name = number("key", key.name)
    report.refusals = [
        (when, ", ".join(number("key", each) for each in keys.split()), number("project", where), number("agent", who))
        for when, keys, where, who in report.refusals
    ]
    counted = Counter(level for level, _ in report.doctor)
    report.doctor = [(level, common.count(many, "finding", "findings")) for level, many in counted.items()]
    report.scan = [
        (_vendor(name) if mask else number("key", name.partition(" ")[0]), "", "a file", how)
        for name, mask, _, how in report.scan
    ]
    report.notes = [each.partition(":")[0] for each in report.notes]
    report.spent = [(number("key", key), count, cost) for key, count, cost in report.spent]


def _vendor(key: str) -> str:
    """The provider of a key; "key" if the user made the name up, since that may be the name of a client."""
    provider = names.provider_of(key)
    return provider if provider in providers.builtin() else "key"
