"""Where things are: data, state and config folders. On the path of `lkr export`.

The folders are platformdirs' (`user_data_dir("lkr")` and so on). On Linux they are worked out here, since
importing platformdirs costs more than the rest of an export; a test holds both to the same answers.
"""

import os
import sys

from lkrshell.core.errors import LkrError


def _folder(kind: str, variable: str, default: str) -> str:
    if sys.platform != "linux":
        import platformdirs

        folder: str = getattr(platformdirs, f"user_{kind}_dir")("lkr", appauthor=False)
        return folder
    base = os.environ.get(variable, "")
    if not base.startswith("/"):
        home = os.path.expanduser("~")
        if not home.startswith("/"):
            raise LkrError("there is no home folder", "set HOME to an absolute path")
        base = home + default
    return os.path.join(base, "lkr")


def data_dir() -> str:
    """The index, the grants and the vault."""
    return _folder("data", "XDG_DATA_HOME", "/.local/share")


def state_dir() -> str:
    """The generation, the chosen backend, the lock flag."""
    return _folder("state", "XDG_STATE_HOME", "/.local/state")


def config_file(home: str = "") -> str:
    """The settings in force; with `home`, those of an account whose home folder that is."""
    if home and sys.platform == "darwin":
        return os.path.join(home, "Library/Application Support/lkr/config.toml")
    folder = os.path.join(home, ".config/lkr") if home else _folder("config", "XDG_CONFIG_HOME", "/.config")
    return os.path.join(folder, "config.toml")


def generation_dir() -> str:
    return os.path.join(state_dir(), "generations")


def grants_dir() -> str:
    return os.path.join(data_dir(), "grants")
