"""`load`, `keys` and `get`: a project's keys for this program, as `lkr exec` would give them.

runtime.execute applies grant, policy, agents, confirmation and the audit log. This module prints nothing: messages go
to the logger `lkrshell`, and questions only to a terminal. Slow modules are imported where they are used, because
`load(required=False)` without a project must take a millisecond.
"""

import os
import sys
from _collections_abc import Iterator, Mapping  # os loaded it; collections.abc takes longer than all of ours
from _thread import RLock

from lkrshell.core.errors import KeyNotStored, LkrError, ManifestError, StoreLocked
from lkrshell.core.secret import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import SupportsIndex

    from lkrshell.core.binding import Binding
    from lkrshell.runtime import agents, execute


_turn = RLock()  # one thread at a time may ask the person and change the environment
given_to: "list[Callable[[str, Secret], None]]" = []  # called with the name and value of each key that is given
_ancestry: "list[agents.Ancestry]" = []  # the processes above us, once looked up


class Loaded:
    """What `load` did. It holds names, and no value.

    Attributes:
        loaded: the variables that were set, each with the name of its key.
        kept: the variables that were already set and were left alone, each with the key that the manifest names for it.
        virtual: those of `loaded` that hold a virtual key, which works only at the broker.
        missing: the names of keys that are not stored.
        folder: the real folder of the project, None without one.
        problem: with `required=False`, why nothing was loaded; otherwise None.
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
    """A key's value: a `str` whose `repr` is a mask, so that a prompt, a log line or a traceback does not show it.

    The `repr` of a part of it is a mask too, since rich cuts a long value before it shows it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'****'"

    def __getitem__(self, part: "SupportsIndex | slice") -> str:
        return Value(super().__getitem__(part))


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

    A variable that is already set stays as it is, even when it is empty, unless `override` is true. For a key with
    `via = "broker"`, this sets a virtual key, and the variables that point programs to the broker.

    Args:
        profile: a profile of the manifest. Default: the one that LKR_PROFILE or `lkr use` chose.
        folder: look for the manifest here and above. Default: the current folder; in Jupyter the notebook's folder.
        override: replace variables that are already set.
        required: when false, do not raise if there are no keys (no manifest, not allowed, locked, refused); the
            result says why. Use it in code that also runs in CI and containers, which set the variables themselves.

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
    """The project's keys for one `with` block, by variable. `os.environ` does not change. Arguments as for `load`.

    The values are `str` whose `repr` is a mask. After the block the mapping is empty, but copies that your program made
    remain. Entering the block raises what `load` raises.
    """
    return Keys(profile, folder)


def get(name: str, *, profile: str | None = None, folder: "str | os.PathLike[str] | None" = None) -> Secret:
    """One key of this project, by its name, such as `openai:prod`. `reveal()` gives its value.

    Works only for keys that the allowed manifest names. For a key with `via = "broker"`, this returns a virtual key;
    `keys` also returns the address that it works at.

    Raises:
        LkrError: as for `load`. UsageError if `name` is not the name of a key.
    """
    from lkrshell.core import names
    from lkrshell.core.binding import shown

    names.checked_key(name)
    bindings, asking, _ = _project(profile, folder)
    bindings = [binding for binding in bindings if shown(binding.key) == name][:1]
    if not bindings:
        from lkrshell.runtime import execute

        raise execute.unnamed([name], asking)
    given = _fetch(bindings, asking, require_all=True)
    if not given.keys:  # the key is optional
        from lkrshell.runtime import session

        raise KeyNotStored(*session.missing_line(bindings))
    return given.keys[0][1]


def _nothing(folder: "str | os.PathLike[str] | None") -> Loaded | None:
    """Returns a result without keys when there is no project or it is not allowed. None when there may be keys."""
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
    from lkrshell.core.binding import shown

    bindings, asking, require_all = _project(profile, folder)
    loaded = Loaded(asking.folder)
    present = _environment(folder)
    if not override:
        loaded.kept = {binding.variable: shown(binding.key) for binding in bindings if binding.variable in present}
        bindings = [binding for binding in bindings if binding.variable not in loaded.kept]
    if not bindings:
        _change_to(present)
        return loaded
    from lkrshell.runtime import execute

    try:
        given = _fetch(bindings, asking, require_all)
    except KeyNotStored as error:
        if require_all or not loaded.kept:
            raise
        given = execute.Given()  # the variables that are set already are this project's keys
        given.missing = [binding for binding in bindings if not binding.optional]
        asking.say(str(error))
    around = dict(given.around)
    if not override:
        for variable in [name for name in around if name in present and name.lower() != "no_proxy"]:
            asking.say(f"{variable} is set already, so virtual keys may not reach the broker; use load(override=True)")
            del around[variable]
    _change_to(present)
    if hasattr(os, "environb"):  # not on Windows, where there is no broker
        execute.leave_broker(os.environb, list(given.real()))
    added: dict[bytes, bytes] = {}
    execute.add_variables(added, given.keys, around)
    os.environ.update({os.fsdecode(name): os.fsdecode(value) for name, value in added.items()})
    loaded.loaded = {binding.variable: shown(binding.key) for binding, _ in given.keys}
    loaded.missing = tuple(dict.fromkeys(shown(binding.key) for binding in given.missing))
    loaded.virtual = tuple(binding.variable for binding, _ in given.keys if binding in given.virtual)
    return loaded


def _environment(folder: "str | os.PathLike[str] | None") -> dict[str, str]:
    """Our variables, without keys that the shell loaded for another project. With a `folder`, the program asks for the
    keys of that project beside those that it has."""
    from lkrshell.runtime import execute

    if folder:
        return dict(os.environ)
    return {os.fsdecode(name): os.fsdecode(value) for name, value in execute.own_environment(_here()).items()}


def _change_to(present: dict[str, str]) -> None:
    for name in [name for name in os.environ if name not in present]:
        del os.environ[name]
    os.environ.update({name: value for name, value in present.items() if os.environ.get(name) != value})


def _project(
    profile: str | None, folder: "str | os.PathLike[str] | None"
) -> "tuple[list[Binding], execute.Asking, bool]":
    """Returns the bindings for this program, who asks, and whether one missing key means that no key is given."""
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
    from lkrshell.core.binding import shown
    from lkrshell.runtime import execute
    from lkrshell.state import memory

    with _turn:
        # Only for a moment: the broker asks the kernel whose connection it is, and a hardened process hides that.
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
            tell(shown(binding.key), secret)
    return given


def _commands() -> tuple[str, ...]:
    """Returns the names by which `scope.commands` of a manifest can mean this program: the script's and the
    interpreter's."""
    interpreter = os.path.basename(sys.orig_argv[0] if sys.orig_argv else sys.executable)
    return sys.argv[0] if sys.argv else "", interpreter, interpreter.rstrip("0123456789.")


def _program() -> str:
    """Returns this program's name for the log: the notebook's, or the running file's. Never another word, which could
    be a misplaced value."""
    path = _notebook() or (sys.argv[0] if sys.argv else "")
    folder, name = os.path.split(path)
    if name == "__main__.py":
        name = os.path.basename(folder)
    return name if path and os.path.exists(path) else "python"


def _here() -> str | None:
    """Returns the folder of this kernel's notebook, which may not be the present folder. None without a notebook."""
    path = _notebook()
    return os.path.dirname(path) if path else None


def _notebook() -> str:
    """Returns the path of the notebook, as Jupyter or VS Code reports it; empty without one."""
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
    """Resets state in a forked child: a thread that held the lock is gone, and the processes above have changed."""
    global _turn
    _turn = RLock()
    _ancestry.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
