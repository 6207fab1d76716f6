"""Searches git's objects: all of them, those since a revision, staged ones, or those about to be pushed.

Objects are read by `git cat-file`, so git runs no hook, filter or program of the repository. The contents of files and
the messages of commits, tags and notes are searched, even if only a stash or the reflog holds them.
"""

import bisect
import os
import re
from collections.abc import Iterable, Iterator
from typing import IO

from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.scan import patches, text
from lkrshell.scan.files import Tally
from lkrshell.scan.findings import HISTORY, PUSHED, STAGED, Finding
from lkrshell.system import git

_BLOCK = 4 << 20  # bytes searched at once
_OVERLAP = 64 << 10  # bytes
_MOST = 64 << 20  # bytes of one object
_BETWEEN = b"\n\1\n"  # so that no match spans two objects
_LOG_WAIT = 120  # seconds to find the commits that introduced the objects
_LISTED = "--batch-check=%(objectname) %(objecttype) %(objectsize)"
_WHOLE = 64 << 10  # bytes of objects for each commit; below this, git reads all of them faster than it makes patches
_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MOST_COMMITS = 200  # commits to look up at the remotes


class _Object:
    """An object, or a part of a large one: its bytes in a block, and the number of its first line."""

    __slots__ = ("end", "id", "kind", "line", "start")

    def __init__(self, start: int, end: int, name: str, kind: str, line: int) -> None:
        self.start, self.end, self.id, self.kind, self.line = start, end, name, kind, line


def everything(folder: str, what: text.Search, tally: Tally) -> list[Finding]:
    """Returns the findings in every object of the repository at `folder`.

    Git's patches show what a commit adds to a text, so that a line counts once and not in each version of its file. The
    objects that no patch shows are read whole: messages, binary files, results of merges, unreachable objects.
    """
    there: dict[bytes, bytes] = {}
    size = 0
    with git.stream(folder, "cat-file", _LISTED, "--batch-all-objects", "--unordered", "--buffer") as listing:
        for name, kind, length in map(bytes.split, listing):
            there[name] = kind
            size += int(length)
    if what.fast and size <= _WHOLE * sum(kind == b"commit" for kind in there.values()):
        hits, whole = _whole_first(folder, there, what, tally)
    else:
        hits, shown = patches.search(folder, _commits(there), what, tally)
        rest = [name.decode() for name, kind in there.items() if kind != b"tree" and name not in shown]
        whole = _read_at_once(folder, rest, what, tally)
    places = _introduced(folder, {name for name, _ in whole})
    return [*_on_remotes(folder, hits), *_told(folder, whole, places, HISTORY), *_in_names(folder, what)]


def _commits(there: dict[bytes, bytes]) -> list[bytes]:
    return [name for name, kind in there.items() if kind == b"commit"]


def _whole_first(
    folder: str, there: dict[bytes, bytes], what: text.Search, tally: Tally
) -> tuple[list[Finding], list[tuple[str, Finding]]]:
    """Returns the findings in patches, and those in whole objects. Makes only patches of files that have findings."""
    whole = _read_at_once(folder, [name.decode() for name in there], what, tally)
    blobs = {name.encode() for name, _ in whole if there[name.encode()] == b"blob"}
    named = any(there[name.encode()] == b"tree" for name, _ in whole)  # a file's name has a key
    if not blobs and not named:
        return [], whole
    hits, shown = patches.search(folder, _commits(there), what, Tally(), None if named else blobs)
    told = {each.fingerprint for each in hits}
    return hits, [
        (name, each)
        for name, each in whole
        if there[name.encode()] != b"tree" and (name.encode() not in shown or each.fingerprint not in told)
    ]


def _in_names(folder: str, what: text.Search) -> Iterator[Finding]:
    """Yields the stored keys in the names of branches and tags."""
    refs = git.output(folder, "for-each-ref", "--format=%(refname)") or b""
    for _, _, hit in what.hits(refs, binary=True):
        hit.place, hit.state = "the name of a branch or tag", HISTORY
        yield hit


def since(folder: str, revision: str, what: text.Search, tally: Tally) -> list[Finding]:
    """Returns the findings in what HEAD has and `revision` lacks; `A..B` means B instead of HEAD. Raises LkrError (64)
    for an unknown revision."""
    before, _, after = revision.partition("..")
    ids = [_commit(folder, before), _commit(folder, after or "HEAD")]
    return _between(folder, [ids[1], f"^{ids[0]}"], what, tally)


