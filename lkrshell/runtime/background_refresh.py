"""Refreshes copies in a background process, so that no prompt waits. Loaded only when a refresh is due.

When many shells enter at once, one of them starts the process, and the others start no more while it may be running.
The process checks again what is due once it holds the source's lock.
"""

import os

from lkrshell.core.errors import LkrError
from lkrshell.state import files, paths

_PATIENCE = 60.0  # seconds until the next start, even after an error
_LONGEST = 120  # seconds for the whole refresh


def start(keys: list[str]) -> None:
    """Starts a refresh of these keys, unless one has just started. If that fails, the copies last until they end."""
    mine = [key for key in dict.fromkeys(keys) if _claim(key.rpartition("/")[0])]
    if not mine:
        return
    from lkrshell.runtime import background

    background.start(background.command(__name__, *mine), os.environ)


_seen: dict[str, bool] = {}


def _claim(source: str) -> bool:
    """True when this process may refresh the source."""
    if source not in _seen:
        try:
            _seen[source] = _take(_claim_of(source))
        except (OSError, LkrError):
            _seen[source] = False
    return _seen[source]


def _claim_of(source: str) -> str:
    return os.path.join(paths.state_dir(), "sources", source, "refreshing")


def _take(path: str) -> bool:
    import time

    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        os.close(os.open(path, flags, 0o600))
        return True
    except FileNotFoundError:
        files.make_private_dir(os.path.dirname(path))
    except FileExistsError:
        if abs(time.time() - os.lstat(path).st_mtime) < _PATIENCE:
            return False
        old = f"{path}-{os.getpid()}"
        os.rename(path, old)  # succeeds in only one of many processes
        os.unlink(old)
    try:
        os.close(os.open(path, flags, 0o600))
        return True
    except FileExistsError:
        return False


def main(*keys: str) -> None:
    """Refreshes the keys named in `keys`. Prints nothing; `lkr source` shows how it went."""
    import signal

    from lkrshell.sources import refresh
    from lkrshell.state import config
    from lkrshell.stores import registry

    signal.alarm(_LONGEST)
    try:
        store = registry.choose(config.load())
        if not store.is_locked():
            report = refresh.refresh(store, keys, refresh.DUE)
            for source in {key.rpartition("/")[0] for key in keys} - set(report.failed):
                os.unlink(_claim_of(source))
    except (LkrError, OSError):
        pass
    os._exit(0)
