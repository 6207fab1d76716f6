"""`lkr status`: what is loaded here, what should be, and why."""

import json
import os
from typing import Any

from lkrshell.cli import common, declare
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.project import grants, lookup, resolver
from lkrshell.runtime import session, status_line


@declare.command("status")
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
@declare.option("--short", "as_line", is_flag=True, help="One line for a prompt; nothing outside a project.")
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
    if as_json:
        declare.echo(json.dumps(report, indent=2))
        return
    allowed = f", allowed {report['grant']}" if report["grant"] else ""
    rows = [("manifest", f"{report['manifest']}{allowed}" if report["manifest"] else "none here or above")]
    rows += [("wants", _line(want)) for want in report["wants"]]
    if "store" in report:
        rows.append(("store", f"{report['store']}, {'locked' if report['locked'] else 'unlocked'}"))
    rows.append(("loaded", " ".join(f"{variable} ({key})" for variable, key in loaded.items()) or "nothing"))
    rows += [("profile", report["profile"])] if report["profile"] else []
    rows += [("direnv", "holds " + " ".join(report["direnv"]))] if report["direnv"] else []
    rows += [("problem", report["problem"])] if report["problem"] else []
    before = ""
    for name, text in rows:
        declare.echo(f"{'' if name == before else name:<10}{show(text)}")
        before = name


def _line(want: dict[str, Any]) -> str:
    scope, note = want["scope"], ""
    if isinstance(scope, dict):
        note = f", for {' '.join(scope['commands'])} alone"
    elif scope == "exec":
        note = ", by lkr exec alone"
    return f"{want['variable']} ← {want['key']}{note}{'' if want['stored'] else ', not stored'}"
