"""What `lkr import` and `lkr init` share: planning what happens to keys that were found, asking, and carrying it
out."""

import os
import subprocess

from lkrshell.cli import ask, common, declare, prompts
from lkrshell.core import names, references
from lkrshell.core.binding import shown
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import quoted, show
from lkrshell.project import envfile, grants, lookup, manifest_reader, manifest_text, project_files
from lkrshell.runtime import import_plan, unlocking
from lkrshell.runtime import keys as service
from lkrshell.system import git
from lkrshell.vendors import providers

_MOST_NAMED = 10  # variables in one message


def make_plan(values: dict[str, str], named: dict[str, str], yes: bool, name: str | None = None) -> import_plan.Plan:
    """Plans what happens to the values. If the store is locked, asks for the passphrase, unless `yes`.

    Leaves out variables that get a shared or sealed key, since its value here is only a copy.
    """
    store, found = common.store(), import_plan.keys_in(values)
    for variable, value in values.items():
        if value and providers.may_hold_a_key(variable) and (what := _what_else(value)):
            declare.echo(f"lkr: skipped {variable}: its value is {what}, not a key", err=True)
    theirs = {} if name else {each: key for each, key in named.items() if each in found and not names.is_own(key)}
    for variable, key in theirs.items():
        said = f"skipped {variable}: the manifest gives it {shown(key)}; to change that key: lkr set {shown(key)}"
        declare.echo(f"lkr: {said}", err=True)
        del found[variable]
    is_closed = found and not yes and ask.on_terminal() and store.is_created() and store.is_locked()
    if is_closed and not unlocking.on_demand():
        store.unlock(None)
    return import_plan.Plan(store, found, named, name)


def _what_else(value: str) -> str:
    """What a value is that takes a key's place; empty for a key."""
    if import_plan.is_placeholder(value):
        return "a placeholder"
    return "a command or a reference to a key" if references.is_reference(value) else ""


def show_plan(plan: import_plan.Plan, place: lookup.Place) -> None:
    if plan.keys and (where := common.elsewhere(place)):
        declare.echo(f"lkr: these keys go into {where}, for all folders below it", err=True)
    for variable, key in plan.keys.items():
        declare.echo(f"  {variable} → {key} ({plan.state(variable)})", err=True)
        if warning := providers.shape_warning(key, plan.found[variable]):
            declare.echo(f"    {warning}", err=True)


def settle(plan: import_plan.Plan, yes: bool, replace: bool = False) -> None:
    """Lets the person decide about each key that is stored with another value. Writes nothing."""
    if replace:
        plan.replaced.update(plan.keys.values())
    for variable in plan.conflicts():
        key = plan.keys[variable]
        asked = not yes and plan.state(variable) == import_plan.DIFFERS
        if asked:
            prompts.tell_projects(key)
        if asked and ask.confirm(f"{key} has another value. Replace it?"):
            plan.replaced.add(key)
            continue
        label = None if yes else _other_label(plan, variable)
        if label:
            plan.keys[variable] = label
        else:
            declare.echo(f"lkr: kept {key}, which has another value; skipped {variable}", err=True)
            del plan.keys[variable]


def _other_label(plan: import_plan.Plan, variable: str) -> str | None:
    """Asks for another key for this variable until the answer is valid. None for an empty answer."""
    provider = names.provider_of(plan.keys[variable])
    while answer := ask.text("Another label for this key (leave empty to skip it)", shown=False).strip():
        key = answer if answer.startswith(f"{provider}:") else f"{provider}:{answer}"
        problem = plan.problem(variable, key)
        if problem is None:
            return str(key)
        declare.echo(f"lkr: {problem}", err=True)
    return None


def carry_out(plan: import_plan.Plan | None, place: lookup.Place, text: str, local: str | None = None) -> None:
    """Stores the planned keys, writes the manifest if it changes, and allows it."""
    manifest_reader.read_manifest(place, text=text, local=local)
    values = plan.values() if plan else {}
    if plan and values:
        common.make_vault(plan.store)
        with common.logged("import") as done:
            for key in common.progress(list(values), "storing"):
                done.append(key)
                service.set_value(plan.store, key, values[key], replace=key in plan.replaced)
    prompts.write_and_allow(place, text, local)
    if plan and plan.keys:
        stored = common.count(len(plan.keys), "key is", "keys are")
        where = common.elsewhere(place) or lookup.MANIFEST
        declare.echo(f"lkr: {stored} in the {plan.store.name} and named in {where}", err=True)


def allowed_keys(place: lookup.Place) -> dict[str, str]:
    """The manifest's keys by variable; empty unless it is allowed."""
    grant = grants.in_force(place)
    return manifest_text.keys_by_variable(grant.bindings) if grant and grant.covers(place) else {}


def read_env(path: str) -> envfile.EnvFile:
    """Reads an env file, and names the lines that it skips. Errors: see envfile.read."""
    file = envfile.read(path)
    if file.unread:
        lines = "line" if len(file.unread) == 1 else "lines"
        what = f"skipped {lines} {', '.join(map(str, file.unread))} of {show(file.name)}, not in the form NAME=value"
        declare.echo(f"lkr: {what}", err=True)
    return file


