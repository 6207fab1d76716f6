"""`lkr edit`: opens the manifest in an editor, checks the result before writing it, and allows it."""

import os
import sys
import tempfile

from lkrshell.cli import ask, common, declare, layout, prompts
from lkrshell.core.binding import Binding
from lkrshell.core.errors import REFUSED, LkrError, ManifestError
from lkrshell.core.text import quoted, show
from lkrshell.project import approve, lookup, manifest_reader


@declare.command("edit", examples=("lkr edit", "EDITOR=nano lkr edit"))
def command() -> None:
    """Edit this project's manifest in your editor. Uses $VISUAL or $EDITOR, and allows the result.

    If the manifest was not valid before, the result waits for lkr allow.
    """
    place = lookup.Place(common.project_folder(None))
    before = _allowed(place)
    edited = _edited(place)
    if edited is None:
        declare.echo("lkr: nothing was changed", err=True)
        return
    try:
        parsed = approve.save(place, edited) if before is None else prompts.write_and_allow(place, edited)
    except LkrError as error:
        raise LkrError(error.message, f"your edit is in {_kept(edited)}", error.code) from None
    if before is None:
        declare.echo(f"lkr: wrote {lookup.MANIFEST}; review and allow it: lkr allow", err=True)
        return
    for line in layout.changes(approve.difference(before, parsed.bindings), sys.stderr):
        declare.echo(line, err=True)
    declare.echo("lkr: changed and allowed", err=True)


def _allowed(place: lookup.Place) -> tuple[Binding, ...] | None:
    """What the current manifest binds; None if its own text is not valid. ManifestError if it is valid, but not
    allowed."""
    try:
        before = manifest_reader.read_manifest(place).bindings
    except ManifestError:
        if place.text == lookup.UNREADABLE or _is_valid(place):
            raise
        return None
    approve.check_allowed(place)
    return before


def _is_valid(place: lookup.Place) -> bool:
    """True if the manifest alone is valid, without the `.lkr.local.toml` beside it."""
    try:
        manifest_reader.read_manifest(place, local="")
    except ManifestError:
        return False
    return True


def _edited(place: lookup.Place) -> str | None:
    """Opens the editor until the manifest is valid, and returns its text. None if nothing changed."""
    if not ask.on_terminal() and not (os.environ.get("VISUAL") or os.environ.get("EDITOR")):
        raise LkrError(
            "there is no terminal for an editor", f"set EDITOR, or change {lookup.MANIFEST} yourself", REFUSED
        )
    import click

    text = place.text[1:]
    while True:
        try:
            edited = click.edit(text, extension=".toml")
        except click.ClickException as error:
            variable = "VISUAL" if os.environ.get("VISUAL") else "EDITOR"
            editor = error.format_message().partition(": ")[0]
            hint = f"choose another one in ${variable}; nothing was changed"
            raise LkrError(f"the editor {show(editor)} cannot be started, or failed", hint) from None
        except OSError as error:
            raise LkrError(f"cannot read what the editor left: {error.strerror}", "nothing was changed") from None
        if edited is None or edited == place.text[1:]:
            return None
        try:
            manifest_reader.read_manifest(place, text=edited)
            return edited
        except ManifestError as error:
            declare.echo(f"lkr: {str(error).removesuffix('; edit it: lkr edit')}", err=True)
            if not ask.on_terminal() or not ask.confirm("Edit it again?", default=True):
                raise LkrError("the edited manifest is not valid", "nothing was changed") from None
            text = edited


def _kept(text: str) -> str:
    """Saves what the person wrote, and returns the file's path."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml", prefix="lkr-edit-", delete=False, encoding="utf-8") as file:
        file.write(text)
    return quoted(file.name)
