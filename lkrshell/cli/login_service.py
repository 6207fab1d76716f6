"""Starts the broker for the whole login: the systemd units or the launchd agent that `lkr install --broker` writes."""

import os
import subprocess

from lkrshell.core import platform
from lkrshell.core.errors import UNREACHABLE, LkrError
from lkrshell.runtime import broker_client, broker_service, broker_start
from lkrshell.shells import rcfiles, userfiles
from lkrshell.state.paths import home
from lkrshell.system import launchd, systemd

_NAME = "lkr-broker"
_PATIENCE = 10.0  # seconds for a broker to end
# These variables say where this user's broker has its files, so that this is the same broker as the one that starts by
# itself.
_VARIABLES = ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "LKR_BACKEND")


def paths() -> list[str]:
    """Returns the paths of the files, whether they exist or not."""
    if platform.DARWIN:
        return [launchd.path(_NAME, home())]
    config = userfiles.config("")
    return [*systemd.paths(_NAME, config), systemd.link(_NAME, config)[0]]


def changes() -> list[rcfiles.Change]:
    """Returns the files to write; nothing if they are there already. LkrError if the broker cannot run."""
    broker_start.check_installed()
    words = [rcfiles.program(), "broker", "run"]
    environment = {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}
    try:
        if platform.DARWIN:
            texts = [launchd.plist(_NAME, [*words, "--stay"], environment)]
        else:
            service = systemd.service(_NAME, "The broker of lkr", words, environment, UNREACHABLE)
            control, addresses = broker_service.control(), broker_service.addresses()
            texts = [service.encode(), systemd.sockets("The broker of lkr", control, addresses).encode()]
    except ValueError:
        raise LkrError("a path has characters that no unit may have", "move it") from None
    found = [rcfiles.Change(path, userfiles.read(path), text) for path, text in zip(paths(), texts, strict=False)]
    if not platform.DARWIN:
        where, target = systemd.link(_NAME, userfiles.config(""))
        before = os.fsencode(os.readlink(where)) if os.path.islink(where) else None
        found.append(rcfiles.Change(where, before, os.fsencode(target), link=True))
    return [change for change in found if change.before != change.after]


def start() -> str:
    """Starts the broker, now and at each login. Returns what the person should know, or an empty text."""
    if platform.DARWIN:
        _run(launchd.stop(_NAME, os.getuid()))
        started = _run(launchd.start(_NAME, home(), os.getuid()))
    else:
        started = _run(systemd.reload()) and _hand_over() and _run(systemd.start(_NAME))
    return "" if started else "the broker starts at your next login"


def _hand_over() -> bool:
    """Ends a broker that started by itself, so that systemd can take over its sockets. Its virtual keys stay."""
    _run(systemd.stop(_NAME))
    try:
        broker_service.stop(_PATIENCE)
    except LkrError:
        return False
    return not broker_client.is_running()


def stop() -> None:
    """Stops the broker that systemd or launchd started."""
    _run(launchd.stop(_NAME, os.getuid()) if platform.DARWIN else systemd.stop(_NAME))


def forget() -> None:
    """Makes the system notice that the files are gone."""
    if not platform.DARWIN:
        _run(systemd.reload())


def _run(words: list[str]) -> bool:
    try:
        return subprocess.run(words, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
