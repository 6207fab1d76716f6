"""A refresh behind the prompt's back: a process of its own, which nobody waits for. Loaded only when one is due.

However many shells enter at once, one of them starts it, and none starts another while that one may be at work. The
process looks again at what is due once it has the source's lock.
"""

import os

from lkrshell.core.errors import LkrError
from lkrshell.state import files, paths

_PATIENCE = 60.0  # seconds; so long a start counts, also one that ended in an error
_LONGEST = 120  # seconds for the whole refresh


def start(keys: list[str]) -> None:
    """Starts a refresh of these keys, unless there was one just now. Where it cannot be started the copies go on to
    serve until they end."""
    mine = [key for key in dict.fromkeys(keys) if _claim(key.rpartition("/")[0])]
    if not mine:
        return
    from lkrshell.core import own_python
    from lkrshell.runtime import broker_client

    words = own_python.command("lkrshell.runtime.behind", *mine, path=broker_client.import_path())

    def become() -> None:
        os.umask(0o077)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.execve(words[0], words, os.environ)  # noqa: S606

    broker_client.in_background(become)


_seen: dict[str, bool] = {}


def _claim(source: str) -> bool:
    """True when it is for this process to refresh the source."""
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
        os.rename(path, old)  # one of many succeeds
        os.unlink(old)
    try:
        os.close(os.open(path, flags, 0o600))
        return True
    except FileExistsError:
        return False


def main(*keys: str) -> None:
    """The process: `KEY...`. Says nothing; how it went is noted for `lkr source`."""
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
