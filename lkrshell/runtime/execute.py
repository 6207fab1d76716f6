"""What `lkr exec` does, without the command line library: `lkr exec -- COMMAND` is on a person's path all day."""

import os

from lkrshell.core import policy
from lkrshell.core.binding import Binding
from lkrshell.core.errors import REFUSED, LkrError, StoreLocked
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.project import lookup, resolver
from lkrshell.runtime import agents, session
from lkrshell.state import config
from lkrshell.stores import registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lkrshell.stores.base import Store


def project_bindings(command: str | None = None) -> tuple[list[Binding], str, bool]:
    """What the project here wants for `command` (a name, or a path that ends in it; None: for any), its real folder,
    and whether one missing key is a reason to give none.

    ManifestError when there is none, or it is not allowed.
    """
    chain, bindings = session.bindings_at(lookup.require(lookup.current_folder()), [])
    if command is not None:
        name = os.path.basename(command)
        bindings = [binding for binding in bindings if not binding.commands or name in binding.commands]
    return bindings, chain[0].real, resolver.requires_all(chain)


def become_with_keys(
    bindings: list[Binding],
    folder: str,
    words: tuple[str, ...] | list[str],
    environment: dict[bytes, bytes] | None = None,
    require_all: bool = False,
    named: bool = False,
) -> None:
    """Becomes the command, with the values in its environment (default: a copy of ours). `folder` is for the policy.
    `named`: the person named the keys, and no manifest did.

    Never returns. LkrError 126 or 127 when it cannot; with `require_all` also when one of the keys is missing.
    """
    environment = os.environb.copy() if environment is None else environment
    settings = config.load()
    fetched: list[tuple[Binding, Secret]] = []
    around: dict[str, str] = {}
    if bindings:
        event = "named" if named else "exec"
        fetched, around = _fetch(bindings, folder, program_name(words[0]), settings, require_all, event)
    add_variables(environment, fetched, around)
    if not fetched and not settings.quiet:
        os.write(2, b"lkr: no keys for it; the command runs without\n")
    elif not settings.quiet and not any(map(os.isatty, range(3))):
        variables = " ".join(binding.variable for binding, _ in fetched)
        os.write(2, f"lkr: no terminal here; {words[0]!a} gets {variables}\n".encode())
    become(words, environment)


def add_variables(environment: dict[bytes, bytes], given: list[tuple[Binding, Secret]], around: dict[str, str]) -> None:
    """Sets the variables of these keys, and those that lead programs to the broker."""
    values = {binding.variable: secret.reveal() for binding, secret in given} | around
    environment |= {variable.encode(): value.encode("utf-8", "surrogateescape") for variable, value in values.items()}


def become(words: tuple[str, ...] | list[str], environment: dict[bytes, bytes]) -> None:
    """The command takes this process's place. LkrError 126 or 127 when it cannot."""
    try:
        os.execvpe(words[0], words, environment)  # noqa: S606
    except OSError as error:
        code = 127 if isinstance(error, FileNotFoundError) else 126
        raise LkrError(f"cannot run {words[0]}: {error.strerror}", code=code) from None


def program_name(word: str) -> str:
    """The command's name for the log, empty when there is no such program: it may be a value that went astray."""
    folders = [""] if "/" in word else os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.path.basename(word) if any(os.access(os.path.join(each, word), os.X_OK) for each in folders) else ""


def _fetch(
    bindings: list[Binding], folder: str, program: str, settings: config.Config, require_all: bool, event: str
) -> tuple[list[tuple[Binding, Secret]], dict[str, str]]:
    """The keys, real or virtual, and the variables that lead programs to the broker."""
    ancestry = agents.ancestors()
    consumer = policy.Consumer("exec", folder, agents.detect(dict(os.environ), ancestry, settings))

    def record(event: str, used: list[Binding]) -> None:
        names, variables = [binding.key for binding in used], [binding.variable for binding in used]
        if problem := session.record(consumer, names, variables, ancestry, program, event):
            os.write(2, f"lkr: {problem}\n".encode("utf-8", "backslashreplace"))

    store = registry.choose(settings)
    found = session.fetch_asking(store, bindings, consumer, settings, record, require_all)
    try:
        virtual, around = _brokered(found, consumer, event, store, require_all) if found.brokered else ([], {})
    except LkrError as error:
        if error.code == REFUSED:
            record("refused", bindings)
        raise
    if found.missing:
        os.write(2, f"lkr: {'; '.join(session.missing_line(found.missing))}\n".encode())
    given = [(binding, secret) for binding, secret, _ in found.loaded] + virtual
    if given:
        record("exec", [binding for binding, _ in given])
        session.note_use(store, [binding.key for binding, _ in given])
    return given, around


def _brokered(
    found: session.Fetched, consumer: policy.Consumer, event: str, store: "Store", require_all: bool
) -> tuple[list[tuple[Binding, Secret]], dict[str, str]]:
    """Virtual keys for the command that we become. LkrError when there is none to be had, and nothing else to give."""
    from lkrshell.runtime import broker_client

    bindings = [binding for binding, _ in found.brokered]
    minted = broker_client.mint_for(bindings, consumer.folder, event, os.getpid(), store.is_locked)
    for problem in minted.refused:
        if require_all or not (found.loaded or minted.keys):
            raise problem
        os.write(2, show(f"lkr: {problem}").encode("utf-8", "backslashreplace") + b"\n")
    if minted.note:
        os.write(2, show(f"lkr: {minted.note}").encode("utf-8", "backslashreplace") + b"\n")
    return broker_client.for_command(minted, bindings)


def main(words: list[str], unlock: "Callable[[], bool]" = bool) -> int:
    """`lkr exec [--] WORDS`, without options; returns the exit code of a failure.

    `unlock` opens a locked store, and is False when it cannot.
    """
    try:
        try:
            _in_project(words)
        except StoreLocked:
            if not unlock():
                raise
            _in_project(words)
    except LkrError as error:
        return _failed(error)
    except KeyboardInterrupt:  # at the question of a key that asks first
        os.write(2, b"\nlkr: stopped, nothing was started\n")
        return 130
    return 1


def _in_project(words: list[str]) -> None:
    """Becomes the command with the keys of the project here."""
    bindings, folder, require_all = project_bindings(words[0])
    become_with_keys(bindings, folder, words, require_all=require_all)


def run_wrapped(words: list[str]) -> int:
    """Becomes `words`, a command that the hook made a function of, with the keys that are for it alone.

    It only ever adds: where there are no keys to be had, a line says why, and the command runs all the same.
    """
    try:
        if lookup.find(lookup.current_folder()) is not None:
            bindings, folder, _ = project_bindings(words[0])
            become_with_keys([binding for binding in bindings if binding.commands], folder, words)
    except LkrError as error:
        if _failed(error) in (126, 127):
            return error.code
    try:
        become(words, os.environb.copy())
    except LkrError as error:
        return _failed(error)
    return 1


def _failed(error: LkrError) -> int:
    os.write(2, show(f"lkr: {error}").encode("utf-8", "backslashreplace") + b"\n")
    return error.code
