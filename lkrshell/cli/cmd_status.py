"""`lkr status`: what is loaded here, what should be, and why."""

import json
import os
from typing import Any

import click

from lkrshell.cli import common
from lkrshell.core import names
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.project import grants, lookup, resolver
from lkrshell.runtime import session, status_line


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--short", "as_line", is_flag=True, help="One line for a prompt; nothing outside a project.")
def command(as_json: bool, as_line: bool) -> None:
    """Show what is loaded here, and why. The manifest in force, its grant, the store."""
    if as_line:  # with other options beside it; alone it comes by the short way in __main__
        status_line.main()
        return
    folder = lookup.find(lookup.current_folder())
    report: dict[str, Any] = {"manifest": None, "grant": None, "wants": [], "problem": None}
    try:
        store = common.store()
        report |= {"store": store.name, "locked": store.is_locked()}
        if folder is not None:
            report["manifest"] = os.path.join(folder, lookup.MANIFEST)
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
    by_direnv = {want["variable"]: want["key"] for want in report["wants"] if want["variable"] in report["direnv"]}
    report["changed"] = _changed(by_direnv | loaded)
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    allowed = f", allowed {report['grant']}" if report["grant"] else ""
    rows = [("manifest", f"{report['manifest']}{allowed}" if report["manifest"] else "none here or above")]
    rows += [("wants", _line(want)) for want in report["wants"]]
    if "store" in report:
        rows.append(("store", f"{report['store']}, {'locked' if report['locked'] else 'unlocked'}"))
    rows.append(("loaded", " ".join(f"{variable} ({key})" for variable, key in loaded.items()) or "nothing"))
    for variable, how in report["changed"].items():
        rows.append(("changed", f"{variable} was loaded, but {how} since: something else sets it in this shell"))
    rows += [("profile", report["profile"])] if report["profile"] else []
    rows += [("direnv", "holds " + " ".join(report["direnv"]))] if report["direnv"] else []
    rows += [("problem", report["problem"])] if report["problem"] else []
    before = ""
    for name, text in rows:
        click.echo(f"{'' if name == before else name:<10}{show(text)}")
        before = name


def _changed(loaded: dict[str, str]) -> dict[str, str]:
    """Variables that no longer hold what was loaded, and how that shows; a value only where the store is unlocked."""
    found = {}
    for variable in loaded:
        if not os.environ.get(variable):
            found[variable] = "emptied" if variable in os.environ else "unset"
    rest = {variable: key for variable, key in loaded.items() if variable not in found and names.is_key(key)}
    try:
        store = common.store()
        if rest and common.agent() is None and not store.is_locked():
            secrets = store.get(list(dict.fromkeys(rest.values())))
            for variable, key in rest.items():
                if (secret := secrets.get(key)) and secret.reveal() != os.environ[variable]:
                    found[variable] = "changed"
    except LkrError:
        pass  # its own line says so
    return found


def _line(want: dict[str, Any]) -> str:
    scope, note = want["scope"], ""
    if isinstance(scope, dict):
        note = f", for {' '.join(scope['commands'])} alone"
    elif scope == "exec":
        note = ", by lkr exec alone"
    return f"{want['variable']} ← {want['key']}{note}{'' if want['stored'] else ', not stored'}"
