"""`lkr scan`: finds keys in plain text, by the values in the store and by how keys look."""

import os
import sys
from collections.abc import Iterator

from lkrshell.cli import common, declare, scan_output
from lkrshell.core import folders
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.project import lookup
from lkrshell.scan import engine, files, findings, stored, text
from lkrshell.scan.engine import Engine
from lkrshell.scan.findings import Finding
from lkrshell.scan.marks import Ignored
from lkrshell.system import git


@declare.command("scan", examples=("lkr scan", "git diff | lkr scan -"))
@declare.option(
    "--home", is_flag=True, help="Search your home folder: files of shells, editors and agents, and running processes."
)
@declare.option("--history", "whole_history", is_flag=True, help="Search the whole git history of this repository.")
@declare.option("--since", "since", metavar="REV", help="Search commits since the revision REV, or in A..B.")
@declare.option("--staged", is_flag=True, help="Search what the next commit would add.")
@declare.option(
    "--push",
    is_flag=True,
    help="Search what a push would send. For git's pre-push hook, which passes that on standard input.",
)
@declare.option("--fix", is_flag=True, help="Ask about each key, store it, and remove it from where it was found.")
@declare.option("--install-hook", is_flag=True, help="Search before each commit and push in this repository.")
@declare.option(
    "--no-stored", is_flag=True, help="Look only for text that looks like a key. The store may stay locked."
)
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
@declare.option("--sarif", is_flag=True, help="Print SARIF 2.1.0, for code scanning in CI.")
@declare.argument("paths", nargs=-1, metavar="[PATH]...")
def command(
    paths: tuple[str, ...],
    home: bool,
    whole_history: bool,
    since: str | None,
    staged: bool,
    push: bool,
    fix: bool,
    install_hook: bool,
    no_stored: bool,
    as_json: bool,
    sarif: bool,
) -> int:
    """Find keys left in plain text. Without PATH, search this project. The exit code is 1 if there are any."""
    ways = [bool(paths), home, whole_history, since is not None, staged, push, install_hook]
    if sum(ways) > 1 or (as_json and sarif) or (fix and (as_json or sarif or paths == ("-",))):
        raise LkrError("these options cannot be used together", "choose one place and one format", USAGE)
    folder = _project()
    if install_hook:
        return _install(folder)
    _check_paths(paths, folder)
    others, *notes = _engine()
    values, problem = ({}, "") if no_stored else _values()
    if values:
        common.log("scan", project=os.path.realpath(folder))
    progress = scan_output.Progress()
    tally = files.Tally(step=progress)
    what = text.Search(values, engine=others)
    if whole_history or since is not None or staged or push:
        found = _in_git(folder, whole_history, since, staged, what, tally)
    elif home:
        from lkrshell.scan import places

        listed = files.search(places.home(tally), what, tally, Ignored(os.path.expanduser("~")))
        found = [*listed, *places.processes(what, tally)]
    elif paths == ("-",):
        found = list(_in_stdin(what, tally))
    else:
        found = list(_in_files(paths or (folder,), folder, what, tally))
    progress.end()
    missed = set(map(os.path.realpath, paths)) & set(map(os.path.realpath, (*tally.unreadable, *tally.compressed)))
    _hide_keys(found, tally, what)
    code = _tell(found, tally, [*[problem] * bool(problem), *notes], as_json, sarif)
    if fix and code:
        from lkrshell.cli import scan_fix

        scan_fix.fix(found, folder)
    return 1 if missed else code


def _hide_keys(found: list[Finding], tally: files.Tally, what: text.Search) -> None:
    """Masks keys in the names of files."""
    for each in found:
        each.place = what.hidden(each.place)
    for names in (tally.unreadable, tally.cut, tally.compressed, tally.passed_over):
        names[:] = map(what.hidden, names)


def _install(folder: str) -> int:
    from lkrshell.scan import hooks

    program = os.path.abspath(sys.argv[0])
    for path in hooks.install(folder, program):
        declare.echo(f"lkr: wrote {show(os.path.relpath(path))}", err=True)
    return 0


