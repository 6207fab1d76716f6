"""What a scan found, and what a person is told about it: a mask and a fingerprint, never a value.

The fingerprint is an HMAC under a key that lives only as long as the process. It tells two values in a report apart,
and nobody can use it later to test guesses.
"""

import functools
import os
from dataclasses import dataclass

from lkrshell.core.secret import Secret

# How exposed a key is, worst first.
PUSHED, HISTORY, TRACKED, STAGED, PROCESS, UNTRACKED, FILE, STDIN, IGNORED = (
    "pushed", "history", "tracked", "staged", "process", "untracked", "file", "stdin", "ignored",
)  # fmt: skip
RANKS = (PUSHED, HISTORY, TRACKED, STAGED, PROCESS, UNTRACKED, FILE, STDIN, IGNORED)
_SAID = {
    PUSHED: "in git, on a remote",
    HISTORY: "in git's history",
    TRACKED: "in git",
    STAGED: "staged for git",
    PROCESS: "environment of a running process",
    UNTRACKED: "git would add it",
    FILE: "a file of yours",
    STDIN: "in the text that you passed",
    IGNORED: "ignored by git",
}


@dataclass
class Finding:
    """A key at a place. `kind`: "stored" (the value of the key `name`), "shape" (looks like a key of the provider
    `name`) or "engine" (found by the rule `name` of the engine). `file` is the path to open, empty when there is
    none."""

    kind: str
    name: str
    secret: Secret
    place: str
    line: int = 0
    form: str = ""
    named: str = ""  # the variable that it is assigned to
    state: str = FILE
    file: str = ""
    others_read: bool = False
    time: float = 0.0
    commit: str = ""

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.secret)

    @property
    def rank(self) -> tuple[int, bool]:
        """A lower number is worse."""
        return RANKS.index(self.state), not self.others_read

    def exposed(self) -> str:
        """Says how exposed the key is at this place."""
        parts = [_SAID[self.state]] + ["other users can read it"] * self.others_read
        return ", ".join(parts)

    def where(self) -> str:
        return f"{self.place}:{self.line}" if self.line else self.place


def fingerprint(secret: Secret) -> str:
    """Returns eight hexadecimal digits that are the same for the same value within this run, and different in each
    run."""
    import hashlib
    import hmac

    value = secret.reveal().encode("utf-8", "surrogateescape")
    return hmac.new(_salt(), value, hashlib.sha256).hexdigest()[:8]


@functools.cache
def _salt() -> bytes:
    return os.urandom(32)


def mask(secret: Secret) -> str:
    """Returns the beginning that all keys of the provider share, and at most a sixth of the value."""
    value = secret.reveal()
    head = value[: min(len(value) // 6, 8)]
    return f"{head}..." if head.isascii() and head.isprintable() else "..."


def groups(found: list[Finding]) -> list[list[Finding]]:
    """Returns the findings of each key together, worst key first, and worst place first within it."""
    by_value: dict[str, list[Finding]] = {}
    for each in found:
        by_value.setdefault(each.fingerprint, []).append(each)
    for each_group in by_value.values():
        each_group.sort(key=lambda each: (each.rank, each.place, each.line))
    return sorted(by_value.values(), key=lambda group: (group[0].rank, group[0].kind != "stored", group[0].name))


def advice(finding: Finding) -> str:
    """Says what to do about it."""
    if finding.state in (PUSHED, HISTORY):
        return "revoke it at the vendor; git keeps it even if you delete it now"
    stored = finding.kind == "stored"
    if finding.state == PROCESS:
        return "stop that process" if stored else "start it with: lkr exec -- COMMAND"
    if finding.state == TRACKED:
        return "revoke it at the vendor, then lkr scan --fix"
    if finding.state == STDIN:
        return "remove it where the text comes from"
    if finding.state == STAGED:
        return "take it out before you commit"
    return "lkr scan --fix"
