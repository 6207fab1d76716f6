"""Shows what `lkr scan` found: a table grouped by key, plain lines in a pipe, or JSON. Never a value."""

import os
import sys
import time
import urllib.parse
from typing import Any

import lkrshell
from lkrshell.cli import common, declare, layout, output
from lkrshell.core import clock, names
from lkrshell.core.text import show
from lkrshell.scan import findings
from lkrshell.scan.files import Tally
from lkrshell.scan.findings import Finding
from lkrshell.state.paths import tilde

_RULES = {
    "stored": ("stored-key", "A key that lkr stores is in plain text"),
    "shape": ("key-shape", "Something looks like the key of an LLM provider"),
    "engine": ("other-secret", "Another kind of secret, found by betterleaks"),
}
_WHAT = {"stored": "the stored key {}", "shape": "what looks like a key ({})", "engine": "another secret ({})"}
_MOST = 12  # places of one key to show on a terminal


class Progress:
    """Shows on stderr, if that is a terminal, how many files were read, once reading takes more than a second."""

    def __init__(self) -> None:
        self._start, self._told = time.monotonic(), 0.0

    def __call__(self, count: int) -> None:
        now = time.monotonic()
        if now - self._start > 1 and now - self._told > 0.1 and sys.stderr.isatty():
            self._told = now
            declare.echo(f"\r\033[Klkr: {count:,} read", err=True, nl=False)

    def end(self) -> None:
        """Removes the line."""
        if self._told:
            declare.echo("\r\033[K", err=True, nl=False)


def label(each: Finding) -> str:
    """Returns what a finding is: a stored key's name, or what it looks like."""
    if each.kind == "stored":
        return each.name
    return f"{each.name} {findings.mask(each.secret)} {each.fingerprint}"


def row(each: Finding) -> dict[str, Any]:
    """Returns a finding for programs."""
    return {
        "key": each.name if each.kind == "stored" else None,
        "kind": each.kind,
        "provider": names.provider_of(each.name) if each.kind != "engine" else None,
        "rule": each.name if each.kind == "engine" else None,
        "masked": findings.mask(each.secret),
        "fingerprint": each.fingerprint,
        "path": each.place,
        "line": each.line or None,
        "commit": each.commit or None,
        "encoding": each.form or None,
        "variable": each.named or None,
        "state": each.state,
        "readable_by_others": each.others_read,
        "modified": clock.stamp(each.time) if each.time else None,
        "advice": findings.advice(each),
    }


def tell_sarif(found: list[Finding], notes: list[str]) -> None:
    """Prints the findings as SARIF 2.1.0, without fingerprints, which mean nothing in the next run."""
    results = []
    for each in (each for group in findings.groups(found) for each in group):
        what = _WHAT[each.kind].format(label(each))
        where: dict[str, Any] = {"artifactLocation": {"uri": urllib.parse.quote(os.fsencode(each.place))}}
        if each.line:
            where["region"] = {"startLine": each.line}
        message = f"Found {what}: {each.exposed()}. What to do: {findings.advice(each)}."
        results.append(
            {
                "ruleId": _RULES[each.kind][0],
                "level": "error" if each.kind == "stored" or each.rank[0] < 3 else "warning",
                "message": {"text": message},
                "locations": [{"physicalLocation": where}],
                "properties": {"state": each.state, "commit": each.commit},
            }
        )
    rules = [{"id": name, "shortDescription": {"text": about}} for name, about in _RULES.values()]
    driver = {"name": "lkr", "version": lkrshell.__version__, "rules": rules}
    told = [{"level": "note", "message": {"text": note}} for note in notes]
    run = {
        "tool": {"driver": driver},
        "results": results,
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": told}],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    declare.echo_json({"$schema": schema, "version": "2.1.0", "runs": [run]})


def tell_json(found: list[Finding], files: int, size: int, notes: list[str]) -> None:
    rows = [row(each) for group in findings.groups(found) for each in group]
    declare.echo_json({"findings": rows, "files": files, "bytes": size, "notes": notes})


def tell(found: list[Finding]) -> None:
    """Prints the findings for a person, worst key first. Without a terminal, one on each line."""
    for group in findings.groups(found):
        if not sys.stdout.isatty():
            for each in group:
                form = f" ({each.form})" if each.form else ""
                text = f"{tilde(each.where())}  {label(each)}{form}  {each.exposed()}  {findings.advice(each)}"
                declare.echo(show(text))
            continue
        stored = "stored" if group[0].kind == "stored" else "not stored"
        declare.echo(f"{layout.heading(show(label(group[0])))}  {stored}")
        rows, colors = [], []
        for each in group[:_MOST]:
            age = output.ago(time.time() - each.time) if each.time else "-"
            form = f" ({each.form})" if each.form else ""
            rows.append((f"  {show(tilde(each.where()))}{form}", each.exposed(), age))
            bad = each.state in (findings.PUSHED, findings.HISTORY, findings.TRACKED) or each.others_read
            colors.append(("", "red" if bad else "yellow", "dim"))
        text = output.table(("  PLACE", "EXPOSED", "AGE"), rows, colors)
        declare.echo(text, nl=False)
        if len(group) > _MOST:
            declare.echo(f"  and {len(group) - _MOST} more places")
        for advice in dict.fromkeys(findings.advice(each) for each in group[:_MOST]):
            declare.echo(f"  → {layout.wrapped(advice, 4, sys.stdout, 4)}")
        declare.echo()


def summary(found: list[Finding], tally: Tally) -> str:
    read = common.count(tally.files, "file", "files") if tally.files else "nothing"
    read = f"{'standard input' if tally.stdin else read} read"
    if not found:
        return f"no keys found; {read}"
    keys = common.count(len(findings.groups(found)), "key", "keys")
    return f"{keys} in plain text at {common.count(len(found), 'place', 'places')}; {read}"
