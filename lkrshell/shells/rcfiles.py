"""Finds which of the user's files load lkr, and plans the changes of `lkr install` and `lkr uninstall`. Prints nothing.

An rc file gets a block between two markers, which can be cut out exactly. So lkr keeps no copy of a file that may
contain keys. Other files belong wholly to lkr. If somebody else's file was at that path, the state folder keeps it
until `lkr uninstall`, with a list of what was written. lkr never puts the old file back over one that the user has
changed.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lkrshell.core import records
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.shells import hook, userfiles
from lkrshell.shells.base import SHELLS, Shell, dialect
from lkrshell.shells.userfiles import read
from lkrshell.state import files, paths
from lkrshell.state.paths import home

_BEGIN, _END = b"# >>> lkr >>>", b"# <<< lkr <<<"
_GLUED = b" (with a line break before it)"  # the file did not end with one
BLOCK = re.compile(
    rb"^%s(?P<glued>%s)?\r?\n(?:(?!%s).*\n)*?%s[ \t\r]*(?:\n|\Z)" % (_BEGIN, re.escape(_GLUED), _BEGIN, _END), re.M
)
OWN_LINE = re.compile(rb"^[^#\n]*\blkr(?:sh)?['\"]?[ \t]+hook\b", re.M)
_LINK = "link:"  # marks a link in the list of what was written; its target follows
_REST = "# What follows is also what `lkr install` writes.\n"


@dataclass(frozen=True)
class Change:
    """A change of the file `path` from `before` to `after`; None means no file. `whole`: the file belongs to lkr.

    `link`: the path is a symbolic link, and `before` and `after` are targets. `undoes`: it takes back what an earlier
    install wrote.
    """

    path: str
    before: bytes | None
    after: bytes | None
    whole: bool = True
    link: bool = False
    undoes: bool = False


def program() -> str:
    """The absolute path by which a shell starts lkr: the one on PATH, if that is this program."""
    ours = os.path.abspath(sys.argv[0])
    if os.path.basename(ours) not in ("lkr", "lkrsh"):
        ours = os.path.join(os.path.dirname(sys.executable), "lkr")
    found = shutil.which("lkr")
    if found and os.path.exists(ours) and os.path.samefile(found, ours):
        path = os.path.abspath(found)
        note = _written().get(path, _Note()).ours
        return note.removeprefix(_LINK) if note.startswith(_LINK) else path  # the target of our own link
    if not os.access(ours, os.X_OK):
        raise LkrError("cannot tell where the program lkr is", "run it by its path: /where/it/is/lkr install")
    return ours


def install(shells: list[str], direnv: bool, completions: bool | None) -> tuple[list[Change], list[str]]:
    """The changes to make, and remarks for the user. LkrError if a file cannot be read or its block is damaged.

    With `completions` None, they are installed for shells that our block loads, not where the user wrote the line.
    """
    changes, remarks = [], []
    for shell in shells:
        speak, own_line = dialect(shell), False
        rest, loader = speak.rc_files(), speak.loader()
        for path in speak.user_files():
            before = read(path)
            if OWN_LINE.search(_cut(path, before or b"")):
                remarks.append(f"{show(path)} has a line of yours that loads lkr: left as it is")
                own_line = True
                continue
            changes.append(_whole(loader, loader_text(shell, completions is not False)))
            if rest:
                changes.append(Change(path, before, _put(shell, path, before or b"", _source(speak)), whole=False))
        if completions or (completions is None and not own_line):
            changes += [_whole(path, hook.data("completions", name)) for path, name in speak.completion_files()]
        if completions is False:
            written = {path for path, _ in speak.completion_files()}
            changes += [replace(change, undoes=True) for change in uninstall()[0] if change.path in written]
    if direnv:
        changes.append(_whole(direnv_library(), hook.text("direnv")))
    if shutil.which("lkr") is None:
        changes += _link(remarks)
    return [change for change in dict.fromkeys(changes) if change.before != change.after], remarks


def _link(remarks: list[str]) -> list[Change]:
    """A link in ~/.local/bin, so that scripts and editors find lkr too; a remark if that would not help."""
    folder = os.path.join(home(), ".local/bin")
    path, target = os.path.join(folder, "lkr"), os.fsencode(program())
    if folder not in os.environ.get("PATH", "").split(os.pathsep):
        remarks.append(
            f"only interactive shells will find lkr; for scripts and editors, add {show(folder)} to "
            "PATH, then run lkr install again"
        )
        return []
    if os.path.lexists(path):
        remarks.append(f"{show(path)} exists and is not this program: left as it is")
        return []
    return [Change(path, None, target, link=True)]


def uninstall() -> tuple[list[Change], list[str]]:
    """The changes that undo everything an `install` wrote, also with other folders set, and remarks."""
    changes, remarks = [], []
    written = _written()
    for path in dict.fromkeys([*written, *(path for shell in SHELLS for path in dialect(shell).rc_files(every=True))]):
        now = read(path)
        note = written.get(path, _Note())
        if note.ours.startswith(_LINK):
            if os.path.islink(path) and os.readlink(path) == note.ours.removeprefix(_LINK):
                changes.append(Change(path, os.fsencode(os.readlink(path)), None, link=True))
            continue
        if now is None:
            continue
        if not note.ours:
            after: bytes | None = _cut(path, now)
            if after == now:
                continue
            changes.append(Change(path, now, after if after or note.before else None, whole=False))
            if lines := _foreign(now):
                remarks.append(f"{show(path)} has {lines} between lkr's marks, to be removed with them")
        elif note.ours == records.digest(now):
            changes.append(Change(path, now, _kept(path)))
        else:
            remarks.append(f"{show(path)} was changed since lkr wrote it: left as it is")
    return changes, remarks


def apply(change: Change) -> None:
    """Makes one change of an `install`, after noting the previous content. LkrError if that fails."""
    if change.undoes:
        revert(change)
        return
    written = _written()
    note = written.get(change.path, _Note())
    if change.link:
        note = _Note(_LINK + os.fsdecode(change.after or b""))
    elif change.whole:
        ours = change.before is not None and note.ours == records.digest(change.before)
        if change.before is None:
            _drop_copy(change.path)
        elif not ours:
            files.write_private(_place_of_copy(change.path), change.before)
        note = _Note(records.digest(change.after or b""))
    else:
        _drop_copy(change.path)  # earlier versions of lkr kept one
        if not BLOCK.search(change.before or b""):
            note = _Note(before=records.digest(change.before) if change.before is not None else "")
    written[change.path] = note
    _save(written)  # before the file itself: uninstall ignores files that are not there
    _write(change)


def revert(change: Change) -> bool:
    """Makes one change of an `uninstall`. True if the file is as it was before the install."""
    _write(change)
    written = _written()
    note = written.pop(change.path, _Note())
    if change.link:
        same = True
    elif change.whole:
        same = change.after == _kept(change.path)
    else:
        same = note.before == ("" if change.after is None else records.digest(change.after))
    _save(written)
    _drop_copy(change.path)
    return same


def forget() -> None:
    """Removes the hooks in the cache folder, all remaining copies, and the notes about files that have no block of
    ours."""
    written = _written()
    for path in [path for path, note in written.items() if not note.ours]:
        now = read(path)
        if now is None or _cut(path, now) == now:
            del written[path]
    _save(written)
    for path in kept_copies():
        files.remove_private(path)
    for shell in SHELLS:
        files.remove_private(kept_hook(shell))


def kept_hook(shell: str) -> str:
    """The cached hook of the loader. Its date is that of the program that wrote it."""
    return userfiles.cache(f"lkr/hook.{shell}")


def kept_copies() -> list[str]:
    """The copies of files that lkr replaced."""
    folder = _keeping_place()
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [os.path.join(folder, name) for name in names if name != "list" and not name.startswith(".")]


def loader_text(shell: str, completions: bool) -> str:
    """The loader: the plugin file, but with the program's path instead of a search for it."""
    speak = dialect(shell)
    head = "# Written by lkr install; lkr uninstall takes it out.\n"
    return head + speak.loader_start(_from_home(program(), speak), completions) + loader_rest(shell)


