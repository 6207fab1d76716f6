"""`lkr refresh [SOURCE]`: fetches the keys of sources that are allowed here, in one batch."""

from lkrshell.cli import common, declare
from lkrshell.core import names
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.project import granted, lookup
from lkrshell.runtime import session, source_fetch
from lkrshell.sources import base, refresh, settings

_WHY = {base.MISSING: "is no longer in the source", base.FORBIDDEN: "is no longer readable with your login"}


@declare.command("refresh", examples=("lkr refresh", "lkr refresh team --json"))
@declare.argument("source", required=False, metavar="[SOURCE]")
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(source: str | None, as_json: bool) -> int:
    """Fetch this project's keys from their sources again. Outside a project, fetches those of all allowed projects."""
    if source is not None and source not in settings.user_table():
        if names.is_reserved(source):
            raise LkrError("sealed keys are in the project's repository", "git pull, lkr unseal", USAGE)
        hint = common.did_you_mean(source, list(settings.user_table()), "see lkr source")
        raise LkrError(f"you have no source {names.redacted(source)}", hint, USAGE)
    keys = [key for key in _granted() if names.is_fetched(key) and source in (None, names.source_of(key))]
    if not keys:
        raise LkrError("no allowed project names a key of a source here", "lkr status, lkr source")
    report = source_fetch.fetch(common.store(), keys, refresh.ALL)
    common.log("refresh", *report.fetched, *report.gone)
    if as_json:
        problems = {name: str(error) for name, error in report.failed.items()}
        declare.echo_json({"fetched": report.fetched, "gone": report.gone, "problems": problems})
    else:
        _tell(report)
    return next((error.code for error in report.failed.values()), 0)


def _granted() -> list[str]:
    """Returns the keys of sources allowed for this project, under every profile. Outside a project, those of all
    projects."""
    folder = lookup.find(lookup.current_folder())
    if folder is None:
        return sorted(granted.by_key())
    chain = session.grant_chain(folder, [])
    return list(dict.fromkeys(binding.key for grant in chain for binding in grant.bindings))


def _tell(report: refresh.Report) -> None:
    for key, why in report.gone.items():
        declare.echo(f"lkr: {key} {_WHY[why]}; its copy here was removed", err=True)
    common.tell_problems(report.failed.values())
    if report.fetched or not report.failed:
        declare.echo(f"lkr: fetched {common.count(len(report.fetched), 'key', 'keys')}", err=True)
