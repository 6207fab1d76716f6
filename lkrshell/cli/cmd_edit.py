"""`lkr edit`: the manifest in an editor; checked before it is written, then allowed."""

import os

from lkrshell.cli import ask, cmd_allow, common, declare
from lkrshell.cli.cmd_add import write_manifest
from lkrshell.core.errors import LkrError, ManifestError
from lkrshell.project import lookup, manifest


@declare.command("edit")
def command() -> None:
    """Edit this project's manifest in your editor. That is $VISUAL or $EDITOR; the result is allowed."""
    folder = common.project_folder(None)
    path = os.path.join(folder, lookup.MANIFEST)
    place = lookup.Place(folder)
    before = cmd_allow.read_manifest(place)
    cmd_allow.check_allowed(place)
    text = place.text[1:]
    while True:
        import click

        edited = click.edit(text, extension=".toml")
        if edited is None or edited == place.text[1:]:
            declare.echo("lkr: nothing was changed", err=True)
            return
        try:
            manifest.parse(path, edited)
            break
        except ManifestError as error:
            declare.echo(f"lkr: {error}", err=True)
            if not common.on_terminal() or not ask.confirm("Edit it again?", default=True):
                raise LkrError("the edit is no valid manifest", "nothing was changed") from None
            text = edited
    write_manifest(path, edited)
    parsed = cmd_allow.record_written(place, edited)
    for line in cmd_allow.difference(before.wants, parsed.wants):
        declare.echo(line, err=True)
    declare.echo("lkr: changed and allowed", err=True)