def loader_rest(shell: str) -> str:
    """The part of the loader after the program's path."""
    return hook.data("shell", f"lkr.plugin.{shell}").partition(_REST)[2]


def loader_program(text: str) -> str:
    """The program's path in a loader's text; empty if there is none."""
    import shlex

    named = re.search(r"^(?:__lkr_program=|set -l program )(.+)$", text, re.M)
    try:
        words = shlex.split(named[1]) if named else []
    except ValueError:
        words = []
    return words[0].replace("$HOME", home(), 1) if words else ""


def _from_home(path: str, speak: Shell) -> str:
    """`path` quoted for a shell; relative to `$HOME` if it is below it."""
    under = os.path.relpath(path, home())
    return speak.quote(path) if under.startswith("..") else f'"$HOME"/{speak.quote(under)}'


def direnv_library() -> str:
    return userfiles.config("direnv/lib/lkr.sh")


def _source(speak: Shell) -> bytes:
    """The block's line. Plain sh understands it too, since other shells also read ~/.profile."""
    path = _from_home(speak.loader(), Shell())
    return os.fsencode(f'if [ -n "${{{speak.version_variable}-}}" ] && [ -r {path} ]; then . {path}; fi\n')


def _put(shell: str, path: str, before: bytes, line: bytes) -> bytes:
    """`before` with our block: at its old place, or else at the end, so that no later line removes our hook.

    The block has plain line breaks, even in a file with CRLF, since shells need that.
    """
    found = _only(path, before)
    if found and re.compile(dialect(shell).undoing, re.M).search(before, found.end()):
        return _put(shell, path, _cut(path, before), line)
    glued = found["glued"] if found else (_GLUED if before and not before.endswith(b"\n") else None)
    block = _BEGIN + (glued or b"") + b"\n" + line + _END + b"\n"
    if found:
        return before[: found.start()] + block + before[found.end() :]
    return before + (b"\n" if glued else b"") + block


