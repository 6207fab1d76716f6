"""Lists the types of sources, and makes the source for a user's settings. A type's library is loaded only to use it.

Other packages add types through the entry point group `lkrshell.sources`: a name, and a class that takes (Settings,
login).
"""

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
    """True for a type behind another program, whose arguments are in presets.toml."""
    return kind in _programs()


def fields_of(kind: str) -> tuple[str, ...]:
    """Returns the fields of a type that another package brings."""
    return tuple(getattr(_others()[kind].load(), "fields", ()))


def is_installed(kind: str) -> str:
    """Returns the command that installs what a type lacks; empty when nothing is missing. Loads nothing."""
    from importlib import util

    module = {"openbao": "hvac", "aws": "boto3"}.get(kind)
    if module is None or util.find_spec(module):
        return ""
    return f"in a checkout of lkrshell: pipx install --force '.[{kind}]'"


def open_source(settings: Settings, login: Secret | None) -> Source:
    """Returns the source. `login` is what it gave us to keep. Raises LkrError when its library is not installed."""
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
    """Returns the name of the program behind a type."""
    return _programs()[kind].program
