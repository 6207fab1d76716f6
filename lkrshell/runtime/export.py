"""`lkr export SHELL`: the statements (fish: the words of calls) that give a shell what its folder should have.

The hook has already removed what was loaded, so this starts from the user's own environment: find the manifest, check
its grant, resolve, fetch, print. Start-up time matters most: tests/test_imports.py has the list of modules that this
may import. stdout is for the shell, stderr for the person. Values go to stdout only.
"""

import os

from lkrshell import __version__
from lkrshell.core import folders, policy
from lkrshell.core.binding import Binding, shown
from lkrshell.core.errors import REFUSED, LkrError
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.core.time_limit import TimeLimit
from lkrshell.project import lookup, resolver
from lkrshell.runtime import agents, session
from lkrshell.shells import session_state
from lkrshell.shells.base import Shell, dialect
from lkrshell.state import config, generation, paths
from lkrshell.stores import registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.stores.base import Store

_TIME_LIMIT = 0.9  # seconds for the store; the prompt is waiting
_LOG_TIME_LIMIT = 0.2  # seconds for other writers of the audit log


class Plan:
    """What a shell should have in a folder, as data: `render` turns it into statements.

    `loads` are (variable, state, value). `brokered` names those that are virtual keys, `around` those that lead
    programs to the broker. `now` maps each variable to its state; `before` has the states until now. `watch` are the
    files that decide this, with their texts. `until` is the time of the next check, `seen` the generation. `over` are
    the variables of keys whose time is up. `exports` are variables for the hook in a shell where direnv loaded the
    keys.
    """

    __slots__ = (
        "around", "before", "brokered", "code", "exports", "functions", "loads", "now", "over", "quiet", "seen",
        "until", "watch",
    )  # fmt: skip

    def __init__(self, before: dict[str, str], over: list[str]) -> None:
        self.before, self.over = before, dict.fromkeys(over)
        self.watch: list[tuple[str, str]] = []
        self.exports: list[tuple[str, str]] = []
        self.code, self.quiet, self.seen = 0, False, ""
        self.clear()

    def clear(self) -> None:
        """Plans to load nothing."""
        self.functions: list[list[str]] = []
        self.loads: list[tuple[str, str, Secret]] = []
        self.now: dict[str, str] = {}
        self.brokered: list[str] = []
        self.around: list[str] = []
        self.until = ""


def export(shell: str, folder: str | None, version: str = __version__) -> int:
    """Prints the statements for `shell`; `folder` is where its hook found the nearest manifest, `version` the hook's.

    Returns the exit code. After a refusal, a line on stderr says why, and the statements load nothing.
    """
    speak = dialect(shell)
    plan = make_plan(shell, lookup.find(lookup.current_folder()) if folder is None else folder)
    _write(1, "".join(render(plan, speak, shell, version)))
    return plan.code


def make_plan(shell: str, folder: str | None) -> Plan:
    """Plans what the shell should have in the project at `folder`; None means outside of projects."""
    before = session_state.parse(os.environ.get("LKR_ENDS" if shell == "direnv" else "LKR_WAS", ""))
    plan = Plan(before, os.environ.get("LKR_OVER", "").split())
    try:
        plan.seen = generation.read()
        settings = config.load()
        plan.quiet = settings.quiet
        held = shell != "direnv" and "LKR_DIRENV" in os.environ  # `use lkr` loaded keys into this shell
        if folder is not None and (held or not _stands_aside(shell, folder, plan.watch)):
            chain, wanted = session.bindings_at(folder, plan.watch)
            if shell != "direnv":
                plan.functions = _functions(wanted, settings)
            if held:
                from lkrshell.runtime import direnv_variables

                plan.exports, plan.until = direnv_variables.for_hook(_clock())
            elif bindings := _not_direnvs(shell, [binding for binding in wanted if binding.scope == "shell"]):
                event = "direnv" if shell == "direnv" else "shell"
                _load(plan, bindings, event, chain[0].real, resolver.requires_all(chain), settings)
    except LkrError as error:
        plan.clear()
        plan.code = error.code
        _say(f"lkr: {error}")
    return plan


