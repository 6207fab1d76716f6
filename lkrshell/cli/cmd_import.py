"""`lkr import`: keys from an `.env` file or from the environment into the store, and their names into the manifest."""

import json
import os
import subprocess
from collections.abc import Iterable

import click

from lkrshell.cli import cmd_allow, common
from lkrshell.cli.cmd_add import write_manifest
from lkrshell.core import names
from lkrshell.core.errors import REFUSED, USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.core.want import Want
from lkrshell.project import envfile, grants, inside, lookup, manifest, naming
from lkrshell.runtime import adopt
from lkrshell.state import generation
from lkrshell.stores.vault import Vault
from lkrshell.system import git
from lkrshell.vendors import providers

REFUSAL = "a coding agent ({}) does not import keys"


@click.command("import")
@click.argument("file", required=False)
@click.option("--environment", is_flag=True, help="From the present environment instead of a file.")
@click.option(
    "--from", "tool", metavar="TOOL:WHAT", help="pass:PATH, secret-tool:ATTRIBUTE=VALUE or envchain:NAMESPACE."
)
@click.option("--as", "name", metavar="NAME", help="The key's name, for pass and secret-tool.")
@click.option("--dry-run", is_flag=True, help="Only show what would be stored.")
@click.option("--yes", is_flag=True, help="Do not ask. Keys that are there with another value are kept.")
@click.option("--replace", is_flag=True, help="Replace keys that are there with another value.")
@click.option("--blank", is_flag=True, help="Comment the stored values' lines out of FILE.")
@click.option("--json", "as_json", is_flag=True, help="The plan as JSON.")
def command(
    file: str | None,
    environment: bool,
    tool: str | None,
    name: str | None,
    dry_run: bool,
    yes: bool,
    replace: bool,
    blank: bool,
    as_json: bool,
) -> None:
    """Store the keys of an env file. Writes the manifest that names them."""
    if bool(file) + environment + bool(tool) != 1:
        raise LkrError("one source is needed", "lkr import .env, --environment, or --from TOOL:WHAT", USAGE)
    common.refuse_agent(REFUSAL)
    env = envfile.read(file) if file else None
    values = _in_file(env) if env else _from_tool(str(tool), name) if tool else _environment()
    place = lookup.Place(lookup.current_folder())
    plan = make_plan(values, allowed_keys(place), yes or dry_run, name)
    if not plan.found:
        raise LkrError("no keys found there", "a key's variable ends in _API_KEY, _TOKEN or _KEY")
    if as_json:
        rows = [{"variable": each, "name": key, "state": plan.state(each)} for each, key in plan.keys.items()]
        click.echo(json.dumps(rows, indent=2))
    else:
        tell(plan)
    if dry_run:
        return
    if not yes and not common.on_terminal():
        raise LkrError("no terminal to ask on", "say --yes, or --dry-run", REFUSED)
    inside.check_new(place)
    if env:
        inside.check(env.folder, env.name)
    if not yes:
        click.confirm("Store these?", abort=True, err=True)
    settle(plan, yes, replace)
    if not plan.keys:
        click.echo("lkr: nothing was stored", err=True)
        return
    if place.text != lookup.ABSENT:
        cmd_allow.check_allowed(place)
    carry_out(plan, place, *naming.with_keys(place, plan.keys))
    if env and plan.keys and (blank or (not yes and may_blank(env))):
        take_out(env, plan.keys)


def make_plan(values: dict[str, str], named: dict[str, str], yes: bool, name: str | None = None) -> adopt.Plan:
    """The plan for what was found. Asks for the passphrase where the store is locked, unless `yes`."""
    store, found = common.store(), adopt.keys_in(values)
    vault = isinstance(store, Vault)
    made = not isinstance(store, Vault) or store.made()
    if found and not yes and common.on_terminal() and made and store.is_locked():
        store.unlock(common.read_secret("Passphrase of the vault", False) if vault else None)
    return adopt.Plan(store, found, named, name)


def tell(plan: adopt.Plan) -> None:
    for variable, key in plan.keys.items():
        click.echo(f"  {variable} → {key} ({plan.state(variable)})", err=True)


def settle(plan: adopt.Plan, yes: bool, replace: bool = False) -> None:
    """Has the person decide about each key that is there with another value. Nothing is written yet."""
    if replace:
        plan.replaced.update(plan.keys.values())
    for variable in plan.conflicts():
        key = plan.keys[variable]
        asked = not yes and plan.state(variable) == adopt.DIFFERS
        if asked and click.confirm(f"{key} has another value. Replace it?", err=True):
            plan.replaced.add(key)
            continue
        label = None if yes else _other_label(plan, variable)
        if label:
            plan.keys[variable] = label
        else:
            click.echo(f"lkr: {key} differs and is kept; {variable} is left out", err=True)
            del plan.keys[variable]


