"""The broker: whether it runs where it is needed, its settings, port and ledger, and this shell's virtual keys.

It starts no broker. It shows a virtual key only to the broker that the control socket names.
"""

import http.client
import os
import socket
import sqlite3
import time
import urllib.parse
from collections.abc import Iterator

import lkrshell
from lkrshell.core import addresses
from lkrshell.core.errors import LkrError
from lkrshell.core.text import quoted, show
from lkrshell.doctor import Finding, fact, shown, warning, wrong
from lkrshell.doctor.store import in_force
from lkrshell.project import grants, lookup
from lkrshell.runtime import broker_client, broker_start, obstacles
from lkrshell.state import config, files, index, paths
from lkrshell.vendors import routes, tls

_LITTLE = 16 << 20  # free bytes on a disk; about the size of a busy month's ledger
_DAY = 86400.0  # seconds
_START = "lkr broker start"
_RESTART = "lkr broker stop"  # it starts again by itself when needed


def broker(fix: bool) -> Iterator[Finding]:
    """Yields all findings about the broker; nothing for a person who does not use it."""
    settings = config.load()
    virtual = {name: value for name, value in os.environ.items() if value.startswith(broker_client.PREFIX)}
    needed = _needed(settings)
    yield from _settings(settings)
    if needed and not broker_start.is_installed():
        yield wrong(f"{needed} needs the broker, which is not installed", broker_start.INSTALL)
        return
    try:
        rows = broker_client.ask("state", patience=3.0)
    except LkrError as error:
        yield wrong(error.message, _RESTART)
        return
    if rows and rows[0][0] == "no" and len(rows[0]) == 4:
        yield wrong(rows[0][2], rows[0][3])
        return
    facts = {row[0]: row[1] for row in rows or () if len(row) == 2}
    if facts:
        yield fact(f"the broker listens on 127.0.0.1:{facts['port']}")
        yield from _running(facts)
        yield from _of_this_shell(virtual, facts["port"])
    else:
        yield from _not_running(virtual)
        if needed and not virtual:
            yield fact(f"the broker is not running; it starts when {needed} needs it")
    yield from _ledger()


def _needed(settings: config.Config) -> str:
    """Says what uses the broker: this project, or a key by its policy; empty if nothing does."""
    folder = lookup.find(lookup.current_folder())
    if folder:
        try:
            grant = grants.in_force(lookup.Place(folder))
        except LkrError:
            grant = None  # the check `project` reports it
        if grant and any(binding.via for binding in grant.bindings):
            return "this project"
    store, _ = in_force(settings)
    for name in index.names(store.name) if store else ():
        try:
            entry = index.read(store.name, name) if store else None
        except LkrError:
            continue  # the check `store` reports it
        if entry and entry.via:
            return name
    return ""


def _settings(settings: config.Config) -> Iterator[Finding]:
    where = quoted(paths.config_file())
    edit = f"${{EDITOR:-vi}} {where}"
    if settings.broker_ca:
        try:
            tls.context(settings.broker_ca)
        except OSError:
            yield wrong(f"config.toml: broker.ca: {shown(settings.broker_ca)} is not a certificate file", edit)
    for vendor, url in settings.upstream:
        host = urllib.parse.urlsplit(url).hostname or ""
        if routes.find(vendor) is None:
            why = routes.LATER.get(vendor, "the broker does not know this vendor")
            yield wrong(f"config.toml: broker.upstream.{vendor}: {why}", edit)
        elif _is_private(host):
            yield fact(f"{vendor} is reached at {show(url)}, a private address, as config.toml says")


def _is_private(host: str) -> bool:
    """True for a private address, or a name that is never on the public internet. Does not ask a name server."""
    if addresses.is_address(host):
        return not addresses.is_public(host)
    return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def _running(facts: dict[str, str]) -> Iterator[Finding]:
    if facts["version"] != lkrshell.__version__:
        text = f"the running broker is from lkr {show(facts['version'])}, and this is {lkrshell.__version__}"
        yield warning(text, _RESTART)
    if int(facts["since"]) > time.time() + 60:
        yield _clock("the broker's start is in the future")


