"""Finds and reads the user's own files that shells read. Writes nothing."""

import os

from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.state import paths


def config(name: str) -> str:
    return os.path.join(_base("XDG_CONFIG_HOME", ".config"), name)


def data(name: str) -> str:
    return os.path.join(_base("XDG_DATA_HOME", ".local/share"), name)


def cache(name: str) -> str:
    return os.path.join(_base("XDG_CACHE_HOME", ".cache"), name)


def _base(variable: str, default: str) -> str:
    base = os.environ.get(variable, "")
    return base if base.startswith("/") else os.path.join(paths.home(), default)


def read(path: str) -> bytes | None:
    """The whole file; None if there is none. LkrError if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise LkrError(f"cannot read {show(path)}: {error.strerror}", "nothing was changed") from None