def resolved_values(file: envfile.EnvFile) -> dict[str, str]:
    """The values that the file sets, without those that programs may read differently."""
    for variable in [each for each in import_plan.keys_in(file.values) if each in file.uncertain]:
        what = f"skipped {variable}: {file.uncertain[variable]}"
        declare.echo(f"lkr: {what}; store it yourself: lkr set {providers.key_for(variable)}", err=True)
        del file.values[variable]
    return file.values


def keys_of_file(file: envfile.EnvFile) -> dict[str, str]:
    """The keys that an env file holds, by variable."""
    return import_plan.keys_in(resolved_values(file))


def left_in(file: envfile.EnvFile) -> list[str]:
    """The variables whose values in the file look like secrets, by their names."""
    return [variable for variable, value in file.values.items() if import_plan.looks_secret(variable, value)]


def tell_left(folder: str, name: str) -> bool:
    """Reads an env file again, and names the secrets that it still has in plain text. True if there are any."""
    file = envfile.read(os.path.join(folder, name))
    left = left_in(file)
    keys = [variable for variable in import_plan.keys_in(file.values) if variable in left]
    where = f"{show(name)} still has %s in plain text; to"
    if keys:
        command = f"lkr import {quoted(os.path.relpath(os.path.join(folder, name)))} --blank"
        declare.echo(f"lkr: {where % _some(keys)} store and comment out: {command}", err=True)
    if rest := [variable for variable in left if variable not in keys]:
        declare.echo(f"lkr: {where % _some(rest)} store one: lkr set NAME, then lkr add VARIABLE=NAME", err=True)
    return bool(left)


def _some(variables: list[str]) -> str:
    """Some of the variables, for a sentence. A file may name a variable anything, even by a key."""
    shown = ", ".join(names.masked(show(each)) for each in variables[:_MOST_NAMED])
    return shown + (f" and {len(variables) - _MOST_NAMED} more" if len(variables) > _MOST_NAMED else "")


def environment() -> dict[str, str]:
    return {variable: value for variable, value in os.environ.items() if providers.holds_a_key(variable, value)}


def from_tool(source: str, name: str | None) -> dict[str, str]:
    """Keys from another secret manager, through its own program, which may ask for a passphrase."""
    tool, _, what = source.partition(":")
    if tool == "envchain" and what:
        if name:
            raise LkrError("--as cannot be used with envchain, whose keys have names", "leave --as out", USAGE)
        entries = [entry.partition("=") for entry in _output("envchain", what, "env", "-0").split("\0")]
        return {variable: value for variable, _, value in entries if os.environ.get(variable) != value}
    if tool == "pass" and what:
        value = _output("pass", "show", what).split("\n")[0]
    elif tool == "secret-tool" and "=" in what:
        value = _output("secret-tool", "lookup", *what.split("=", 1)).removesuffix("\n")
    else:
        raise LkrError("no such source", "use pass:PATH, secret-tool:ATTRIBUTE=VALUE or envchain:NAMESPACE", USAGE)
    variable = providers.variable_of(common.checked_own(name or ""))
    if not variable:
        raise LkrError("no known variable for that provider", "lkr set NAME, then lkr add VARIABLE=NAME", USAGE)
    return {variable: value}


def _output(*words: str) -> str:
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=120)
    except (OSError, subprocess.SubprocessError):
        raise LkrError(f"{words[0]} returned nothing", "is it installed, and is that the right entry?") from None
    return done.stdout.decode("utf-8", "surrogateescape")


def unset(file: envfile.EnvFile, named: dict[str, str]) -> dict[str, str]:
    """The manifest's variables that the file leaves empty or sets to a placeholder. A program that prefers the file to
    its environment would lose the loaded key."""
    empty = {name for name, value in file.values.items() if import_plan.is_placeholder(value)} - file.ambiguous
    return {variable: key for variable, key in named.items() if variable in empty}


def may_blank(file: envfile.EnvFile, keys: dict[str, str]) -> bool:
    what = f"Comment out the lines of {', '.join(keys)} in {show(file.name)}, which hold no key?"
    if keys != unset(file, keys):
        what = f"Take the values out of {show(file.name)}?"
    return ask.confirm(what)


def comment_out(file: envfile.EnvFile, keys: dict[str, str]) -> None:
    """Comments out the lines of these variables. An empty line would override the loaded key.

    Leaves a variable that has several values in the file, since only one of them is stored.
    """
    path = os.path.join(file.folder, file.name)
    if project_files.read(file.folder, file.name, alone=True) != file.text.encode():
        raise LkrError(f"{show(file.name)} has changed since lkr read it", "the keys are stored; run this again")
    for variable in file.ambiguous & keys.keys():
        what = f"left {variable} in {show(file.name)}, which gives it several values; lkr stored the last one"
        declare.echo(f"lkr: {what}; store or delete the others, then run this again", err=True)
    keys = {variable: key for variable, key in keys.items() if variable not in file.ambiguous}
    if not keys:
        return
    project_files.replace(file.folder, file.name, envfile.without(file, keys).encode())
    if empty := unset(file, keys):
        declare.echo(f"lkr: commented {', '.join(empty)} out in {show(file.name)}", err=True)
    if values := len(keys) - len(empty):
        declare.echo(f"lkr: took {common.count(values, 'value', 'values')} out of {show(file.name)}", err=True)
    if git.tracks(path):
        declare.echo("lkr: this file was in git, whose history keeps the values; revoke those keys", err=True)