def _cut(path: str, now: bytes) -> bytes:
    """`now` without our block."""
    found = _only(path, now)
    if not found:
        return now
    head, tail = now[: found.start()], now[found.end() :]
    if found["glued"] and not tail:
        head = head.removesuffix(b"\n")
    return head + tail


def _foreign(text: bytes) -> str:
    """How many lines in our block somebody else wrote; empty if none."""
    block = BLOCK.search(text)
    count = sum(bool(line.strip()) and b"lkr" not in line for line in block[0].splitlines()) if block else 0
    return f"{count} line{'' if count == 1 else 's'} of yours" if count else ""


def _only(path: str, text: bytes) -> "re.Match[bytes] | None":
    matches = list(BLOCK.finditer(text))
    if text.count(_BEGIN) != len(matches) or text.count(_END) != len(matches) or len(matches) > 1:
        where = show(path)
        raise LkrError(f"{where}: the marks around lkr's block are damaged", "remove the block by hand")
    return matches[0] if matches else None


def _whole(path: str, text: str) -> Change:
    return Change(path, read(path), text.encode("utf-8", "surrogateescape"))


def _write(change: Change) -> None:
    target = os.path.realpath(change.path)
    shown = show(change.path)
    if not change.link and read(change.path) != change.before:
        raise LkrError(f"{shown} was changed just now by another program", "it was left alone; run this again")
    files.note_change()
    try:
        if change.link:
            _write_link(change)
            return
        if change.after is None:
            os.unlink(target)
            return
        files.make_dirs(os.path.dirname(target), 0o755)  # the file is code that a shell runs
        old = os.stat(target) if os.path.exists(target) else None
        files.replace_file(target, change.after, 0o600 if old else 0o644)
        if old:
            os.chmod(target, old.st_mode & 0o7777)
            if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                os.chown(target, old.st_uid, old.st_gid)
    except OSError as error:
        raise LkrError(f"cannot write {shown}: {error.strerror}", "it is unchanged; see lkr hook --help") from None


def _write_link(change: Change) -> None:
    """OSError when the path is taken, or no longer the link that it was."""
    if change.after is not None:
        os.makedirs(os.path.dirname(change.path), exist_ok=True)
        os.symlink(change.after, os.fsencode(change.path))
    elif os.readlink(os.fsencode(change.path)) == change.before:
        os.unlink(change.path)


@dataclass(frozen=True)
class _Note:
    """`ours`: the digest of a file that belongs to lkr, empty for a file with a block.

    `before`: the digest of a file before it got a block, empty if there was none.
    """

    ours: str = ""
    before: str = ""


def _keeping_place() -> str:
    return os.path.join(paths.state_dir(), "before-install")


def _place_of_copy(path: str) -> str:
    """The path of the copy. It ends with the file's name, which tells its syntax."""
    return os.path.join(_keeping_place(), f"{records.digest(os.fsencode(path))}-{os.path.basename(path)}")


def _kept(path: str) -> bytes | None:
    return files.read_private(_place_of_copy(path))


def _drop_copy(path: str) -> None:
    files.remove_private(_place_of_copy(path))
    # where earlier versions kept it
    files.remove_private(os.path.join(_keeping_place(), records.digest(os.fsencode(path))))


def _list() -> str:
    return os.path.join(_keeping_place(), "list")


def _written() -> dict[str, _Note]:
    """What `install` wrote, by path."""
    data = files.read_private(_list())
    try:
        return {path: _Note(*digests) for path, *digests in records.load(data)} if data else {}
    except (ValueError, TypeError):
        raise LkrError(f"{show(_list())} is damaged", "remove it; files that lkr wrote then stay") from None


def _save(written: dict[str, _Note]) -> None:
    if written:
        rows: list[tuple[str, ...]] = [(path, note.ours, note.before) for path, note in written.items()]
        files.write_private(_list(), records.dump(rows))
    else:
        files.remove_private(_list())


def summary(change: Change) -> Iterator[str]:
    """One line for a file that belongs to lkr; for a file of the user also the added and removed lines."""
    name = f"{'-' if change.after is None else '+' if change.before is None else '~'} {show(change.path)}"
    if change.link:
        yield f"{name} → {show(os.fsdecode(change.after or change.before or b''))}"
    elif change.whole:
        lines = (change.after or change.before or b"").count(b"\n")
        yield f"{name} ({lines} lines)"
    else:
        yield name
        yield from (f"    {line}" for line in list(difference(change))[2:] if not line.startswith("@@"))


def difference(change: Change) -> Iterator[str]:
    """A unified diff without context lines, since an rc file may contain keys."""
    import difflib

    texts = [(each or b"").decode("utf-8", "surrogateescape") for each in (change.before, change.after)]
    old, new = (text.removesuffix("\n").split("\n") if text else [] for text in texts)
    name = show(change.path)
    before, after = (name if each is not None else os.devnull for each in (change.before, change.after))
    for line in difflib.unified_diff(old, new, before, after, lineterm="", n=0):
        yield show(line)
