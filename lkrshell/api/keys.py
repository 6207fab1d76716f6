"""`load`, `keys` and `get`: a project's keys for this program, as `lkr exec` would give them.

Grant, policy, agents, confirmation and the audit log are those of runtime.execute. Nothing here prints; what the person
should know goes to the logger `lkrshell`. Questions are asked on a terminal only. Modules that cost are imported where
they are used: `load(required=False)` without a project must take a millisecond.
"""

import os
import sys
from _collections_abc import Iterator, Mapping  # os has it loaded; collections.abc takes longer than all of ours
from _thread import RLock

from lkrshell.core.errors import KeyNotStored, LkrError, ManifestError, StoreLocked
from lkrshell.core.secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from lkrshell.core.binding import Binding
    from lkrshell.runtime import agents, execute


_turn = RLock()  # one thread asks the person, and fills the environment, at a time
given_to: "list[Callable[[str, Secret], None]]" = []  # told of each key that is given, by its name
_ancestry: "list[agents.Ancestry]" = []  # the processes above us, once they were looked at


class Loaded:
    """What `load` did. It holds names, and no value.

    Attributes:
        loaded: the variables that were set, each with the name of its key.
        kept: the variables that were set already and stay, each with the key that the manifest has for it.
        virtual: those of `loaded` that hold a virtual key, good at the broker alone.
        missing: the names of keys that are not stored.
        folder: the real folder of the project, None without one.
        problem: with `required=False`, why nothing was loaded; else None.
    """

    __slots__ = ("folder", "kept", "loaded", "missing", "problem", "virtual")

    def __init__(self, folder: str | None = None, problem: LkrError | None = None) -> None:
        self.folder, self.problem = folder, problem
        self.loaded: dict[str, str] = {}
        self.kept: dict[str, str] = {}
        self.virtual: tuple[str, ...] = ()
        self.missing: tuple[str, ...] = ()

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__ if getattr(self, name))
        return f"Loaded({given})"


class Value(str):
    """A key's value: a plain `str` but for its `repr`, which is a mask, so that a prompt or a log line shows none."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'****'"


class Keys(Mapping[str, str]):
    """A project's keys by variable, for one `with` block. Made by `lkrshell.keys`."""

    def __init__(self, profile: str | None, folder: "str | os.PathLike[str] | None") -> None:
        self._asked = profile, folder
        self._values: dict[str, str] | None = None

    def __enter__(self) -> "Keys":
        bindings, asking, require_all = _project(*self._asked)
        given = _fetch(bindings, asking, require_all)
        found = {binding.variable: secret.reveal() for binding, secret in given.keys} | given.around
        self._values = {variable: Value(value) for variable, value in found.items()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: "TracebackType | None"
    ) -> None:
        self._values = None

    def _open(self) -> dict[str, str]:
        if self._values is None:
            raise LkrError("these keys work only in a with block", "write: with lkrshell.keys() as keys:")
        return self._values

    def __getitem__(self, variable: str) -> str:
        return self._open()[variable]

    def __iter__(self) -> Iterator[str]:
        return iter(self._open())

    def __len__(self) -> int:
        return len(self._open())

    def __repr__(self) -> str:
        return f"Keys({', '.join(self._values or ())})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("Keys cannot be pickled")


def load(
    profile: str | None = None,
    *,
    folder: "str | os.PathLike[str] | None" = None,
    override: bool = False,
    required: bool = True,
) -> Loaded:
    """Puts the project's keys into `os.environ`, as `lkr exec` would for this program.

    A variable that is set stays as it is, even when it is empty, unless `override` is true. A key with
    `via = "broker"` gives a virtual key, with the variables that lead programs to the broker.

    Args:
        profile: a profile of the manifest. Default: the one that LKR_PROFILE or `lkr use` chose.
        folder: where to look for the manifest, and above. Default: the current folder; in Jupyter the notebook's.
        override: replace variables that are set.
        required: when false, a project that gives nothing (no manifest, not allowed, locked, refused) is no error,
            and the result says why. For code that also runs in CI and containers, which set the variables themselves.

    Raises:
        LkrError: one of its subclasses says what is wrong, and `hint` the command that fixes it.
    """
    with _turn:
        try:
            if not required and (nothing := _nothing(folder)):
                return nothing
            return _load(profile, folder, override)
        except LkrError as error:
            if required:
                raise
            if not isinstance(error, ManifestError):
                _say(str(error))
            return Loaded(problem=error)


def keys(profile: str | None = None, *, folder: "str | os.PathLike[str] | None" = None) -> Keys:
    """The project's keys for one `with` block, by variable; `os.environ` stays as it is. Arguments as for `load`.

    The values are `str` whose `repr` is a mask. After the block the mapping is empty; copies that your program made are
    its own. Entering the block raises what `load` raises.
    """
    return Keys(profile, folder)


def get(name: str, *, profile: str | None = None, folder: "str | os.PathLike[str] | None" = None) -> Secret:
    """One key of this project, by its name, such as `openai:prod`. `reveal()` gives its value.

    Only a key that the allowed manifest names is given. Of a key with `via = "broker"` it is a virtual key, and `keys`
    gives the address that goes with it.

    Raises:
        LkrError: as for `load`. UsageError for what is no name of a key.
    """
    from lkrshell.core import names

    names.checked_key(name)
    bindings, asking, _ = _project(profile, folder)
    bindings = [binding for binding in bindings if binding.key == name][:1]
    if not bindings:
        from lkrshell.runtime import execute

        raise execute.unnamed([name], asking)
    given = _fetch(bindings, asking, require_all=True)
    if not given.keys:  # an optional one
        from lkrshell.runtime import session

        raise KeyNotStored(*session.missing_line(bindings))
    return given.keys[0][1]


