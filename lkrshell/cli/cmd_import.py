"""`lkr import`: stores keys from an `.env` file or the environment, and adds their names to the manifest."""

from lkrshell.cli import common, declare, importing, prompts
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.project import approve, envfile, lookup, manifest_text, project_files
from lkrshell.runtime import import_plan


@declare.command("import", examples=("lkr import .env --blank", "lkr import --from pass:api/openai --as openai:main"))
@declare.argument("file", required=False, metavar="[FILE]")
@declare.option("--environment", is_flag=True, help="Read this shell's environment instead of a file.")
@declare.option(
    "--code",
    is_flag=True,
    help="Change load_dotenv(), hard-coded keys and getpass() in Python code (FILE or a folder).",
)
@declare.option(
    "--from", "tool", metavar="TOOL:WHAT", help="pass:PATH, secret-tool:ATTRIBUTE=VALUE or envchain:NAMESPACE."
)
@declare.option("--as", "name", metavar="NAME", help="The name to store the key under, if there is only one.")
@declare.option("--dry-run", is_flag=True, help="Only show what would be stored.")
@declare.option("--yes", is_flag=True, help="Do not ask. Keep keys that already have another value.")
@declare.option("--replace", is_flag=True, help="Replace keys that already have another value.")
@declare.option("--blank", is_flag=True, help="Comment out the lines of FILE whose keys were stored.")
@declare.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
def command(
    file: str | None,
    environment: bool,
    code: bool,
    tool: str | None,
    name: str | None,
    dry_run: bool,
    yes: bool,
    replace: bool,
    blank: bool,
    as_json: bool,
) -> None:
    """Store the keys from an env file. Also writes a manifest that names them."""
    if code:
        if environment or tool or name or blank or as_json:
            raise LkrError("--code cannot be used with these options", "lkr import --code [FILE] [--dry-run]", USAGE)
        from lkrshell.cli import import_code

        import_code.run(file, dry_run, yes, replace)
        return
    if bool(file) + environment + bool(tool) != 1:
        raise LkrError("name one source", "lkr import .env, --environment, --code, or --from TOOL:WHAT", USAGE)
    if name:
        common.checked_own(name)
    env = importing.read_env(file) if file else None
    values = (
        importing.resolved_values(env)
        if env
        else importing.from_tool(str(tool), name)
        if tool
        else importing.environment()
    )
    place = common.place_here()
    plan = importing.make_plan(values, importing.allowed_keys(place), yes or dry_run, name)
    if not plan.found:
        if env:
            importing.tell_left(env.folder, env.name)
        raise LkrError("no keys found there", "a key's variable ends in _API_KEY, _TOKEN or _KEY")
    if name and len(plan.found) > 1:
        raise LkrError(f"--as names one key, but there are {len(plan.found)}", "leave --as out", USAGE)
    _show(plan, place, as_json)
    if dry_run:
        return
    _carry_out(plan, place, env, yes, replace, blank)


def _show(plan: import_plan.Plan, place: lookup.Place, as_json: bool) -> None:
    if as_json:
        rows = [{"variable": each, "name": key, "state": plan.state(each)} for each, key in plan.keys.items()]
        declare.echo_json(rows)
    else:
        importing.show_plan(plan, place)


def _carry_out(
    plan: import_plan.Plan, place: lookup.Place, env: envfile.EnvFile | None, yes: bool, replace: bool, blank: bool
) -> None:
    project_files.check_new(place)
    if env:
        project_files.check(env.folder, env.name)
    prompts.yes("Store these?", yes, "add --yes or --dry-run")
    importing.settle(plan, yes, replace)
    if not plan.keys:
        raise LkrError("nothing was stored", "--replace stores keys that have another value")
    if place.text != lookup.ABSENT:
        approve.check_allowed(place)
    importing.carry_out(plan, place, *manifest_text.with_keys(place, plan.keys))
    if env:
        lines = plan.keys | importing.unset(env, importing.allowed_keys(lookup.Place(place.folder)))
        if blank or (not yes and importing.may_blank(env, lines)):
            importing.comment_out(env, lines)
        importing.tell_left(env.folder, env.name)