def pushed(folder: str, lines: Iterable[str], what: text.Search, tally: Tally) -> list[Finding]:
    """Returns the findings in what `git push` sends, from the lines that git gives its pre-push hook."""
    found: list[Finding] = []
    for line in lines:
        words = line.split()
        if len(words) != 4 or not _ID.fullmatch(words[1]) or not words[1].strip("0"):
            continue  # the push deletes a branch
        known = git.output(folder, "cat-file", "-e", words[3]) is not None if words[3].strip("0") else False
        if known and _ID.fullmatch(words[3]):
            found += _between(folder, [words[1], f"^{words[3]}"], what, tally)
        else:
            found += _between(folder, [words[1], "--not", "--remotes"], what, tally)
    return found


def pushed_by_pre_commit(folder: str) -> list[str]:
    """Returns a line as git gives it to its pre-push hook, from the variables that the pre-commit framework sets in
    its place. If the whole branch is new, the line names only the branch, and no revision. Empty if pre-commit did not
    start us."""
    after = os.environ.get("PRE_COMMIT_TO_REF") or os.environ.get("PRE_COMMIT_LOCAL_BRANCH")
    before = os.environ.get("PRE_COMMIT_FROM_REF")
    if not after:
        return []
    return [f"- {_commit(folder, after)} - {_commit(folder, before) if before else '0' * 40}"]


def staged(folder: str, what: text.Search, tally: Tally) -> list[Finding]:
    """Returns the findings in what the next commit adds, without those that the last commit has in the same file."""
    index = os.environ.get("GIT_INDEX_FILE", "")  # set by `git commit -a` when we are its hook
    words = ("diff", "--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv")
    listed = git.output(folder, *words, "--diff-filter=d", index=os.path.abspath(index) if index else "")
    if listed is None:
        raise LkrError("this is not in a git repository", "run it in one", USAGE)
    fields = os.fsdecode(listed).split("\0")
    changed: dict[str, tuple[str, str]] = {}
    for about, path in zip(fields[::2], fields[1::2], strict=False):
        _, _, old, new, _ = about.split(" ")
        changed.setdefault(new, (path, old))
    if not changed:
        return []
    hits = list(_read(folder, changed, what, tally))
    before = {old: new for new, (_, old) in changed.items() if old.strip("0")}
    if hits and before:  # this commit did not add what the file had before
        there = {(before[name], found.fingerprint) for name, found in _read(folder, before, what, Tally())}
        hits = [hit for hit in hits if (hit[0], hit[1].fingerprint) not in there]
    return _told(folder, hits, {name: ("", path, 0) for name, (path, _) in changed.items()}, STAGED)


def _between(folder: str, revisions: list[str], what: text.Search, tally: Tally) -> list[Finding]:
    listed = git.output(folder, "rev-list", "--objects", *revisions, wait=_LOG_WAIT)
    if listed is None:
        raise LkrError("git cannot list what is new", "check the revision")
    names = [line.partition(" ") for line in os.fsdecode(listed).splitlines()]
    paths = {name: path for name, _, path in names}
    hits = list(_read(folder, paths, what, tally))
    places = _introduced(folder, {name for name, _ in hits})
    return _told(folder, hits, {name: ("", path, 0) for name, path in paths.items()} | places, HISTORY)


def _commit(folder: str, revision: str) -> str:
    found = (
        None
        if revision.startswith("-")
        else git.output(folder, "rev-parse", "--verify", "-q", f"{revision}^{{commit}}")
    )
    if not found:
        raise LkrError(f"git knows no revision {show(revision)}", "name a commit, a branch or a tag", USAGE)
    return found.decode().strip()


def _read(folder: str, names: Iterable[str], what: text.Search, tally: Tally) -> Iterator[tuple[str, Finding]]:
    lines = "".join(f"{name}\n" for name in names).encode()
    with git.stream(folder, "cat-file", "--batch", "--buffer", lines=lines) as objects:
        yield from _search(objects, what, tally)


def _read_at_once(folder: str, names: list[str], what: text.Search, tally: Tally) -> list[tuple[str, Finding]]:
    """Reads the objects with several processes of git. Each takes a part, in the order of the list."""
    read = git.shared(names, lambda part: list(_read(folder, part, what, tally)))
    return [hit for hits in read for hit in hits]


def _search(objects: IO[bytes], what: text.Search, tally: Tally) -> Iterator[tuple[str, Finding]]:
    """Yields the hits in the output of `git cat-file --batch`: the object's name, and the finding."""
    for block, parts, binary in _blocks(objects, tally):
        starts = [part.start for part in parts]
        for start, end, found in what.hits(block, binary):
            part = parts[bisect.bisect_right(starts, start) - 1] if start >= starts[0] else None
            if part is None or end > part.end:
                continue
            found.line = part.line + block.count(b"\n", part.start, start)
            found.place = part.kind
            yield part.id, found


