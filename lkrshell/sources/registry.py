"""Which types of sources there are, and the source for a user's settings. Other packages bring theirs by the entry
points `lkrshell.sources`: a name, and a class that takes (Settings, login). Loads a type's library only to use it."""

import functools
from importlib import metadata

from lkrshell.core.errors import UNREACHABLE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.sources.base import Source
from lkrshell.sources.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.sources.programs import Preset

GROUP = "lkrshell.sources"
_OWN = ("openbao", "aws", "command")


@functools.cache
def _programs() -> "dict[str, Preset]":
    from lkrshell.sources import programs

    return programs.presets()


@functools.cache
def _others() -> dict[str, metadata.EntryPoint]:
    return {point.name: point for point in metadata.entry_points(group=GROUP) if point.name not in _OWN}


def types() -> list[str]:
    return [*_OWN, *_programs(), *(name for name in _others() if name not in _programs())]


def is_program(kind: str) -> bool:
    """True for a type that works by another program, whose arguments are a row of ours."""
    return kind in _programs()


def fields_of(kind: str) -> tuple[str, ...]:
    """The fields that a type of another package takes."""
    return tuple(getattr(_others()[kind].load(), "fields", ()))


def is_installed(kind: str) -> str:
    """What is missing for a type, as the command that installs it; empty when all is there. Loads nothing."""
    from importlib import util

    module = {"openbao": "hvac", "aws": "boto3"}.get(kind)
    if module is None or util.find_spec(module):
        return ""
    return f"in a checkout of lkrshell: pipx install --force '.[{kind}]'"


def open_source(settings: Settings, login: Secret | None) -> Source:
    """The source itself. `login` is what it gave to be kept. LkrError when its library is not installed."""
    if hint := is_installed(settings.type):
        raise LkrError(f"what lkr needs for {settings.type} is not installed", hint, UNREACHABLE)
    if settings.type == "openbao":
        from lkrshell.sources.openbao import OpenBao

        return OpenBao(settings, login)
    if settings.type == "aws":
        from lkrshell.sources.aws import Aws

        return Aws(settings)
    if settings.type == "command" or is_program(settings.type):
        from lkrshell.sources.programs import Program

        return Program(settings)
    found: Source = _others()[settings.type].load()(settings, login)
    return found


def program_of(kind: str) -> str:
    """The name of the program that a type works by."""
    return _programs()[kind].program
