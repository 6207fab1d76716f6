"""`lkr use PROFILE`: chooses a profile for one project, in its `.lkr.local.toml`; every live shell follows."""

import os

import click
import tomlkit

from lkrshell import project
from lkrshell.commands import allow_, common
from lkrshell.commands.add_ import write_manifest
from lkrshell.errors import LkrError
from lkrshell.files import show


@click.command("use")
@click.argument("profile", required=False)
def command(profile: str | None) -> None:
    """Use PROFILE in this project from now on. Without PROFILE, its plain [keys]; LKR_PROFILE goes over it."""
    folder = common.project_folder(None)
    place = project.Place(folder)
    allow_.check_allowed(place)
    parsed = allow_.read_manifest(place)
    profiles = sorted({want.profile for want in parsed.wants} - {""})
    if profile and profile not in profiles and not parsed.inherit:
        raise LkrError("this project has no such profile", f"it has {', '.join(profiles) or 'none'}")
    path = os.path.join(folder, project.LOCAL)
    document = tomlkit.parse(place.local[1:])
    if profile:
        document["profile"] = profile
    else:
        document.pop("profile", None)
    write_manifest(path, tomlkit.dumps(document))
    allow_.record_written(place, place.text[1:], tomlkit.dumps(document))
    click.echo(f"lkr: {show(folder)} uses {profile or 'its plain keys'} now", err=True)
