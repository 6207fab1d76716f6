"""`lkr import`: keys from an `.env` file or from the environment into the store, and their names into the manifest."""

from lkrshell.cli import declare, importing, prompts
from lkrshell.core.errors import USAGE, LkrError


@declare.command("import")
@declare.argument("file", required=False)
@declare.option("--environment", is_flag=True, help="From the present environment instead of a file.")
@declare.option(
    "--from", "tool", metavar="TOOL:WHAT", help="pass:PATH, secret-tool:ATTRIBUTE=VALUE or envchain:NAMESPACE."
)
@declare.option("--as", "name", metavar="NAME", help="The key's name, for pass and secret-tool.")
@declare.option("--dry-run", is_flag=True, help="Only show what would be stored.")
@declare.option("--yes", is_flag=True, help="Do not ask. Keys that are there with another value are kept.")
@declare.option("--replace", is_flag=True, help="Replace keys that are there with another value.")
@declare.option("--blank", is_flag=True, help="Take the stored values out of FILE, comments kept.")
@declare.option("--json", "as_json", is_flag=True, help="The plan as JSON.")
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
    found = importing.keys(
        importing.file_values(file) if file else importing.from_tool(tool, name) if tool else importing.environment()
    )
    if not found:
        raise LkrError("no keys found there", "a key's variable ends in _API_KEY, _TOKEN or _KEY")
    plan = importing.Plan(found, name)
    if as_json:
        import json

        declare.echo(json.dumps(plan.rows(), indent=2))
    else:
        plan.tell()
    if dry_run:
        return
    prompts.yes("Store these?", yes, "say --yes, or --dry-run")
    plan.carry_out(file, yes, replace, blank)
