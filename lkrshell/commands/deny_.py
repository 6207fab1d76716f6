"""`lkr deny`: takes a grant back."""

import click

from lkrshell import generation, grants, project
from lkrshell.commands import common
from lkrshell.files import show


@click.command("deny")
@click.argument("folder", required=False)
def command(folder: str | None) -> None:
    """Take the grant of the project in FOLDER (default: here) back."""
    place = project.Place(common.project_folder(folder))
    had = grants.remove(place.real)
    generation.bump()
    common.log("deny", project=place.real)
    click.echo(f"lkr: {'denied' if had else 'was not allowed:'} {show(place.real)}", err=True)
