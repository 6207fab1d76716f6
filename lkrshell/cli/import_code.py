"""`lkr import --code`: replaces `load_dotenv()` and keys in Python code with `lkrshell.load()`.

It shows the edits, and makes them if the person agrees. Values go into the store first.
"""

import os

from lkrshell.cli import declare, importing, prompts
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.project import approve, discover, envfile, lookup, manifest_text, project_files, python_code
from lkrshell.system import git
from lkrshell.vendors import providers

Found = dict[str, python_code.Code]  # by the file's name, relative to the folder


def run(path: str | None, dry_run: bool, yes: bool, replace: bool) -> None:
    """Shows and makes the edits in a file, or in a folder's Python files (default: the current folder)."""
    if path and not os.path.exists(path):
        raise LkrError(f"there is no {show(path)}", "name a Python file or a folder", USAGE)
    if path and not os.path.isdir(path):
        folder, name = project_files.root_of(path)
        names = [name]
    else:
        folder = os.path.abspath(path or ".")
        names = [name for name in discover.code_files(folder) if name.endswith(".py")]
    found = _read(folder, names)
    if not found:
        hint = 'it looks for load_dotenv(), os.environ["X_API_KEY"] = "..." and getpass in Python files'
        raise LkrError("no code to change there", hint)
    _carry_out(folder, found, dry_run, yes, replace)


def _read(folder: str, names: list[str]) -> Found:
    keeps_dotenv = _has_other_settings(folder)
    found = {}
    for name in names:
        data = project_files.read(folder, name)
        if data and (code := python_code.read(data, keeps_dotenv)):
            found[name] = code
    return found


def _has_other_settings(folder: str) -> bool:
    """True when the `.env` there also has variables that are not keys, so that `load_dotenv()` is still needed."""
    text = project_files.read(folder, ".env")
    if not text:
        return False
    return any(not providers.may_hold_a_key(variable) for variable in envfile.read(os.path.join(folder, ".env")).values)


def _carry_out(folder: str, found: Found, dry_run: bool, yes: bool, replace: bool) -> None:
    values = {variable: value.reveal() for code in found.values() for variable, value in code.values.items()}
    place = lookup.Place(lookup.current_folder())
    plan = importing.make_plan(values, importing.allowed_keys(place), yes or dry_run)
    importing.show_plan(plan)
    for name, code in found.items():
        declare.echo(show_lines(code.difference(name)))
    if dry_run:
        return
    project_files.check_new(place)
    project_files.check(folder, *found)
    files = "this file" if len(found) == 1 else "these files"
    prompts.yes(f"Change {files}{' and store these keys' if plan.keys else ''}?", yes, "add --yes or --dry-run")
    importing.settle(plan, yes, replace)
    if plan.keys:
        if place.text != lookup.ABSENT:
            approve.check_allowed(place)
        importing.carry_out(plan, place, *manifest_text.with_keys(place, plan.keys))
    for name, code in found.items():
        _write(folder, name, code, {variable for variable in code.values if variable not in plan.keys})
    for variable in dict.fromkeys(variable for code in found.values() for variable in code.asked):
        key = providers.key_for(variable)
        declare.echo(f"lkr: your code asked for {variable}: lkr set {key}, then lkr add {variable}={key}", err=True)
    if lookup.find(folder) is None:
        declare.echo("lkr: there is no .lkr.toml here yet: lkr init", err=True)


def show_lines(text: str) -> str:
    """Returns the lines, made safe for a terminal."""
    return "\n".join(map(show, text.split("\n")))


def _write(folder: str, name: str, code: python_code.Code, kept: set[str]) -> None:
    changed = code.changed(kept)
    if changed == code.text:
        return
    if project_files.read(folder, name) != code.text:
        raise LkrError(f"{show(name)} has changed since lkr read it", "the keys are stored; run this again")
    project_files.replace(folder, name, changed)
    declare.echo(f"lkr: changed {show(name)}", err=True)
    if code.values and git.tracks(os.path.join(folder, name)):
        declare.echo("lkr: this file was in git, whose history keeps the values; revoke those keys", err=True)
