"""`lkr status`: what is loaded here, what should be, and why."""

import os
import time

from lkrshell.cli import common, declare, output
from lkrshell.core import names
from lkrshell.core.binding import shown
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.project import grants, lookup, resolver
from lkrshell.runtime import broker_client, obstacles, session, status_line
from lkrshell.shells import session_state
from lkrshell.state import index
from lkrshell.state.paths import tilde

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lkrshell.stores.base import Store

_COLORS = {
    "loaded": "green",
    "not loaded": "yellow",
    "not stored": "red",
    "no recent copy": "red",
    "changed": "red",
    "emptied": "red",
    "unset": "red",
    "for other folders": "red",
    "admin key": "red",
    "awaits your confirmation": "yellow",
}


@declare.command("status", examples=("lkr status", "lkr status --json"))
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
@declare.option("--short", "as_line", is_flag=True, help="One line for a prompt; nothing outside a project.")
def command(as_json: bool, as_line: bool) -> None:
    """Show what is loaded here, and why. Also shows the project, its profile and the store."""
    if as_line:  # here only with other options; without them, __main__ handles it
        status_line.main()
        return
    found = _found()
    if as_json:
        declare.echo_json(found.report)
    else:
        _tell(found)


class _Found:
    """What --json prints, and what only the table needs besides."""

    def __init__(self, report: "dict[str, Any]") -> None:
        self.report = report
        self.blocked: dict[str, obstacles.Obstacle] = {}  # what keeps a key from the project, by variable
        self.require_all = False  # of the manifest


def _found() -> _Found:
    folder = lookup.find(lookup.current_folder())
    report: dict[str, Any] = {"manifest": None, "grant": None, "worktree_of": None, "wants": []}
    report["problem"] = None
    found = _Found(report)
    chosen = os.environ.get("LKR_PROFILE") or None
    report |= {"profile": chosen, "profile_by": "LKR_PROFILE" if chosen else None, "profiles": []}
    if folder is not None:
        report["manifest"] = os.path.join(folder, lookup.MANIFEST)
    try:
        store = common.store()
        report |= {"store": store.name, "locked": store.is_locked(), "left": store.seconds_left()}
        if folder is not None:
            chain = session.grant_chain(folder, [])
            report |= {"grant": chain[0].allowed, "worktree_of": chain[0].of or None}
            report |= _profile(chain)
            found.require_all = resolver.requires_all(chain)
            wants = resolver.resolve(chain, os.environ.get("LKR_PROFILE", ""))
            found.blocked = obstacles.find(store, wants, chain[0].real)
            report["wants"] = [
                {
                    "variable": want.variable,
                    "key": shown(want.key),
                    "scope": {"commands": list(want.commands)} if want.commands else want.scope,
                    "optional": want.optional,
                    **_stored(store, want.key),
                }
                for want in wants
            ]
    except LkrError as error:
        report["problem"] = str(error)
    loaded = session_state.loaded()
    report["direnv"] = os.environ.get("LKR_DIRENV", "").split()
    report["loaded"] = {variable: shown(key) for variable, key in loaded.items()}
    by_direnv = {want["variable"]: want["key"] for want in report["wants"] if want["variable"] in report["direnv"]}
    here = by_direnv | loaded
    report["broker"] = [name for name in here if broker_client.comes_from_broker(name, os.environ.get(name, ""))]
    report["changed"] = _changed({name: key for name, key in here.items() if name not in report["broker"]})
    return found


def _stored(store: "Store", key: str) -> "dict[str, Any]":
    """Whether a key can be loaded; for a key of a source, whether its copy can."""
    if not names.is_fetched(key):
        return {"stored": store.exists(key), "copy": None}
    from lkrshell.cli import source_keys

    row = source_keys.copy_row(key, index.read(store.name, key))
    return {"stored": row["copy"], "copy": row}


def _profile(chain: list[grants.Grant]) -> "dict[str, Any]":
    """The active profile, what chose it, and all profiles."""
    every = common.profiles(chain)
    if given := os.environ.get("LKR_PROFILE"):
        return {"profile": given, "profile_by": "LKR_PROFILE", "profiles": every}
    chosen = chain[0].profile if chain else ""
    return {"profile": chosen or None, "profile_by": "lkr use" if chosen else None, "profiles": every}


def _changed(loaded: dict[str, str]) -> dict[str, str]:
    """Variables that no longer hold what was loaded, and why we think so. Compares values only if the store is
    unlocked."""
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
        pass  # the problem is on a line of its own
    return found


