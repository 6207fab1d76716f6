"""`lkr deny`: revokes a project's grant."""

import os

from lkrshell.cli import common, declare
from lkrshell.core.text import show
from lkrshell.project import approve, grants, lookup
from lkrshell.state import paths


@declare.command("deny", examples=("lkr deny", "lkr deny ~/work/app"))
@declare.argument("folder", required=False)
def command(folder: str | None) -> None:
    """Take a project's permission back, and that of its git worktrees. FOLDER is the current folder by default."""
    real = paths.real(folder or lookup.current_folder())
    if not os.path.exists(grants.path_of(real)):  # the folder or its manifest may no longer exist
        real = paths.real(common.project_folder(folder))
    denied = approve.revoke(real)
    for each in denied or [real]:
        common.log("deny", project=each)
        declare.echo(f"lkr: denied {show(each)}" if denied else f"lkr: {show(each)} was not allowed", err=True)
