"""`lkr use [PROFILE]`: shows a project's profiles, or chooses one in its `.lkr.local.toml` for every live shell."""

import os

import tomlkit

from lkrshell.cli import common, declare, prompts
from lkrshell.core import names
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.project import approve, lookup, manifest_reader
from lkrshell.runtime import session
from lkrshell.system import git


@declare.command("use", examples=("lkr use", "lkr use staging"))
@declare.argument("profile", required=False)
@declare.option("--default", "plain", is_flag=True, help="Go back to the manifest's plain [keys].")
@declare.option("--list", "listed", is_flag=True, help="List the profiles. The same as without PROFILE.")
@declare.option("--json", "as_json", is_flag=True, help="List them as JSON.")
def command(profile: str | None, plain: bool, listed: bool, as_json: bool) -> None:
    """Use PROFILE in this project from now on. Without PROFILE, list the profiles. LKR_PROFILE overrides the choice."""
    if bool(profile) + plain + (listed or as_json) > 1:
        raise LkrError("PROFILE, --default and --list cannot be used together", "choose one", USAGE)
    folder = common.project_folder(None)
    place = lookup.Place(folder)
    approve.check_allowed(place)
    parsed = manifest_reader.read_manifest(place)
    profiles = [] if plain else common.profiles(session.grant_chain(folder, []))
    if not profile and not plain:
        _list(profiles, os.environ.get("LKR_PROFILE") or parsed.profile, as_json)
        return
    if profile and profile not in profiles:
        otherwise = f"choose one of {', '.join(profiles)}" if profiles else "its manifest has no profiles"
        hint = common.did_you_mean(profile, profiles, otherwise)
        raise LkrError(f"there is no profile {names.redacted(profile)} here", hint)
    document = tomlkit.parse(place.local[1:])
    if profile:
        document["profile"] = profile
    else:
        document.pop("profile", None)
    prompts.write_and_allow(place, local=tomlkit.dumps(document))
    declare.echo(f"lkr: {show(folder)} now uses {f'the profile {profile}' if profile else 'no profile'}", err=True)
    _say_what_is_left(os.path.join(folder, lookup.LOCAL), profile or "")


def _say_what_is_left(path: str, chosen: str) -> None:
    """Says what the person may not expect: that a variable overrides the choice, and that git sees the file at
    `path`."""
    forced = os.environ.get("LKR_PROFILE")
    if forced and forced != chosen:
        what = f"LKR_PROFILE={show(forced)} still overrides this in this shell; unset LKR_PROFILE"
        declare.echo(f"lkr: {what}", err=True)
    if git.sees(path) and not git.tracks(path):
        declare.echo(f"lkr: git does not ignore {lookup.LOCAL}, which is only for you; add it to .gitignore", err=True)


def _list(profiles: list[str], chosen: str, as_json: bool) -> None:
    if as_json:
        declare.echo_json({"profiles": profiles, "profile": chosen or None}, indent=None)
        return
    for name in ["", *profiles]:
        declare.echo(f"{'*' if name == chosen else ' '} {name or '(plain [keys])'}")
