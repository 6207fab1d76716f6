"""`lkr add VARIABLE[=NAME]`: adds a key to the manifest, keeps its comments, and allows it."""

import os

import tomlkit

from lkrshell.cli import common, declare, prompts
from lkrshell.core import names
from lkrshell.core.binding import shown
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.project import approve, grants, lookup, manifest_text, project_files
from lkrshell.project.manifest import Manifest
from lkrshell.runtime import import_plan
from lkrshell.vendors import providers


@declare.command("add", examples=("lkr add openai:prod", "lkr add OPENAI_API_KEY=openai:blog"))
@declare.argument("entry", metavar="VARIABLE[=NAME] | NAME")
@declare.option("--replace", is_flag=True, help="Replace a variable's key without asking.")
def command(entry: str, replace: bool) -> None:
    """Add a key to this project's manifest. Creates the manifest if there is none, and allows the result."""
    variable, name = _parts(entry)
    place = common.place_here()
    if place.text == lookup.ABSENT:
        project_files.check_new(place)
    else:
        approve.check_allowed(place)
    grant = grants.in_force(place)
    if why := providers.refusal(variable, grant.let_in if grant else ()):
        raise common.unusual_variable(variable, name, why)
    text = place.text[1:] or manifest_text.EMPTY
    before = manifest_text.key_of(manifest_text.keys_table(tomlkit.parse(text)).get(variable))
    if before == name:
        raise LkrError(f"{variable} is already {name}", "nothing was changed")
    if before:
        prompts.yes(f"{variable} is {before} here. Use {name} instead?", replace, "add --replace")
    parsed = prompts.write_and_allow(place, manifest_text.add_keys(text, {variable: name}))
    what = f"{variable} is now {name} instead of {before}" if before else f"added {variable} ← {name}"
    where = common.elsewhere(place)
    declare.echo(f"lkr: {what}{f' in {where}' if where else ''}, and allowed it", err=True)
    if override := _override(parsed, variable, name):
        declare.echo(f"lkr: but {override}, and that stays in force", err=True)
    try:
        problems = approve.missing(common.store(), name)
    except LkrError as error:
        problems = [str(error)]
    common.tell_problems(problems)


def _override(parsed: Manifest, variable: str, name: str) -> str:
    """Says what gives the variable another key than this one of `[keys]`: the active profile, or the local file."""
    profile = os.environ.get("LKR_PROFILE", "") or parsed.profile
    found = {binding.profile: shown(binding.key) for binding in parsed.bindings if binding.variable == variable}
    who, key = (f"the profile {profile}", found[profile]) if profile in found and profile else (lookup.LOCAL, found[""])
    return "" if key == name else f"{who} gives it {key}"


def _parts(entry: str) -> tuple[str, str]:
    variable, equals, name = entry.partition("=")
    if not equals and names.is_key(entry):
        variable, name = providers.variable_of(entry) or "", entry
        if not variable:
            raise common.no_variable(entry, f"VARIABLE={entry}")
    elif not equals:
        name = import_plan.likely_key(common.store(), variable) if providers.key_for(variable) else ""
        if not name:
            if entry in providers.known():
                raise LkrError(f"{entry} is a provider", f"name one of its keys: lkr add {entry}:main", USAGE)
            known = providers.known().values()
            given = variable if names.is_variable(variable) else "VARIABLE"
            otherwise = f"write {given}=provider:label, such as {given}=openai:prod"
            hint = common.did_you_mean(
                variable, [each.variable for each in known if each.variable], otherwise, "lkr add {}"
            )
            raise LkrError(f"no known provider uses the variable {names.redacted(variable)}", hint, USAGE)
    if not names.is_variable(variable):
        raise LkrError("that is not a variable for a key", "write VARIABLE=provider:label", USAGE)
    return variable, common.checked_key(name)