def _load(
    plan: Plan, bindings: list[Binding], event: str, real: str, require_all: bool, settings: config.Config
) -> None:
    """Adds the keys of `bindings` to the plan. LkrError if none can be loaded; refusals are recorded in the audit
    log."""
    ancestry = agents.ancestors()
    agent = agents.detect(dict(os.environ), ancestry, settings)
    consumer = policy.Consumer(event, real, agent, settings.keys_of(agent))
    try:
        started = _monotonic()
        with TimeLimit(_TIME_LIMIT):
            store = registry.choose(settings)
            found = session.fetch(store, bindings, consumer, require_all)
        _say_rest(found, agent)
        clock = _clock()
        ends = [_add(plan, *each, clock) for each in found.loaded]
        ends.append(found.look)
        if found.due:
            from lkrshell.runtime import background_refresh

            background_refresh.start(found.due)
        if found.brokered:
            patience = max(0.1, _TIME_LIMIT - (_monotonic() - started))
            ends += _add_brokered(plan, found, consumer, store, require_all, clock, patience)
        if (left := store.seconds_left()) is not None and found.loaded:
            ends.append(clock + left)
        plan.until = str(min(filter(None, ends), default=""))
        if plan.now:
            given = {variable: state for variable, state in plan.now.items() if variable not in plan.around}
            keys = [session_state.key_of(state) for state in given.values()]
            _record(event, keys, list(given), consumer, ancestry)
            session.note_use(store, keys)
    except LkrError as error:
        if error.code == REFUSED:
            _record(
                "refused", [each.key for each in bindings], [each.variable for each in bindings], consumer, ancestry
            )
        raise


def _add(plan: Plan, binding: Binding, secret: Secret, ttl: int, clock: int) -> int:
    """Adds a key, unless its time is up. Returns the time when it ends; 0 for never."""
    state, end = _state(plan, binding, ttl, clock)
    if state:
        plan.loads.append((binding.variable, state, secret))
        plan.now[binding.variable] = state
    return end


def _state(plan: Plan, binding: Binding, ttl: int, clock: int) -> tuple[str, int]:
    """What the shell remembers of a key, empty if the key's time is up; and when that time ends, 0 for never."""
    if not ttl:
        return binding.key, 0
    end = min(session_state.end_of(plan.before.get(binding.variable, ""), binding.key) or clock + ttl, clock + ttl)
    if binding.variable in plan.over or end <= clock:
        plan.over[binding.variable] = None
        return "", 0
    return f"{binding.key}={end}", end


def _add_brokered(
    plan: Plan,
    found: session.Fetched,
    consumer: policy.Consumer,
    store: "Store",
    require_all: bool,
    clock: int,
    patience: float,
) -> list[int]:
    """Adds virtual keys, and the variables that point programs to the broker. Returns when their times end.

    LkrError if a key is refused and nothing else is loaded, or with `require_all`.
    """
    from lkrshell.runtime import broker_client

    states = {binding.variable: _state(plan, binding, ttl, clock) for binding, ttl in found.brokered}
    bindings = [binding for binding, _ in found.brokered if states[binding.variable][0]]

    def is_locked() -> bool:
        with TimeLimit(patience):
            return store.is_locked()

    if not bindings:
        return []
    minted = broker_client.mint_for(
        bindings, consumer.folder, consumer.event, broker_client.asking_shell(consumer.event), is_locked, patience
    )
    for problem in minted.refused:
        if require_all or not (plan.loads or minted.keys):
            raise problem
        _say(f"lkr: {problem}")
    if not minted.keys:
        return []
    if minted.note:
        _say(f"lkr: {minted.note}")
    given = minted.given(bindings)
    for binding, secret in given:
        plan.loads.append((binding.variable, states[binding.variable][0], secret))
        plan.now[binding.variable] = states[binding.variable][0]
    plan.brokered = [binding.variable for binding, _ in given]
    for variable, (key, value) in broker_client.broker_variables(
        [binding.key for binding, _ in given], minted.port, os.environ
    ).items():
        if variable not in plan.now:
            plan.loads.append((variable, key, Secret(value)))
            plan.now[variable] = key
            plan.around.append(variable)
    return [states[binding.variable][1] for binding, _ in given]


def render(plan: Plan, speak: Shell, shell: str, version: str) -> list[str]:
    """The statements that carry out the plan in the shell."""
    out = [speak.export(*each) for each in plan.exports]
    out += [speak.call("__lkr_wrap", *words) for words in plan.functions]
    out += [speak.load(variable, state, secret.reveal()) for variable, state, secret in plan.loads]
    difference = [] if plan.quiet else _difference(plan)
    if shell == "direnv":
        if difference:
            _say("lkr: " + " ".join(difference))
        files = [path for path, _ in plan.watch] + [os.path.join(paths.generation_dir(), plan.seen)]
        out += [f"watch_file {speak.quote(path)}\n" for path in files]
        if plan.now:
            from lkrshell.runtime import direnv_variables

            out += [speak.export(*each) for each in direnv_variables.for_direnv(plan.now, plan.until)]
        return out
    if version != __version__:
        _say(f"lkr: this shell's hook is from lkr {version}, but {__version__} is installed; open a new shell")
        out.append(speak.assign("__lkr_version", __version__))
    if difference:  # the shell prints this, since it knows which variables it left alone
        out.append(speak.call("__lkr_say", *difference))
    flat = [word.replace("\0", "") for pair in plan.watch for word in pair]
    quiet, profile = "1" if plan.quiet else "", os.environ.get("LKR_PROFILE", "")
    out.append(speak.call("__lkr_now", plan.seen, plan.until, quiet, profile, " ".join(plan.over), *flat))
    return out