def _other_label(plan: adopt.Plan, variable: str) -> str | None:
    """Another key for this variable, asked for until it fits; None for an empty answer."""
    provider = plan.keys[variable].partition(":")[0]
    while answer := click.prompt("Another label for this one (empty: leave it out)", default="", err=True).strip():
        key = answer if answer.startswith(f"{provider}:") else f"{provider}:{answer}"
        problem = plan.problem(variable, key)
        if problem is None:
            return str(key)
        click.echo(f"lkr: {problem}", err=True)
    return None


def carry_out(plan: adopt.Plan | None, place: lookup.Place, text: str, local: str | None = None) -> None:
    """Stores what the plan has, writes the manifest where it differs from what lies there, and allows the result."""
    changed = lookup.TEXT + text != place.text
    manifest.parse(lookup.MANIFEST, text, lookup.LOCAL, local if local is not None else _local(place))
    values = plan.values() if plan else {}
    if plan and values:
        common.make_vault(plan.store)
        with common.logged("import") as done:
            for key in common.progress(list(values), "storing"):
                done.append(key)
                common.keep(plan.store, key, values[key])
        generation.bump()
    if changed:
        write_manifest(os.path.join(place.folder, lookup.MANIFEST), text)
    if local is not None:
        write_manifest(os.path.join(place.folder, lookup.LOCAL), local)
    cmd_allow.record_written(place, text, local)
    if plan and plan.keys:
        stored = common.count(len(plan.keys), "key is", "keys are")
        click.echo(f"lkr: {stored} in the {plan.store.name} and named in .lkr.toml", err=True)


def _local(place: lookup.Place) -> str | None:
    return None if place.local == lookup.ABSENT else place.local[1:]


def allowed_keys(place: lookup.Place) -> dict[str, str]:
    """What the manifest here calls the keys, if it is allowed."""
    grant = grants.read(place.real)
    return named(grant.wants) if grant and grant.covers(place) else {}


def named(wants: Iterable[Want]) -> dict[str, str]:
    return {want.variable: want.key for want in wants if not want.profile}


def _in_file(file: envfile.EnvFile) -> dict[str, str]:
    """What the file sets, without what depends on the environment."""
    for variable in [each for each in adopt.keys_in(file.values) if each in file.open]:
        name = file.open[variable]
        name = name if names.is_variable(name) else names.said(name)
        what = f"{variable} is left out: it is made of {name}, which the file does not set"
        click.echo(f"lkr: {what}; store it yourself: lkr set {providers.key_for(variable)}", err=True)
        del file.values[variable]
    return file.values


def keys_of_file(file: envfile.EnvFile) -> dict[str, str]:
    """The keys that an env file holds, by variable."""
    return adopt.keys_in(_in_file(file))


def _environment() -> dict[str, str]:
    return {variable: value for variable, value in os.environ.items() if providers.holds_a_key(variable, value)}


def _from_tool(source: str, name: str | None) -> dict[str, str]:
    """What another keeper of secrets gives, by its own program; that may ask for its passphrase itself."""
    tool, _, what = source.partition(":")
    if tool == "envchain" and what:
        if name:
            raise LkrError("an envchain namespace has names of its own", "leave --as out", USAGE)
        entries = [entry.partition("=") for entry in _output("envchain", what, "env", "-0").split("\0")]
        return {variable: value for variable, _, value in entries if os.environ.get(variable) != value}
    if tool == "pass" and what:
        value = _output("pass", "show", what).split("\n")[0]
    elif tool == "secret-tool" and "=" in what:
        value = _output("secret-tool", "lookup", *what.split("=", 1)).removesuffix("\n")
    else:
        raise LkrError("no such source", "pass:PATH, secret-tool:ATTRIBUTE=VALUE or envchain:NAMESPACE", USAGE)
    variable = providers.variable_of(common.checked_key(name or ""))
    if not variable:
        raise LkrError("no known variable for that provider", "lkr set NAME, then lkr add VARIABLE=NAME", USAGE)
    return {variable: value}


def _output(*words: str) -> str:
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=120)
    except (OSError, subprocess.SubprocessError):
        raise LkrError(f"{words[0]} gave nothing", "is it installed, and is that the right entry?") from None
    return done.stdout.decode("utf-8", "surrogateescape")


def may_blank(file: envfile.EnvFile) -> bool:
    try:
        return click.confirm(f"Take the values out of {show(file.name)}?", err=True)
    except click.Abort:  # what was stored stays, so it must not end in "nothing was changed"
        click.echo(err=True)
        return False


def take_out(file: envfile.EnvFile, keys: dict[str, str]) -> None:
    """Comments the lines of these variables out: an empty value would take the loaded key's place."""
    path = os.path.join(file.folder, file.name)
    if inside.read(file.folder, file.name, alone=True) != file.text.encode():
        raise LkrError(f"{show(file.name)} has changed since lkr read it", "the keys are stored; do it again")
    inside.replace(file.folder, file.name, envfile.without(file, keys).encode())
    click.echo(f"lkr: took {common.count(len(keys), 'value', 'values')} out of {show(file.name)}", err=True)
    if git.tracks(path):
        click.echo("lkr: git has had this file: its history holds the values, so revoke those keys", err=True)
