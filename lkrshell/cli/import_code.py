"""`lkr import --code`: replaces `load_dotenv()` and keys in Python code with `lkrshell.load()`.

It shows the edits, and makes them if the person agrees. Values go into the store first.
"""

import os

from lkrshell.cli import ask, common, declare, importing, prompts
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.project import approve, discover, envfile, lookup, manifest_text, project_files, python_code
from lkrshell.runtime import import_plan
from lkrshell.scan.text import Search
from lkrshell.system import git
from lkrshell.vendors import providers

Found = dict[str, python_code.Code]  # by the file's name, relative to the folder


def run(path: str | None, dry_run: bool, yes: bool, replace: bool) -> None:
    """Shows and makes the edits in a file, or in a folder's Python files (default: the current folder)."""
    if path and not os.path.exists(path):
        raise LkrError(f"there is no {show(path)}", "name a Python file or a folder", USAGE)
    if path and not os.path.isdir(path):
        folder, name = project_files.root_of(path)
        project_files.check(folder, name)
        name = os.path.relpath(os.path.realpath(path), os.path.realpath(folder))  # edits no file through a link
        found = _read(folder, [name])
    else:
        folder = os.path.abspath(path or ".")
        found = _read(folder, _names(folder), passing_over=True)
    if not found:
        hint = 'it looks for load_dotenv(), os.environ["X_API_KEY"] = "..." and getpass in Python files'
        raise LkrError("no code to change there", hint)
    _carry_out(folder, found, dry_run, yes, replace)


def _names(folder: str) -> list[str]:
    """The folder's Python files. Says which links it leaves out; a link to one of the files needs no word."""
    top = os.path.realpath(folder)
    names = [name for name in discover.code_files(folder) if name.endswith(".py")]
    real = {name: os.path.relpath(os.path.realpath(os.path.join(top, name)), top) for name in names}
    files = {name for name, path in real.items() if path == name}
    for name in sorted(name for name, path in real.items() if path not in files):
        declare.echo(f"lkr: skipped {show(name)}, which is a link", err=True)
    return sorted(files)


def _read(folder: str, names: list[str], passing_over: bool = False) -> Found:
    """Returns the code that has edits. With `passing_over`, only says which files it cannot read."""
    keeps_dotenv = _has_other_settings(folder)
    found = {}
    for name in names:
        try:
            if code := _code(folder, name, keeps_dotenv):
                found[name] = code
        except LkrError as error:
            if not passing_over:
                raise
            declare.echo(f"lkr: {error.message}; left it as it is", err=True)
    return found


def _code(folder: str, name: str, keeps_dotenv: bool) -> python_code.Code | None:
    try:
        return python_code.read(project_files.read(folder, name) or b"", keeps_dotenv)
    except python_code.Unreadable as problem:
        line = f" (line {problem.line})" if problem.line else ""
    hint = "correct that line; if it is right, it needs another version of Python than lkr's"
    raise LkrError(
        f"this Python cannot read {show(name)}{line}", hint if line else "save it as UTF-8, or edit it yourself"
    )


def _has_other_settings(folder: str) -> bool:
    """True when the `.env` there also has variables that are not keys, so that `load_dotenv()` is still needed."""
    text = project_files.read(folder, ".env")
    if not text:
        return False
    return any(not providers.may_hold_a_key(variable) for variable in envfile.read(os.path.join(folder, ".env")).values)


def _carry_out(folder: str, found: Found, dry_run: bool, yes: bool, replace: bool) -> None:
    values = {edit.variable: edit.value.reveal() for code in found.values() for edit in code.edits if edit.value}
    kept = set(values)
    for variable, places in python_code.ambiguous(found).items():
        where = ", ".join(map(show, places))
        declare.echo(f"lkr: skipped {variable}: the code gives it several values, in {where}", err=True)
        del values[variable]
    place = common.place_here()
    plan = importing.make_plan(values, importing.allowed_keys(place), yes or dry_run)
    importing.show_plan(plan, place)
    if not dry_run:
        project_files.check_new(place)
        project_files.check(folder, *found)
    importing.settle(plan, yes or dry_run or not ask.on_terminal(), replace)
    kept -= set(plan.keys)
    secrets = [edit.value for code in found.values() for edit in code.edits if edit.value]
    what = Search({str(number): secret for number, secret in enumerate(secrets)})
    found = {name: code for name, code in found.items() if code.made(kept)}
    for name, code in found.items():
        declare.echo(show_lines(code.difference(name, lambda shown: what.masked(shown, b"****"), kept)))
    if not found:
        declare.echo("lkr: nothing to change", err=True)
    elif not dry_run:
        _change(folder, found, kept, plan, place, yes)


def _change(folder: str, found: Found, kept: set[str], plan: import_plan.Plan, place: lookup.Place, yes: bool) -> None:
    files = "this file" if len(found) == 1 else "these files"
    prompts.yes(f"Change {files}{' and store these keys' if plan.keys else ''}?", yes, "add --yes or --dry-run")
    if plan.keys:
        if place.text != lookup.ABSENT:
            approve.check_allowed(place)
        importing.carry_out(plan, place, *manifest_text.with_keys(place, plan.keys))
    for name, code in found.items():
        _write(folder, name, code, kept)
    made = [edit for code in found.values() for edit in code.made(kept)]
    for variable in dict.fromkeys(edit.variable for edit in made if edit.variable and not edit.value):
        key = providers.key_for(variable)
        declare.echo(f"lkr: your code asked for {variable}: lkr set {key}, then lkr add {variable}={key}", err=True)
    if lookup.find(folder) is None:
        declare.echo("lkr: there is no .lkr.toml here yet: lkr init", err=True)


def show_lines(text: str) -> str:
    """Returns the lines, made safe for a terminal."""
    return "\n".join(map(show, text.split("\n")))


def _write(folder: str, name: str, code: python_code.Code, kept: set[str]) -> None:
    if project_files.read(folder, name) != code.text:
        raise LkrError(f"{show(name)} has changed since lkr read it", "the keys are stored; run this again")
    project_files.replace(folder, name, code.changed(kept))
    declare.echo(f"lkr: changed {show(name)}", err=True)
    if any(edit.value for edit in code.made(kept)) and git.tracks(os.path.join(folder, name)):
        declare.echo("lkr: this file was in git, whose history keeps the values; revoke those keys", err=True)