def _of_this_shell(virtual: dict[str, str], port: str) -> Iterator[Finding]:
    """Reports whether the broker still knows the virtual keys in this environment."""
    for variable, value in virtual.items():
        if not _is_known(value, int(port)):
            text = f"{variable} has a virtual key that has ended: its process ended, or lkr lock ended it"
            yield wrong(text, obstacles.RETURN)
    for variable, value in os.environ.items():
        parts = urllib.parse.urlsplit(value) if value.startswith("http://127.0.0.1:") else None
        named = variable.endswith(("_BASE_URL", "_API_BASE", "_API_URL", "_ENDPOINT"))
        if virtual and parts and named and parts.netloc != f"127.0.0.1:{port}":
            text = f"{variable} leads to {show(parts.netloc)}, and the broker listens on 127.0.0.1:{port}"
            yield wrong(text, obstacles.RETURN)


def _is_known(value: str, port: int) -> bool:
    """True when the broker knows this virtual key.

    Uses a path of another vendor, so the request is not forwarded. The broker's refusal tells whether it knows the
    key.
    """
    for vendor, path in (("groq", "/openai/v1/models"), ("openai", "/v1/models")):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
        try:
            connection.request("GET", f"/{vendor}{path}", headers={"Authorization": f"Bearer {value}"})
            said = connection.getresponse().getheader("x-lkr-error")
        except (OSError, http.client.HTTPException):
            return True  # unknown
        finally:
            connection.close()
        if said == "key":
            return False
        if said == "vendor":
            return True
    return True


def _not_running(virtual: dict[str, str]) -> Iterator[Finding]:
    for variable in virtual:
        yield wrong(f"{variable} has a virtual key, and the broker is not running", _START)
    kept = (files.read_private(os.path.join(paths.state_dir(), "broker-port")) or b"").decode("ascii", "replace")
    if not kept.strip().isdecimal():
        return
    for host in ("127.0.0.1", "::1"):
        try:
            socket.create_connection((host, int(kept)), timeout=1).close()
        except OSError:
            continue
        text = f"another program listens on port {kept.strip()} of {host}, which was the broker's"
        yield wrong(f"{text}: it gets the requests from open shells", f"{_START}; exec $SHELL")


def _ledger() -> Iterator[Finding]:
    path = os.path.join(paths.data_dir(), "ledger.db")
    if not os.path.lexists(path):
        return
    away = f"mv {quoted(path)} {quoted(path + '.damaged')} && {_RESTART}"
    try:
        files.check_private(path, os.lstat(path))
        db = sqlite3.connect(f"file:{urllib.parse.quote(os.fsencode(path))}?mode=ro", uri=True, timeout=3)
        try:
            (said,) = db.execute("PRAGMA quick_check(1)").fetchone()
            made = db.execute("PRAGMA user_version").fetchone()[0]  # 0 until a broker that has just started is done
            last = (db.execute("SELECT max(time) FROM request").fetchone()[0] or 0) if made else 0
        finally:
            db.close()
    except sqlite3.Error as error:
        said, last = str(error), 0
    if said != "ok":
        yield wrong(f"the ledger {shown(path)} is damaged ({show(said)}); keys with a limit cannot be used", away)
    if last / 1000 > time.time() + _DAY:
        yield _clock("the ledger has requests from the future, and limits count them")
    disk = os.statvfs(os.path.dirname(path))
    if disk.f_bavail * disk.f_frsize < _LITTLE:
        text = f"the disk of {shown(path)} is almost full; without the ledger, keys with a limit cannot be used"
        yield warning(text, f"df -h {quoted(os.path.dirname(path))}")


def _clock(text: str) -> Finding:
    return warning(f"{text}: was the clock put back?", "date")