def _tell(found: _Found) -> None:
    report = found.report
    manifest = report["manifest"]
    if manifest is None:
        why = "no .lkr.toml here or above" if _is_there() else "this folder no longer exists"
        lines = [("Project", f"none: {why}")]
    else:
        allowed = f", allowed {output.since(report['grant'])}" if report["grant"] else ""
        if report["worktree_of"]:
            allowed += f" with the worktrees of {tilde(report['worktree_of'])}"
        lines = [("Project", f"{tilde(os.path.dirname(manifest))}{allowed}")]
    if report["profile"]:
        lines.append(("Profile", f"{report['profile']}, chosen by {report['profile_by']}"))
    elif report["profiles"]:
        lines.append(("Profile", f"none; available: {', '.join(report['profiles'])}"))
    if "store" in report:
        left = report["left"]
        locked = "locked" if common.store().is_created() else "not created yet"
        state = locked if report["locked"] else f"unlocked for {output.span(left)}" if left else "unlocked"
        lines.append(("Store", f"{report['store']}, {state}"))
    if report["problem"]:
        lines.append(("Problem", report["problem"]))
    for name, text in lines:
        declare.echo(f"{name:<9}{show(text)}")
    rows = [_row(want, found) for want in report["wants"]]
    wanted = {want["variable"] for want in report["wants"]}
    more = {variable: key for variable, key in report["loaded"].items() if variable not in wanted}
    rows += [(variable, key, _state(variable, found)) for variable, key in more.items()]
    if rows:
        colors = [("", "", _COLORS.get(row[2].partition(",")[0].partition(" since")[0], "")) for row in rows]
        cells = [tuple(map(show, row)) for row in rows]
        declare.echo("\n" + output.table(("VARIABLE", "KEY", "STATE"), cells, colors), nl=False)
    elif manifest is None:
        declare.echo("Loaded   nothing")
    if hint := _next(found):
        declare.echo(f"\nNext: {hint}")


def _row(want: "dict[str, Any]", found: _Found) -> tuple[str, str, str]:
    scope, variable = want["scope"], want["variable"]
    obstacle = found.blocked.get(variable)
    if want["copy"] and not want["stored"]:
        state = "no recent copy"
    elif not want["stored"]:
        state = "not stored, optional" if want["optional"] else "not stored"
    elif obstacle and _state(variable, found).startswith("not loaded"):
        state = obstacle.state
    elif isinstance(scope, dict):
        state = f"only for {' '.join(scope['commands'])}"
    elif scope == "exec":
        state = "only for lkr exec"
    else:
        state = _state(variable, found)
    if want["copy"] and want["stored"]:
        state += _age(want["copy"])
    return variable, want["key"], state


def _age(copy: "dict[str, Any]") -> str:
    """How old a copy is, its version, and when it ends if that is soon."""
    now = time.time()
    text = f", fetched {output.ago(now - copy['fetched'])}"
    text += f", version {copy['version']}" if copy["version"] else ""
    if copy["stale"] <= now or copy["lease"]:
        text += f", ends in {output.span(max(1, int(copy['end'] - now)))}"
    return text


def _state(variable: str, found: _Found) -> str:
    report = found.report
    if how := report["changed"].get(variable):
        return f"{how} since it was loaded"
    virtual = ", by the broker" if variable in report["broker"] else ""
    if variable in report["loaded"]:
        return f"loaded{virtual}"
    if variable in report["direnv"]:
        return f"loaded by direnv{virtual}"
    return "not loaded, needs all keys" if _needs_all(found) else "not loaded"


def _is_there() -> bool:
    """False if the current folder was removed."""
    return os.path.exists(lookup.current_folder())


def _is_lacking(want: "dict[str, Any]") -> bool:
    return not want["stored"] and not want["optional"]


def _needs_all(found: _Found) -> bool:
    """True if the hook loads nothing because one of its keys is missing, and the manifest requires all."""
    return found.require_all and any(_is_lacking(want) and want["scope"] == "shell" for want in found.report["wants"])


def _next(found: _Found) -> str:
    """The next step for the person; empty if there is none."""
    report, blocked = found.report, found.blocked
    if report["problem"]:
        return ""  # the message names the fix
    if report["manifest"] is None:
        return "lkr init makes this folder a project" if _is_there() else ""
    if first := next((each for each in blocked.values() if each.blocks == "shell"), None):
        others = ", and keeps the other keys out too" if len(report["wants"]) > 1 else ""
        return f"{first.fix}  ({first.reason}{others})"
    if not report["wants"] and not report["profiles"]:
        return "lkr add openai:prod adds this key to the project"
    if report["locked"] and common.store().is_created():
        return "lkr unlock"
    states = [(want, _row(want, found)[2]) for want in report["wants"]]
    waiting = [want for want, state in states if state.startswith("not loaded")]
    if lacking := [want["key"] for want in report["wants"] if _is_lacking(want)]:
        more = bool(waiting) and not (_needs_all(found) or report["loaded"] or common.agent())
        later = ". If the stored keys do not load at the next prompt: lkr install" if more else ""
        return session.remedy(lacking[0]) + later
    if report["changed"]:
        return f"to load the keys again, {obstacles.RETURN}"
    if first := next(iter(blocked.values()), None):
        others = ", and keeps the other keys out of lkr exec" if first.blocks and len(report["wants"]) > 1 else ""
        return f"{first.fix}  ({first.reason}{others})"
    if waiting and (who := common.agent()):
        return f"lkr exec -- COMMAND gives a command its keys; this shell belongs to a coding agent ({who})"
    limited = [want["key"] for want in waiting if (entry := index.read(report["store"], want["key"])) and entry.ttl]
    if limited:
        what = f"{limited[0]} has a time limit, and may have left this shell"
        return f"{obstacles.RETURN}  ({what}). If nothing loads: lkr install"
    if waiting:
        return "press Enter: the hook loads keys at the next prompt. If nothing loads: lkr install"
    return ""
