"""What `lkr exec` and `lkrshell.load()` do: give a project's keys to one program, under the same rules.

It needs no command line library, since people run `lkr exec -- COMMAND` all day.
"""

import os

from lkrshell.core import names, platform, policy
from lkrshell.core.binding import Binding
from lkrshell.core.errors import REFUSED, LkrError, StoreLocked
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.project import lookup, resolver
from lkrshell.runtime import agents, session
from lkrshell.state import config, paths
from lkrshell.stores import registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from lkrshell.stores.base import Store


def project_bindings(
    *commands: str, folder: str | None = None, profile: str | None = None
) -> tuple[list[Binding], str, bool]:
    """The bindings of the project at `folder` (None: here), its real folder, and whether it requires all keys.

    `commands` are names or paths; bindings that are only for other commands are left out. Without commands, all
    bindings count. ManifestError if there is no project, or it is not allowed.
    """
    chain, bindings = session.bindings_at(lookup.require_at(folder), [], profile)
    if commands:
        names = set(map(os.path.basename, commands))
        bindings = [binding for binding in bindings if not binding.commands or names.intersection(binding.commands)]
    return bindings, chain[0].real, resolver.requires_all(chain)


def become_with_keys(
    bindings: list[Binding],
    folder: str,
    words: tuple[str, ...] | list[str],
    environment: dict[bytes, bytes] | None = None,
    require_all: bool = False,
    named: bool = False,
    redact: bool = False,
) -> None:
    """Becomes the command, with the keys in its environment (default: a copy of ours). `folder` is for the policy. With
    `redact`, and always for a coding agent, the command runs below us, and its output does not show the values.

    `named`: the person named the keys, not a manifest. Never returns. LkrError 126 or 127 if the command cannot run;
    with `require_all`, LkrError if a key is missing.
    """
    environment = own_environment() if environment is None else environment
    settings = config.load()
    given = Given()
    if bindings:
        asking = Asking(folder, program_name(words[0]), settings, named=named)
        given = fetch(bindings, asking, require_all)
    leave_broker(environment, list(given.real()))
    add_variables(environment, given.keys, given.around)
    if not given.keys and not settings.quiet:
        os.write(2, b"lkr: no keys for it; the command runs without\n")
    elif not settings.quiet and not any(map(os.isatty, range(3))):
        variables = " ".join(binding.variable for binding, _ in given.keys)
        os.write(2, f"lkr: no terminal here; {words[0]!a} gets {variables}\n".encode())
    if (redact or given.agent) and (hidden := given.real()):
        from lkrshell.runtime import redacted_command

        redacted_command.run(words, environment, hidden)
    become(words, environment)


def add_variables(
    environment: "MutableMapping[bytes, bytes]", given: list[tuple[Binding, Secret]], around: dict[str, str]
) -> None:
    """Sets the variables of these keys, and the variables in `around` that lead programs to the broker."""
    values = {binding.variable: secret.reveal() for binding, secret in given} | around
    for variable, value in values.items():
        environment[variable.encode()] = value.encode("utf-8", "surrogateescape")


def leave_broker(environment: "MutableMapping[bytes, bytes]", keys: list[str]) -> None:
    """Takes back the addresses of the broker that a shell or an agent has set for these real keys, since the broker
    would refuse them."""
    if not any(value.startswith(b"http://127.0.0.1:") for value in environment.values()):
        return
    from lkrshell.state import run_folder
    from lkrshell.vendors import routes

    port = run_folder.kept_port()
    for vendor in {names.provider_of(key) for key in keys} if port else ():
        for variable, url in routes.bases(vendor, int(port)).items():
            name = variable.encode()
            if environment.get(name) != url.encode():
                continue
            if (old := environment.get(b"LKR_OLD_" + name)) is None:
                del environment[name]
            else:
                environment[name] = old


