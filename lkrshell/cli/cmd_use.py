"""`lkr use PROFILE`: chooses a profile for one project, in its `.lkr.local.toml`; every live shell follows."""

import click
import tomlkit

from lkrshell.cli import common, prompts
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.project import approve, lookup


@click.command("use")
@click.argument("profile", required=False)
def command(profile: str | None) -> None:
    """Use PROFILE in this project from now on. Without PROFILE, its plain [keys]; LKR_PROFILE goes over it."""
    folder = common.project_folder(None)
    place = lookup.Place(folder)
    approve.check_allowed(place)
    parsed = approve.read_manifest(place)
    profiles = sorted({want.profile for want in parsed.wants} - {""})
    if profile and profile not in profiles and not parsed.inherit:
        raise LkrError("this project has no such profile", f"it has {', '.join(profiles) or 'none'}")
    document = tomlkit.parse(place.local[1:])
    if profile:
        document["profile"] = profile
    else:
        document.pop("profile", None)
    prompts.write_and_allow(place, local=tomlkit.dumps(document))
    click.echo(f"lkr: {show(folder)} uses {profile or 'its plain keys'} now", err=True)