def _functions(wanted: list[Binding], settings: config.Config) -> list[list[str]]:
    """The arguments of `__lkr_wrap`: the commands that the shell starts through lkr. Agents start without the shell's
    keys, other commands with the keys that only they get."""
    found = (
        agents.programs(settings)
        if settings.agent_functions and any(binding.scope == "shell" for binding in wanted)
        else []
    )
    own = dict.fromkeys(command for binding in wanted for command in binding.commands if command not in found)
    return [words for words in (["agent-env", *found], ["exec", *own]) if len(words) > 1]


def _say_rest(found: session.Fetched, agent: str | None) -> None:
    """Says why each of the other keys is not loaded."""
    if found.left_out:
        _say(f"lkr: left out for {agent}: {' '.join(binding.variable for binding in found.left_out)}")
    if found.waiting:
        names = " ".join(binding.variable for binding in found.waiting)
        _say(f"lkr: {names} awaits your confirmation: lkr confirm")
    if found.missing:
        _say(f"lkr: {'; '.join(session.missing_line(found.missing))}")


def _record(event: str, keys: list[str], variables: list[str], consumer: policy.Consumer, ancestry: list[str]) -> None:
    if problem := session.record(consumer, keys, variables, ancestry, "lkr", event, patience=_LOG_TIME_LIMIT):
        _say(f"lkr: {problem}")


def _stands_aside(shell: str, folder: str, watch: list[tuple[str, str]]) -> bool:
    """True when the other integration manages this folder: direnv's `use lkr`, or our own hook."""
    if shell == "direnv":
        return os.environ.get("LKR_DIR") == folder and bool(os.environ.get("LKR_STATE"))
    if not os.environ.get("LKR_HAS_DIRENV"):
        return False
    for candidate in folders.above(lookup.current_folder()):
        path = os.path.join(candidate, ".envrc")
        text = lookup.read_text(path)
        watch.append((path, text))
        if text != lookup.ABSENT:
            from lkrshell.shells import direnv_state

            watch.append(direnv_state.allow_file(path, text))
            return any(line.split("#")[0].split() == ["use", "lkr"] for line in text[1:].splitlines())
    return False


def _not_direnvs(shell: str, bindings: list[Binding]) -> list[Binding]:
    """Those of `bindings` whose variables no .envrc has set: only one program can remember a variable's previous
    value."""
    if shell == "direnv" or not os.environ.get("DIRENV_DIFF"):
        return bindings
    from lkrshell.shells import direnv_state

    held = direnv_state.variables_set()
    both = [binding.variable for binding in bindings if binding.variable in held]
    if both:
        _say(f"lkr: {' '.join(both)} is set by direnv here, so lkr leaves it alone; to fix this: lkr doctor")
    return [binding for binding in bindings if binding.variable not in held]


def _difference(plan: Plan) -> list[str]:
    """What the shell loses and gains: "-VARIABLE", "+VARIABLE (key)"."""
    before, now = plan.before, plan.now
    by = dict.fromkeys(plan.brokered, " by the broker")
    why = dict.fromkeys(plan.over, " (its time is up)")
    gone = [f"-{variable}{why.get(variable, '')}" for variable in before if variable not in now]
    come = [
        f"+{variable} ({shown(session_state.key_of(key))}{by.get(variable, '')})"
        for variable, key in now.items()
        if before.get(variable) != key and variable not in plan.around
    ]
    return gone + come


def _say(line: str) -> None:
    _write(2, show(line) + "\n")


def _write(fd: int, text: str) -> None:
    data = memoryview(text.encode("utf-8", "surrogateescape"))
    while data:
        data = data[os.write(fd, data) :]


def _clock() -> int:
    import time

    return int(time.time())


def _monotonic() -> float:
    import time

    return time.monotonic()


def main(arguments: list[str]) -> int:
    """`SHELL [FOLDER [VERSION]]`, as the hooks call it. Never shows a traceback."""
    try:
        return export(*arguments) if len(arguments) > 1 else export(arguments[0], None)
    except LkrError as error:
        _say(f"lkr: {error}")
        return error.code
    except BrokenPipeError:
        return 1
    except Exception as error:
        if os.environ.get("LKR_DEBUG") == "1":
            where = error.__traceback__
            while where and where.tb_next:
                where = where.tb_next
            place = f" at {where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else ""
            _say(f"lkr: {type(error).__name__}{place}")
        else:
            _say(f"lkr: unexpected {type(error).__name__}; LKR_DEBUG=1 shows where")
        return 1
