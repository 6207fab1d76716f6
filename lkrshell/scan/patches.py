"""Searches what each commit added, in the patches that `git log` prints.

A line is in one patch but in every later version of its file, so patches are much smaller than objects. git runs no
program of the repository for this, and lkr neither runs nor writes what it prints.
"""

import os
import re
from collections.abc import Iterator
from typing import IO

from lkrshell.scan import text
from lkrshell.scan.files import Tally
from lkrshell.scan.findings import HISTORY, Finding
from lkrshell.system import git

_BLOCK = 2 << 20  # bytes that are searched at once
_OVERLAP = 64 << 10  # bytes at the end of a block that are searched with the next one, too
_LONGEST = 16 << 20  # bytes of a line
# git marks added lines with a tab and unchanged ones with a space. Values may have both between their parts.
_WORDS = (
    "log", "-p", "--stdin", "--no-walk=unsorted", "--no-diff-merges", "--unified=3", "--inter-hunk-context=0",
    "--diff-algorithm=myers", "--no-indent-heuristic", "--no-renames", "--no-textconv", "--no-ext-diff", "--no-color",
    "--no-relative", "--no-show-signature", "--no-notes", "--submodule=short", "--full-index", "--no-prefix",
    "--output-indicator-new=\t", "--output-indicator-context= ", "--output-indicator-old=-", "--format=commit %H %ct",
)  # fmt: skip
_OBJECTS = re.compile(rb"^index ([0-9a-f]+)\.\.([0-9a-f]+)(?: [0-7]+)?\n(--- )?", re.M)
_REMOVED = re.compile(rb"(?:\n-[^\n]*)+")


def search(
    folder: str, commits: list[bytes], what: text.Search, tally: Tally, only: set[bytes] | None = None
) -> tuple[list[Finding], set[bytes]]:
    """Returns the findings in what these commits and those before them added, and the names of the objects that need no
    further search.

    `only`: the objects that have a finding, if that is known. Commits that made none of them are left out.
    """
    parts = git.shared(_wanted(folder, commits, only), lambda part: _Part(part, folder, what, tally))
    covered: set[bytes] = set()
    whole: set[bytes] = set()  # objects of which patches show only later changes
    for before, after in (objects for part in parts for objects in part.objects):
        if before.strip(b"0") and before not in covered and (only is None or before in only):
            whole.add(before)
        covered.add(after)
    return [found for part in parts for found in part.found], covered - whole


def _wanted(folder: str, commits: list[bytes], only: set[bytes] | None) -> list[bytes]:
    """Lists those of the commits that are not merges, the oldest first, one to a line: all, or those that made the
    objects in `only`."""
    words = ("--no-merges", "--reverse", "--topo-order", "--stdin")  # parents come first
    lines = b"\n".join([*commits, b""])
    if only is None:
        with git.stream(folder, "rev-list", *words, lines=lines) as listing:
            listed = list(listing)
        if not listed:  # git has deleted commits that are on no branch but that other commits name
            with git.stream(folder, "rev-list", "--all", *words[:-1]) as listing:
                listed = list(listing)
        return listed
    made: dict[bytes, None] = {}
    commit = b""
    raw = ("--raw", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-show-signature")
    with git.stream(folder, "log", *words, *raw, "--format=commit %H", lines=lines) as log:
        for line in log:
            if line.startswith(b"commit "):
                commit = line[7:]
            elif line.startswith(b":") and line.split(b" ", 4)[3] in only:
                made[commit] = None
    return list(made)


class _Part:
    """What some commits, the oldest first, added, and the objects before and after each of their patches."""

    def __init__(self, commits: list[bytes], folder: str, what: text.Search, tally: Tally) -> None:
        self.found: list[Finding] = []
        self.objects: list[tuple[bytes, bytes]] = []
        with git.stream(folder, *_WORDS, lines=b"".join(commits)) as log:
            for block in _blocks(log, self.objects):
                tally.bytes += len(block)
                tally.files += block.count(b"\n+++ ")
                tally.step(tally.files)
                hits = list(what.hits(block))
                self.found += [each for start, end, hit in hits if (each := _placed(block, start, end, hit))]


def _noted(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the objects before and after each patch in a part of the log, except those that git takes for binary."""
    for before, after, shown in _OBJECTS.findall(block):
        if shown and after.strip(b"0"):
            yield before, after


def _blocks(log: IO[bytes], objects: list[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Yields the log in parts of whole lines, without the lines that were removed. A tab stands where they were.

    Each part begins with the headers of its place and the last lines of the part before.
    """
    context, rest = b"\n", b""
    while fresh := log.read(_BLOCK):
        rest += fresh
        end = rest.rfind(b"\n") + 1
        if not end and len(rest) < _LONGEST:
            continue  # the line continues
        mark = b"" if end else rest[:1]  # so that the rest still belongs to a line of this kind
        part = context + rest[: end or None]
        objects += _noted(part)
        part = _REMOVED.sub(b"\t", part)
        yield part
        context, rest = _context(part), mark + rest[end or len(rest) :]
    yield _REMOVED.sub(b"\t", context + rest)


def _context(part: bytes) -> bytes:
    """Returns what the next part begins with: the headers that say where this one ends, and its last lines."""
    at = part.find(b"\n", max(0, len(part) - _OVERLAP)) + 1
    if not 0 < at < len(part):  # a long line
        at = max(0, len(part) - _OVERLAP)
    commit, path, line = _headers(part, at)
    mark = part[part.rfind(b"\n", 0, at) + 1 :][:1] if part[at - 1 : at] != b"\n" else b""
    return b"\n%b\n%b\n@@ -0 +%d @@\n%b" % (commit, path, line, mark + part[at:])


def _headers(part: bytes, at: int) -> tuple[bytes, bytes, int]:
    """Returns the commit's and the file's header before a place in the log, and the number of the line there."""
    found = []
    for word in (b"\ncommit ", b"\n+++ ", b"\n@@ "):
        start = part.rfind(word, 0, at) + 1
        found.append(part[start : part.find(b"\n", start)] if start else b"")
    start = part.rfind(b"\n@@ ", 0, at) + 1
    match = re.match(rb"@@ -[0-9,]+ \+([0-9]+)", found[2])
    first = part.find(b"\n", start) + 1
    return found[0], found[1], int(match[1]) + part.count(b"\n", first, at) if match else 0


def _placed(part: bytes, start: int, end: int, found: Finding) -> Finding | None:
    """Returns the finding with its commit, file and line; None for text that the commit did not add."""
    line = part.rfind(b"\n", 0, start) + 1
    kind = part[line : line + 1]
    name = kind == b"d" and found.kind == "stored"  # diff --git
    # Several lines are new if one of them is, or if a line between them was removed.
    joined = kind == b" " and (b"\n\t" in part[start:end] or b"\t\n" in part[start:end])
    if not (name or kind == b"\t" or joined):
        return None
    commit, path, number = _headers(part, start)
    words = commit.split()
    if len(words) != 3 or (len(path) < 5 and not name):
        return None
    found.commit, found.time, found.state = words[1].decode(), float(words[2]), HISTORY
    if name:
        found.place = "the name of a file"
        return found
    found.line = number
    found.place = os.fsdecode(git.unquoted(path[4:].removesuffix(b"\t")))
    return found
