"""`lkr edit`: opens the manifest in an editor, checks the result before writing it, and allows it."""

import sys
import tempfile

from lkrshell.cli import ask, common, declare, layout, prompts
from lkrshell.core.errors import LkrError, ManifestError
from lkrshell.core.text import quoted
from lkrshell.project import approve, lookup, manifest_reader


@declare.command("edit", examples=("lkr edit", "EDITOR=nano lkr edit"))
def command() -> None:
    """Edit this project's manifest in your editor. Uses $VISUAL or $EDITOR, and allows the result."""
    folder = common.project_folder(None)
    place = lookup.Place(folder)
    before = manifest_reader.read_manifest(place)
    approve.check_allowed(place)
    text = place.text[1:]
    import click

    while True:
        edited = click.edit(text, extension=".toml")
        if edited is None or edited == place.text[1:]:
            declare.echo("lkr: nothing was changed", err=True)
            return
        try:
            manifest_reader.read_manifest(place, text=edited)
            break
        except ManifestError as error:
            declare.echo(f"lkr: {error}", err=True)
            if not ask.on_terminal() or not ask.confirm("Edit it again?", default=True):
                raise LkrError("the edited manifest is not valid", "nothing was changed") from None
            text = edited
    try:
        parsed = prompts.write_and_allow(place, edited)
    except LkrError as error:
        raise LkrError(error.message, f"your edit is in {_kept(edited)}", error.code) from None
    for line in layout.changes(approve.difference(before.bindings, parsed.bindings), sys.stderr):
        declare.echo(line, err=True)
    declare.echo("lkr: changed and allowed", err=True)


def _kept(text: str) -> str:
    """Saves what the person wrote, and returns the file's path."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml", prefix="lkr-edit-", delete=False, encoding="utf-8") as file:
        file.write(text)
    return quoted(file.name)
