"""`lkr deny`: takes a grant back."""

import os

from lkrshell.cli import common, declare
from lkrshell.core.text import show
from lkrshell.project import approve, grants, lookup


@declare.command("deny", examples=("lkr deny", "lkr deny ~/work/app"))
@declare.argument("folder", required=False)
def command(folder: str | None) -> None:
    """Take a project's grant back. FOLDER: here, by default."""
    real = os.path.realpath(folder or lookup.current_folder())
    if not os.path.exists(grants.path_of(real)):  # the folder itself, or its manifest, may be gone
        real = os.path.realpath(common.project_folder(folder))
    had = approve.revoke(real)
    common.log("deny", project=real)
    declare.echo(f"lkr: {'denied' if had else 'was not allowed:'} {show(real)}", err=True)
