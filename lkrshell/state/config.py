"""The user's `config.toml`.

The state folder keeps the parsed form together with the text that it came from. It is used only while that text equals
the file's, so an export needs no TOML parser.
"""

import os

from lkrshell.core import records
from lkrshell.core.errors import LkrError
from lkrshell.core.text import quoted, show
from lkrshell.state import files, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

STORES = ("keychain", "keyring", "vault")
BACKENDS = ("auto", *STORES)
_TYPES = {
    "backend": str,
    "collection": str,
    "quiet": bool,
    "lock_after": int,
    "lock_limit": int,
    "agent_processes": list,
    "agent_ancestors": bool,
    "agent_functions": bool,
    "providers": dict,
    "pinentry": str,
    "agents": dict,
    "broker": dict,
    "prices": dict,
    "sources": dict,
}
_FORMS = {
    str: ("text", '{} = "..."'),
    bool: ("true or false", "{} = true"),
    int: ("a whole number", "{} = 900"),
    list: ("a list", '{} = ["..."]'),
    dict: ("a table", "[{}], and its settings below"),
}
_COMPILED = "config"
_ROWS = ("agents", "agent_limits", "upstream", "prices")
_MOST = 1 << 16  # bytes


class Config:
    """The settings in force.

    `written_backend` is the backend in config.toml, `backend` that of LKR_BACKEND, if it is set.
    The vault locks `lock_after` seconds after its last use, and at latest `lock_limit` seconds after unlocking.
    `collection` is the label of lkr's own collection in the Secret Service, empty for the default one.
    `agents` are rows (name, keys, marks, processes) that the user added; the last three are joined by line breaks.
    `agent_limits` are rows (name, models, budget, rate, tokens), with limits in the form of core.limits.
    `broker_agents`: agents get virtual keys even if no manifest or policy says so. `broker_ca` is a file of
    certificates that the broker trusts, `broker_proxy` its proxy; both empty for none. `upstream` are rows (vendor,
    https URL) for vendors at another address. `prices` are rows (model, input, output, cache read, cache write), in
    US dollars for a million tokens, as texts.
    """

    __slots__ = (
        "agent_ancestors", "agent_functions", "agent_limits", "agent_processes", "agents", "backend", "broker_agents",
        "broker_ca", "broker_proxy", "collection", "lock_after", "lock_limit", "pinentry", "prices", "quiet",
        "upstream", "written_backend",
    )  # fmt: skip

    def __init__(
        self,
        backend: str = "auto",
        quiet: bool = False,
        lock_after: int = 900,
        lock_limit: int = 43200,
        agent_processes: "tuple[str, ...] | list[str]" = (),
        agent_ancestors: bool = True,
        collection: str = "",
        agent_functions: bool = True,
        pinentry: str = "",
        agents: "list[tuple[str, ...]] | tuple[tuple[str, ...], ...]" = (),
    ) -> None:
        self.collection = collection
        self.backend, self.written_backend, self.quiet = backend, backend, quiet
        self.lock_after, self.lock_limit = lock_after, lock_limit
        self.agent_processes, self.agent_ancestors = tuple(agent_processes), agent_ancestors
        self.agent_functions = agent_functions
        self.pinentry, self.agents = pinentry, tuple(agents)
        self.broker_agents, self.broker_ca, self.broker_proxy = True, "", ""
        self.agent_limits: tuple[tuple[str, ...], ...] = ()
        self.upstream: tuple[tuple[str, ...], ...] = ()
        self.prices: tuple[tuple[str, ...], ...] = ()

    def keys_of(self, agent: str | None) -> list[str]:
        """The keys that `[agents]` in the user's settings gives to this agent."""
        return [key for name, keys, _, _ in self.agents if name == agent for key in keys.split("\n")]


def load() -> Config:
    """`config.toml`, overridden by `LKR_BACKEND` and `LKR_QUIET`. LkrError, with line and fix, if it is invalid."""
    return of_text(read(paths.config_file()))


def of_text(data: bytes | None) -> Config:
    """The same for the text of `config.toml`; None if there is no such file."""
    path = paths.config_file()
    config = Config() if data is None else _compiled(data) or _parse(path, data)
    config.backend = os.environ.get("LKR_BACKEND") or config.backend
    if config.backend not in BACKENDS:
        raise LkrError(f"unknown backend {show(config.backend)!r}", f"use one of {', '.join(BACKENDS)}")
    if os.environ.get("LKR_QUIET", "0") not in ("", "0"):
        config.quiet = True
    return config


def of_account() -> Config | None:
    """The settings in the account's home folder, if HOME or XDG_* point to other settings. Otherwise, or if there are
    no settings, None.

    LkrError when they are not valid.
    """
    path = paths.accounts_config_file()
    data = read(path) if path else None
    if data is None or os.path.realpath(path) == os.path.realpath(paths.config_file()):
        return None
    return _parse(path, data, keep=False)


def check(data: bytes) -> None:
    """LkrError if these are not valid settings."""
    _parse(paths.config_file(), data, keep=False)