def _in_git(
    folder: str, every_object: bool, since: str | None, staged: bool, what: text.Search, tally: files.Tally
) -> list[Finding]:
    if git.top(folder) is None:
        raise LkrError("this is not in a git repository", "run it in one", USAGE)
    from lkrshell.scan import history

    if every_object:
        found = history.everything(folder, what, tally)
    elif since is not None:
        found = history.since(folder, since, what, tally)
    elif staged:
        found = history.staged(folder, what, tally)
    else:
        lines = sys.stdin.read(1 << 20).splitlines() or history.pushed_by_pre_commit(folder)
        found = history.pushed(folder, lines, what, tally)
    ignored = Ignored(folder)
    return [each for each in found if each.kind == "stored" or not ignored.covers(each.place)]


def _engine() -> tuple[Engine | None, *tuple[str, ...]]:
    """Returns the engine for other kinds of secrets, which starts in the background; or None and a note that says
    why."""
    try:
        return (Engine(),)
    except ImportError:
        return None, engine.missing()
    except Exception as error:  # betterleaks has its own message for a library that cannot be loaded
        return None, f"other kinds of secrets were not searched for: {error}"


def _project() -> str:
    """The folder to search: the current repository, else the folder with the manifest, else the current folder."""
    here = lookup.current_folder()
    return git.top(here) or lookup.find(here) or here


def _check_paths(paths: tuple[str, ...], folder: str) -> None:
    """LkrError for a path that does not exist, and (2) for one that a coding agent may not search."""
    for path in paths:
        if path == "-" and len(paths) == 1:
            continue
        if not os.path.lexists(path):
            raise LkrError(f"there is no {show(path)}", "name a file or a folder, or - for standard input", USAGE)
        if (who := common.agent()) and not folders.within(os.path.realpath(path), os.path.realpath(folder)):
            message = f"a coding agent ({who}) may search only its own project"
            raise common.refused(message, f"the user can run: lkr scan {show(path)}", project=os.path.realpath(folder))


def _values() -> tuple[dict[str, Secret], str]:
    """The values in the store. If it is locked, asks a person at the terminal to unlock it, or else says that it is
    locked."""
    from lkrshell.cli import ask

    if ask.on_terminal() and not common.agent():
        return stored.values(), ""
    return stored.values_if_open()


def _in_files(paths: tuple[str, ...], folder: str, what: text.Search, tally: files.Tally) -> Iterator[Finding]:
    ignored = Ignored(folder)
    for path in paths:
        whole = os.path.realpath(path)  # a link is followed if it was named
        if os.path.isdir(whole):
            listed = files.project(whole, tally)
        elif os.path.isfile(whole):
            listed = iter([(whole, findings.FILE)])
        else:  # a pipe, a device, or a link to nothing
            tally.unreadable.append(path)
            continue
        yield from files.search(listed, what, tally, ignored)


def _in_stdin(what: text.Search, tally: files.Tally) -> Iterator[Finding]:
    tally.stdin = True
    for data, line in files.windows(sys.stdin.fileno(), tally):
        for start, _, each in what.hits(text.readable(data)):
            each.place, each.line = "standard input", line + data.count(b"\n", 0, start)
            each.state = findings.STDIN
            yield each


def _tell(found: list[Finding], tally: files.Tally, notes: list[str], as_json: bool, sarif: bool) -> int:
    unique = {(each.place, each.line, each.fingerprint, each.commit): each for each in found}
    found = list(unique.values())
    notes = [*notes, *tally.notes()]
    if sarif:
        scan_output.tell_sarif(found, notes)
    elif as_json:
        scan_output.tell_json(found, tally.files, tally.bytes, notes)
    else:
        scan_output.tell(found)
        for note in notes:
            declare.echo(f"lkr: {show(note)}", err=True)
        declare.echo(f"lkr: {scan_output.summary(found, tally)}", err=True)
    return 1 if found else 0
