"""`lkr status`: what is loaded here, what should be, and why."""

import json
import os

import click

from lkrshell import grants, project, resolver, session, short
from lkrshell.commands import common
from lkrshell.errors import LkrError
from lkrshell.files import show


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--short", "as_line", is_flag=True, help="One line for a prompt; nothing outside a project.")
def command(as_json: bool, as_line: bool) -> None:
    """Show the manifest in force, its grant, the store, and what is loaded."""
    if as_line:  # with other options beside it; alone it comes by the short way in __main__
        short.main()
        return
    folder = project.find(project.current_folder())
    report: dict[str, object] = {"manifest": None, "grant": None, "wants": [], "problem": None}
    try:
        store = common.store()
        report |= {"store": store.name, "locked": store.is_locked()}
        if folder is not None:
            report["manifest"] = os.path.join(folder, project.MANIFEST)
            chain = session.chain(folder, [])
            grant = grants.read(os.path.realpath(folder))
            report["grant"] = grant.allowed if grant else None
            wants = resolver.resolve(chain, os.environ.get("LKR_PROFILE", ""))
            report["wants"] = [
                {
                    "variable": want.variable,
                    "key": want.key,
                    "scope": {"commands": list(want.commands)} if want.commands else want.scope,
                    "stored": store.exists(want.key),
                }
                for want in wants
            ]
    except LkrError as error:
        report["problem"] = str(error)
    loaded = dict(word.split("=")[:2] for word in os.environ.get("LKR_STATE", "").split() if "=" in word)
    report |= {"loaded": loaded, "profile": os.environ.get("LKR_PROFILE") or None}
    report["direnv"] = os.environ.get("LKR_DIRENV", "").split()
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    for name, value in report.items():
        if isinstance(value, list):
            click.echo(f"{name + ':':<10}{'' if value else '-'}")
            for item in value:
                click.echo("  " + (_line(item) if isinstance(item, dict) else item))
        else:
            shown = " ".join(f"{name} ({key})" for name, key in value.items()) if isinstance(value, dict) else value
            click.echo(f"{name + ':':<10}{'-' if shown in (None, '') else show(str(shown))}")


def _line(item: dict[str, object]) -> str:
    shown = {k: ",".join(v["commands"]) if isinstance(v, dict) else v for k, v in item.items()}
    return " ".join(f"{k}={v}" for k, v in shown.items())