def read(path: str) -> bytes | None:
    """The text of the settings at `path`; None if there is no such file.

    Settings name programs that lkr runs, and can turn protections off. So LkrError if somebody else could have written
    them: through the file, through its folder, or through what either links to.
    """
    folder = os.path.dirname(path)
    try:
        _check_unchangeable(folder, os.stat(folder))
        real = os.path.dirname(os.path.realpath(path)) if os.path.islink(path) else folder
        if real != folder:
            _check_unchangeable(real, os.stat(real))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LkrError(f"cannot read {show(path)}: {error.strerror}") from None
    return files.read_checked(path, _check_unchangeable, os.O_RDONLY, _MOST)


def _check_unchangeable(path: str, info: os.stat_result) -> None:
    """LkrError if anybody but the user and root owns `path` or can write it. Others may read it."""
    if not hasattr(os, "getuid"):
        return
    if info.st_uid not in (0, os.getuid()):
        raise files.of_another_user(path, info)
    if info.st_mode & 0o022:
        raise LkrError(f"{show(path)} can be changed by other users", f"chmod go-w {quoted(path)}")


def _compiled(data: bytes) -> Config | None:
    try:
        stored = files.read_private(os.path.join(paths.state_dir(), _COMPILED))
        if stored is None:
            return None
        row, broker, *rows = records.load(stored)
        text, backend, quiet, lock_after, lock_limit, processes, by_process, collection, functions, pinentry = row
        if text.encode("utf-8", "surrogateescape") != data:
            return None
        config = Config(
            backend,
            quiet == "1",
            int(lock_after),
            int(lock_limit),
            processes.split("\n") if processes else (),
            by_process == "1",
            collection,
            functions == "1",
            pinentry,
        )
        _, by_broker, config.broker_ca, config.broker_proxy = broker
        config.broker_agents = by_broker == "1"
        for field in _ROWS:
            setattr(config, field, tuple(tuple(row[1:]) for row in rows if row[0] == field))
        return config
    except ValueError:
        return None


def parsed(path: str, data: bytes) -> "dict[str, Any]":
    """The settings in the file `path`, without overrides. LkrError if it is not TOML."""
    from lkrshell.core import toml_text

    where = show(path)
    try:
        return toml_text.parse(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise LkrError(f"{where} is not UTF-8") from None
    except toml_text.TomlError as error:
        raise LkrError(f"{where}: {error}", "correct or remove that file") from None


def _parse(path: str, data: bytes, keep: bool = True) -> Config:
    """The settings in `data`. With `keep`, the next `load` needs no TOML parser for them."""
    from lkrshell.core import names

    where, table = show(path), parsed(path, data)
    for name, value in table.items():
        if name not in _TYPES:
            hint = names.did_you_mean(name, _TYPES, f"known: {', '.join(_TYPES)}")
            raise LkrError(f"{where}: unknown setting {names.redacted(name)}", hint)
        if type(value) is not _TYPES[name]:
            what, form = _FORMS[_TYPES[name]]
            raise LkrError(f"{where}: {name} must be {what}", f"write {form.format(name)}")
    table.pop("sources", None)  # see lkrshell.sources.settings
    providers = table.pop("providers", {})
    agents, broker, prices = (table.pop(name, {}) for name in ("agents", "broker", "prices"))
    config = Config(**table)
    from lkrshell.state import config_tables as tables

    tables.check_providers(where, providers)
    config.agents, config.agent_limits = tables.agents(where, agents)
    config.broker_agents, config.broker_ca, config.broker_proxy, config.upstream = tables.broker(where, broker)
    config.prices = tables.prices(where, prices)
    if not all(isinstance(name, str) and name and name.isprintable() for name in config.agent_processes):
        raise LkrError(f"{where}: agent_processes must be names of processes", 'write agent_processes = ["my-agent"]')
    if not config.collection.isprintable() or len(config.collection) > 64:
        raise LkrError(f"{where}: collection must be a short name", 'write collection = "lkr"')
    for name in ("lock_after", "lock_limit"):
        if not 1 <= getattr(config, name) <= 31 * 86400:
            raise LkrError(f"{where}: {name} is in seconds, from 1 to {31 * 86400}")
    if config.backend not in BACKENDS:
        raise LkrError(f"{where}: unknown backend {config.backend!r}", f"use one of {', '.join(BACKENDS)}")
    if keep:
        _keep(config, data)
    return config


def _keep(config: Config, data: bytes) -> None:
    """Writes the parsed form of `data` for `_compiled`."""
    row = (
        data.decode("utf-8"),
        config.backend,
        "1" if config.quiet else "0",
        str(config.lock_after),
        str(config.lock_limit),
        "\n".join(config.agent_processes),
        "1" if config.agent_ancestors else "0",
        config.collection,
        "1" if config.agent_functions else "0",
        config.pinentry,
    )
    broker_row = ("broker", "1" if config.broker_agents else "0", config.broker_ca, config.broker_proxy)
    rows = [(field, *each) for field in _ROWS for each in getattr(config, field)]
    try:
        files.write_private(os.path.join(paths.state_dir(), _COMPILED), records.dump([row, broker_row, *rows]), True)
    except LkrError:
        pass  # a read-only home: slower, not wrong