def _blocks(objects: IO[bytes], tally: Tally) -> Iterator[tuple[bytes, list[_Object], bool]]:
    """Yields the stream in blocks, with the objects in each and whether it is binary.

    A block has many small text objects, or many trees, or one binary object, or a part of a large one. Such parts
    overlap.
    """
    texts, trees = _Block(False), _Block(True)
    while header := objects.readline():
        words = header.split()
        if len(words) != 3:
            continue  # an object missing from a partial clone
        name, kind, length = words[0].decode(), words[1].decode(), int(words[2])
        tally.files += kind == "blob"
        tally.step(tally.files)
        data = objects.read(min(length, _BLOCK))
        tally.bytes += min(length, _MOST)
        block = trees if kind == "tree" else texts
        if length > _BLOCK or (block is texts and text.binary(data)):
            for part, line in _large(objects, data, length):
                yield part, [_Object(0, len(part), name, kind, line)], text.binary(data)
        else:
            block.add(data, name, kind)
        objects.read(1)
        if block.size >= _BLOCK:
            yield block.taken()
    yield from (block.taken() for block in (texts, trees) if block.size)


class _Block:
    """Small objects that are searched at once."""

    def __init__(self, binary: bool) -> None:
        self.binary, self.size = binary, 0
        self._parts: list[_Object] = []
        self._pieces: list[bytes] = []

    def add(self, data: bytes, name: str, kind: str) -> None:
        start = self.size + len(_BETWEEN)
        self.size = start + len(data)
        self._pieces += [_BETWEEN, data]
        self._parts.append(_Object(start, self.size, name, kind, 1))

    def taken(self) -> tuple[bytes, list[_Object], bool]:
        """Returns the objects as one text, where each is in it, and whether it is binary. Then starts over."""
        taken = b"".join(self._pieces), self._parts, self.binary
        self.size, self._parts, self._pieces = 0, [], []
        return taken


def _large(objects: IO[bytes], data: bytes, length: int) -> Iterator[tuple[bytes, int]]:
    """Yields the object that begins with `data` in overlapping parts, each with the number of its first line."""
    part, line, done = data, 1, len(data)
    yield part, line
    while done < length and (data := objects.read(min(length - done, _BLOCK))):
        done += len(data)
        if done <= _MOST:
            line += part.count(b"\n", 0, max(0, len(part) - _OVERLAP))
            part = part[-_OVERLAP:] + data
            yield part, line


def _introduced(folder: str, names: set[str]) -> dict[str, tuple[str, str, int]]:
    """Returns for each object the commit that introduced it, its path there, and the time."""
    found: dict[str, tuple[str, str, int]] = {}
    if not names:
        return found
    words = ("log", "--all", "--reflog", "-m", "--raw", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv")
    listed = git.output(folder, *words, "--no-show-signature", "--format=commit %H %ct", wait=_LOG_WAIT)
    commit, time = "", 0
    for line in os.fsdecode(listed or b"").splitlines():  # newest first, so the last mention introduced it
        if line.startswith("commit "):
            _, commit, stamp = line.split(" ")
            time = int(stamp)
            if commit in names:
                found[commit] = (commit, "", time)
        elif line.startswith(":") and (new := line.split(" ", 4)[3]) in names:
            found[new] = (commit, _name(line.partition("\t")[2]), time)
    return found


def _name(path: str) -> str:
    return os.fsdecode(git.unquoted(os.fsencode(path)))


def _told(
    folder: str, hits: "list[tuple[str, Finding]]", places: dict[str, tuple[str, str, int]], state: str
) -> list[Finding]:
    """Returns the findings with their places: a path, and for the history also the commit."""
    found = []
    for name, each in hits:
        commit, path, time = places.get(name, ("", "", 0))
        if each.place == "commit":
            each.place, commit = "a commit's message", name
        elif each.place == "tag":
            each.place = f"the tag {name[:10]}"
        else:
            each.place = path or f"an object that no branch has ({name[:10]})"
        each.commit, each.state, each.time = commit or name * (state == HISTORY), state, float(time)
        found.append(each)
    return _on_remotes(folder, found)


def _on_remotes(folder: str, found: list[Finding]) -> list[Finding]:
    """Returns the findings. If a remote has the commit, the finding is marked as pushed. Commits get short names."""
    remote: dict[str, bool] = {}
    for each in found:
        if each.state == HISTORY:
            if each.commit not in remote and len(remote) < _MOST_COMMITS:
                words = ("for-each-ref", "--count=1", "--contains", each.commit, "refs/remotes")
                remote[each.commit] = bool(git.output(folder, *words))
            if remote.get(each.commit):
                each.state = PUSHED
        each.commit = each.commit[:10]
    return found
