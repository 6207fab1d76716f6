"""`lkr use PROFILE`: chooses a profile for one project, in its `.lkr.local.toml`; every live shell follows."""

import os

import tomlkit

from lkrshell.cli import cmd_allow, common, declare
from lkrshell.cli.cmd_add import write_manifest
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.project import lookup


@declare.command("use")
@declare.argument("profile", required=False)
def command(profile: str | None) -> None:
    """Use PROFILE in this project from now on. Without PROFILE, its plain [keys]; LKR_PROFILE goes over it."""
    folder = common.project_folder(None)
    place = lookup.Place(folder)
    cmd_allow.check_allowed(place)
    parsed = cmd_allow.read_manifest(place)
    profiles = sorted({want.profile for want in parsed.wants} - {""})
    if profile and profile not in profiles and not parsed.inherit:
        raise LkrError("this project has no such profile", f"it has {', '.join(profiles) or 'none'}")
    path = os.path.join(folder, lookup.LOCAL)
    document = tomlkit.parse(place.local[1:])
    if profile:
        document["profile"] = profile
    else:
        document.pop("profile", None)
    write_manifest(path, tomlkit.dumps(document))
    cmd_allow.record_written(place, place.text[1:], tomlkit.dumps(document))
    declare.echo(f"lkr: {show(folder)} uses {profile or 'its plain keys'} now", err=True)
