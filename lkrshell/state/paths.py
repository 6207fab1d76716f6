"""The folders of data, state and settings, and whether they belong to the account that runs lkr.

They are those of platformdirs (`user_data_dir("lkr")` and so on). On Linux and macOS this module computes them itself,
since importing platformdirs takes longer than the rest of an export. A test compares both.
"""

import os

from lkrshell.core import platform
from lkrshell.core.errors import LkrError

_BELOW_HOME = (
    dict.fromkeys(("data", "state", "config"), "/Library/Application Support")
    if platform.DARWIN
    else {"data": "/.local/share", "state": "/.local/state", "config": "/.config"}
)
_PATH_MAX = 1024  # bytes; sys/syslimits.h of macOS
_ACCEPTED = "folders"  # a file in the account's data folder that names the folders in use, if not the usual ones


def _folder(kind: str, variable: str) -> str:
    if not (platform.LINUX or platform.DARWIN):
        import platformdirs

        folder: str = getattr(platformdirs, f"user_{kind}_dir")("lkr", appauthor=False)
        return folder
    base = os.environ.get(variable, "")
    if not base.startswith("/"):
        base = home() + _BELOW_HOME[kind]
    return os.path.join(base, "lkr")


def home() -> str:
    """The user's home folder, according to HOME. LkrError without one."""
    folder = os.path.expanduser("~")
    if not folder.startswith("/"):
        raise LkrError("there is no home folder", "set HOME to an absolute path")
    return folder


def tilde(path: str) -> str:
    """`path` with `~` in place of the home folder."""
    home = os.path.expanduser("~")
    return "~" + path.removeprefix(home) if path == home or path.startswith(f"{home}/") else path


def real(path: str) -> str:
    """The real path of a folder, the same whichever path leads there.

    On a Mac's file system, ~/Proj also opens ~/proj, and an é may have either of its two forms. So macOS is asked for
    the stored name, by realpath(3), which Python's realpath does not use.
    """
    if platform.DARWIN:
        from lkrshell.state import native

        kept = native.buffer(_PATH_MAX)
        if native.call("realpath", "PzP", os.fsencode(path), native.byref(kept)):
            return os.fsdecode(bytes(memoryview(kept)).partition(b"\0")[0])
    return os.path.realpath(path)


def data_dir() -> str:
    """The index, the grants and the vault."""
    return _folder("data", "XDG_DATA_HOME")


def state_dir() -> str:
    """The generation, the chosen backend, the lock flag."""
    return _folder("state", "XDG_STATE_HOME")


def config_dir() -> str:
    """The settings."""
    return _folder("config", "XDG_CONFIG_HOME")


def config_file() -> str:
    return os.path.join(config_dir(), "config.toml")


def generation_dir() -> str:
    return os.path.join(state_dir(), "generations")


def grants_dir() -> str:
    return os.path.join(data_dir(), "grants")


def are_the_accounts_own() -> bool:
    """True when the folders in force belong to the account, rather than to whoever set HOME or XDG_*.

    The account's folders are the usual ones below the home folder that the system knows for it, or those that the
    person accepted in their place. In any other folder, somebody else may have written the keys, grants, policies,
    settings and log. LkrError if the note of what was accepted cannot be read.
    """
    if platform.WINDOWS:
        return True  # there the system names these folders, without a variable
    home = _account_home()
    if home is None:
        return False
    from lkrshell.state import files

    noted = files.read_private(_note(home))
    expected = _usual(home) if noted is None else noted.decode("utf-8", "surrogateescape")
    return _in_force() == expected


def accept() -> None:
    """Notes that the current folders are the person's, since the person is allowing a project. LkrError if that cannot
    be written.

    Only folders that XDG_* names are noted. With another HOME nothing is noted, and the account's home stays untouched.
    """
    if are_the_accounts_own() or platform.WINDOWS:
        return
    home = _account_home()
    if home is None or os.path.realpath(os.path.expanduser("~")) != os.path.realpath(home):
        return
    from lkrshell.state import files

    if _in_force() == _usual(home):
        files.remove_private(_note(home))
    else:
        files.write_private(_note(home), _in_force().encode("utf-8", "surrogateescape"))


def accounts_config_file() -> str:
    """The settings file in the account's home folder, whatever HOME and XDG_* say. Empty for an account without a
    home."""
    home = None if platform.WINDOWS else _account_home()
    return os.path.join(_own("config", home), "config.toml") if home else ""


def _account_home() -> str | None:
    """The home folder that the system knows for this account; None if it does not know the account."""
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return None


def _own(kind: str, home: str) -> str:
    """The usual folder of an account whose home is `home`."""
    return os.path.join(home + _BELOW_HOME[kind], "lkr")


def _note(home: str) -> str:
    return os.path.join(_own("data", home), _ACCEPTED)


def _usual(home: str) -> str:
    return "\0".join(os.path.realpath(_own(kind, home)) for kind in _BELOW_HOME)


def _in_force() -> str:
    return "\0".join(map(os.path.realpath, (data_dir(), state_dir(), config_dir())))