def own_environment(folder: str | None = None) -> dict[bytes, bytes]:
    """A copy of our variables, without the keys that the shell loaded for another project than that of `folder` (None:
    the current one). The shell still has those if `cd` and the command are on one line."""
    if platform.WINDOWS:
        return {os.fsencode(name): os.fsencode(value) for name, value in os.environ.items()}
    environment = os.environb.copy()
    loaded = [environment.get(b"LKR_DIR", b"")] if b"LKR_STATE" in environment else []
    loaded += [environment.get(b"DIRENV_DIR", b"")[1:]] if b"LKR_DIRENV" in environment else []
    if theirs := {lookup.find(os.fsdecode(each)) for each in loaded if each} - {None}:
        theirs.add(lookup.find(folder or lookup.current_folder()))
    if len({found and paths.real(found) for found in theirs}) > 1:
        from lkrshell.shells import session_state

        session_state.strip(environment)
    return environment


def become(words: tuple[str, ...] | list[str], environment: dict[bytes, bytes]) -> None:
    """Replaces this process by the command. LkrError 126 or 127 if that fails."""
    restore_signals()
    try:
        if platform.WINDOWS:  # on Windows, the caller would not wait for a program that replaces us
            import subprocess
            import sys

            variables = {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
            sys.exit(subprocess.run(words, env=variables).returncode)
        os.execvpe(words[0], words, environment)  # noqa: S606
    except OSError as error:
        code = 127 if isinstance(error, FileNotFoundError) else 126
        raise LkrError(f"cannot run {words[0]}: {error.strerror}", code=code) from None


def restore_signals() -> None:
    """Restores the signals that Python ignores, because the command would inherit that."""
    import _signal

    for name in ("SIGPIPE", "SIGXFSZ"):
        if hasattr(_signal, name):
            _signal.signal(getattr(_signal, name), _signal.SIG_DFL)


def program_name(word: str) -> str:
    """The command's name for the log; empty if there is no such program, since the word may be a mistyped value."""
    folders = [""] if "/" in word else os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.path.basename(word) if any(os.access(os.path.join(each, word), os.X_OK) for each in folders) else ""


class Asking:
    """Who asks for keys: `program` for the real folder of a project, on the command line or from Python.

    `event` is its name in the audit log. `named`: the person named the keys, not a manifest. `profile` is for
    the broker, None for what LKR_PROFILE names. `again`: the same process may ask once more, so it waits for a broker
    that starts. `ancestry` are the processes above. `say` gets lines for the person. Without `may_ask`, nobody is asked
    anything.
    """

    __slots__ = ("again", "ancestry", "event", "folder", "may_ask", "named", "profile", "program", "say", "settings")

    def __init__(
        self, folder: str, program: str, settings: config.Config, event: str = "exec", named: bool = False,
        profile: str | None = None, may_ask: bool = True,
    ) -> None:  # fmt: skip
        self.folder, self.program, self.settings, self.event = folder, program, settings, event
        self.named, self.profile, self.may_ask, self.again = named, profile, may_ask, False
        self.ancestry: agents.Ancestry | None = None
        self.say: Callable[[str], None] = _say


class Given:
    """What was given: the keys, real and `virtual`, and the variables that point programs to the broker.

    Also the keys that were not given because they are not stored. `agent` is the coding agent that asked, None for a
    person.
    """

    __slots__ = ("agent", "around", "keys", "missing", "virtual")

    def __init__(self) -> None:
        self.keys: list[tuple[Binding, Secret]] = []
        self.virtual: list[Binding] = []
        self.around: dict[str, str] = {}
        self.missing: list[Binding] = []
        self.agent: str | None = None

    def real(self) -> dict[str, Secret]:
        """Returns the real keys by name. A virtual key is worthless elsewhere, and may be seen."""
        return {binding.key: secret for binding, secret in self.keys if binding not in self.virtual}


def fetch(bindings: list[Binding], asking: Asking, require_all: bool = False) -> Given:
    """The values of these keys, under grant, policy and confirmation, with a line in the audit log.

    LkrError as for session.fetch_asking; StoreLocked when the store needs its passphrase.
    """
    ancestry = agents.ancestors() if asking.ancestry is None else asking.ancestry
    consumer = policy.Consumer("exec", asking.folder, agents.detect(dict(os.environ), ancestry, asking.settings))

    def record(event: str, used: list[Binding]) -> None:
        keys, variables = [binding.key for binding in used], [binding.variable for binding in used]
        if problem := session.record(consumer, keys, variables, ancestry, asking.program, event):
            asking.say(problem)

    store = registry.choose(asking.settings)
    fill = None
    if any(names.is_fetched(binding.key) for binding in bindings):
        from lkrshell.runtime import source_fetch

        fill = source_fetch.filler(store)
    found = session.fetch_asking(store, bindings, consumer, asking.settings, record, require_all, asking.may_ask, fill)
    if found.due:
        from lkrshell.runtime import background_refresh

        background_refresh.start(found.due)
    given = Given()
    given.agent = consumer.agent
    given.keys = [(binding, secret) for binding, secret, _ in found.loaded]
    given.missing = found.missing
    try:
        if found.brokered:
            virtual, given.around = _brokered(found, consumer, asking, store, require_all)
            given.virtual = [binding for binding, _ in virtual]
            given.keys += virtual
    except LkrError as error:
        if error.code == REFUSED:
            record("refused", bindings)
        raise
    if found.missing:
        asking.say(str(found.trouble or "; ".join(session.missing_line(found.missing))))
    if given.keys:
        record(asking.event, [binding for binding, _ in given.keys])
        session.note_use(store, [binding.key for binding, _ in given.keys])
    return given


def unnamed(keys: list[str], asking: Asking) -> LkrError:
    """Records the refusal of keys that the manifest does not name, and returns the error."""
    ancestry = agents.ancestors() if asking.ancestry is None else asking.ancestry
    agent = agents.detect(dict(os.environ), ancestry, asking.settings)
    consumer = policy.Consumer("exec", asking.folder, agent)
    session.record(consumer, keys, [], ancestry, asking.program, "refused")
    by, you = (f" for a coding agent ({agent})", "the user can run: ") if agent else ("", "")
    return LkrError(f"the manifest here does not name {', '.join(keys)}{by}", f"{you}lkr add {keys[0]}", REFUSED)


def _brokered(
    found: session.Fetched, consumer: policy.Consumer, asking: Asking, store: "Store", require_all: bool
) -> tuple[list[tuple[Binding, Secret]], dict[str, str]]:
    """Virtual keys for this process and the command. LkrError if there are no virtual keys, and nothing else to
    give."""
    from lkrshell.runtime import broker_client

    bindings = [binding for binding, _ in found.brokered]
    event = "named" if asking.named else "exec"
    minted = broker_client.mint_for(
        bindings, consumer.folder, event, os.getpid(), store.is_locked, profile=asking.profile, sure=asking.again
    )
    for problem in minted.refused:
        if require_all or not (found.loaded or minted.keys):
            raise problem
        asking.say(str(problem))
    if minted.note:
        asking.say(minted.note)
    return broker_client.for_command(minted, bindings)


def _say(text: str) -> None:
    os.write(2, f"lkr: {show(text)}\n".encode("utf-8", "backslashreplace"))


def main(words: list[str], unlock: "Callable[[], bool]" = bool) -> int:
    """Runs `lkr exec [--] WORDS` without options. Returns the exit code of a failure.

    `unlock` opens a locked store, and returns False if it cannot.
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
    except KeyboardInterrupt:  # at the question whether a key may be used
        os.write(2, b"\nlkr: stopped, nothing was started\n")
        return 130
    return 1


def _in_project(words: list[str]) -> None:
    """Becomes the command with the keys of the current project."""
    bindings, folder, require_all = project_bindings(words[0])
    become_with_keys(bindings, folder, words, require_all=require_all)


def run_wrapped(words: list[str]) -> int:
    """Becomes `words`, a command that the hook replaced by a function, with the keys that only this command gets.

    If there are no keys for it, a line says why, and the command runs anyway.
    """
    try:
        if lookup.find(lookup.current_folder()) is not None:
            bindings, folder, _ = project_bindings(words[0])
            become_with_keys([binding for binding in bindings if binding.commands], folder, words)
    except LkrError as error:
        if _failed(error) in (126, 127):
            return error.code
    try:
        become(words, own_environment())
    except LkrError as error:
        return _failed(error)
    return 1


def _failed(error: LkrError) -> int:
    _say(str(error))
    return error.code