def _nothing(folder: "str | os.PathLike[str] | None") -> Loaded | None:
    """Where there is no project, or one that is not allowed: a result without keys. None where there may be some."""
    from lkrshell.project import lookup
    from lkrshell.state import paths

    found = lookup.find(os.path.abspath(folder) if folder else _here() or lookup.current_folder())
    if found is None:
        return Loaded(problem=ManifestError("no .lkr.toml here or above", "create one: lkr init"))
    if os.path.isdir(paths.grants_dir()):
        from lkrshell.project import grants

        place = lookup.Place(found)
        grant = grants.in_force(place)
        if grant is not None and grant.covers(place):
            return None
    return Loaded(problem=ManifestError("the manifest here is not allowed", "review and allow it: lkr allow"))


def _load(profile: str | None, folder: "str | os.PathLike[str] | None", override: bool) -> Loaded:
    bindings, asking, require_all = _project(profile, folder)
    loaded = Loaded(asking.folder)
    if not override:
        loaded.kept = {binding.variable: binding.key for binding in bindings if binding.variable in os.environ}
        bindings = [binding for binding in bindings if binding.variable not in loaded.kept]
    if not bindings:
        return loaded
    from lkrshell.runtime import execute

    try:
        given = _fetch(bindings, asking, require_all)
    except KeyNotStored as error:
        if require_all or not loaded.kept:
            raise
        given = execute.Given()  # the variables that are set are this project's keys
        given.missing = [binding for binding in bindings if not binding.optional]
        asking.say(str(error))
    around = dict(given.around)
    if not override:
        for variable in [name for name in around if name in os.environ and name.lower() != "no_proxy"]:
            asking.say(f"{variable} is set already, so virtual keys may not reach the broker; use load(override=True)")
            del around[variable]
    execute.add_variables(os.environb, given.keys, around)
    loaded.loaded = {binding.variable: binding.key for binding, _ in given.keys}
    loaded.missing = tuple(dict.fromkeys(binding.key for binding in given.missing))
    loaded.virtual = tuple(binding.variable for binding, _ in given.keys if binding in given.virtual)
    return loaded


def _project(
    profile: str | None, folder: "str | os.PathLike[str] | None"
) -> "tuple[list[Binding], execute.Asking, bool]":
    """What the project wants for this program, who asks, and whether a missing key is a reason to give none."""
    from lkrshell.runtime import agents, execute
    from lkrshell.state import config
    from lkrshell.system import terminal

    where = os.fspath(folder) if folder else _here()
    bindings, real, require_all = execute.project_bindings(*_commands(), folder=where, profile=profile)
    asking = execute.Asking(real, _program(), config.load(), "python", profile=profile, may_ask=terminal.is_there())
    if not _ancestry:
        _ancestry.append(agents.ancestors(own=True))
    asking.ancestry, asking.say, asking.again = _ancestry[0], _say, True
    return bindings, asking, require_all


def _fetch(bindings: "list[Binding]", asking: "execute.Asking", require_all: bool) -> "execute.Given":
    from lkrshell.runtime import execute
    from lkrshell.state import memory

    with _turn:
        # For no longer: the broker asks whose connection it is, and a hard process hides that from its own user.
        is_hard = memory.is_hard()
        try:
            given = execute.fetch(bindings, asking, require_all)
        except StoreLocked:
            from lkrshell.runtime import unlocking

            if not unlocking.on_demand(asking.ancestry):
                raise
            given = execute.fetch(bindings, asking, require_all)
        finally:
            if not is_hard:
                memory.soften()
    for tell in given_to:
        for binding, secret in given.keys:
            tell(binding.key, secret)
    return given


def _commands() -> tuple[str, ...]:
    """The names by which a manifest's `scope.commands` may mean this program: the script's and the interpreter's."""
    interpreter = os.path.basename(sys.orig_argv[0] if sys.orig_argv else sys.executable)
    return sys.argv[0] if sys.argv else "", interpreter, interpreter.rstrip("0123456789.")


def _program() -> str:
    """This program's name for the log: the notebook's, or that of the file that runs. Never another word: it could be a
    value that went astray."""
    path = _notebook() or (sys.argv[0] if sys.argv else "")
    folder, name = os.path.split(path)
    if name == "__main__.py":
        name = os.path.basename(folder)
    return name if path and os.path.exists(path) else "python"


def _here() -> str | None:
    """The folder of the notebook whose kernel this is: it may have been started elsewhere. None without one."""
    path = _notebook()
    return os.path.dirname(path) if path else None


def _notebook() -> str:
    """The path of the notebook, as Jupyter or VS Code tells it; empty without one."""
    if "ipykernel" not in sys.modules:
        return ""
    path = os.environ.get("JPY_SESSION_NAME", "")
    if not path:
        main = sys.modules.get("__main__")
        path = str(getattr(main, "__vsc_ipynb_file__", ""))
    return path if os.path.isabs(path) and os.path.isdir(os.path.dirname(path)) else ""


def _say(text: str) -> None:
    import logging

    logging.getLogger("lkrshell").warning(text)


def _after_fork() -> None:
    """A thread that had the turn is not there in a child, which has other processes above it."""
    global _turn
    _turn = RLock()
    _ancestry.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
