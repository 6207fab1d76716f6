"""Writes `[sources.NAME]` into the user's config.toml, keeping comments, and records which addresses the person
confirmed."""

import os

import tomlkit
from tomlkit.exceptions import TOMLKitError

from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.sources.settings import Settings
from lkrshell.state import config, files, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def add(name: str, table: dict[str, object]) -> None:
    """Adds a source. Raises LkrError if the name is taken."""

    def change(sources: "dict[str, object]") -> None:
        if name in sources:
            raise LkrError(f"there is already a source {name}", f"lkr source rm {name} first; nothing was changed")
        sources[name] = table

    _change(change)


def remove(name: str) -> bool:
    """Removes a source. Returns False if there is no source with this name."""
    there = False

    def change(sources: "dict[str, object]") -> None:
        nonlocal there
        there = sources.pop(name, None) is not None

    _change(change)
    files.remove_private(_confirmed(name))
    return there


def _change(change: "Callable[[dict[str, object]], None]") -> None:
    path = paths.config_file()
    with files.locked(os.path.join(paths.state_dir(), "sources")):
        data = config.read(path)
        try:
            document = tomlkit.parse((data or b"").decode("utf-8"))
        except (UnicodeDecodeError, TOMLKitError):
            raise LkrError(f"{show(path)} is not TOML", "fix it first; nothing was changed") from None
        sources = document.setdefault("sources", tomlkit.table(is_super_table=True))
        change(sources)
        if not sources:
            del document["sources"]
        text = tomlkit.dumps(document).encode()
        config.check(text)
        real = os.path.realpath(path)
        try:
            files.make_dirs(os.path.dirname(real), 0o700)
            files.replace_file(real, text, 0o600 if data is None else os.stat(real).st_mode & 0o777)
        except OSError as error:
            raise LkrError(f"cannot write {show(path)}: {error.strerror}", "nothing was changed") from None


def _confirmed(name: str) -> str:
    return os.path.join(paths.data_dir(), "sources", name)


def confirm(found: Settings) -> None:
    """Records that the person confirmed the address of this source."""
    files.write_private(_confirmed(found.name), found.identity().encode())


def is_confirmed(found: Settings) -> bool:
    """True when the person confirmed the address that is in the settings now."""
    return files.read_private(_confirmed(found.name)) == found.identity().encode()
