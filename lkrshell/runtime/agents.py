"""Which coding agent is behind us, if one is: by marks in the environment, or by the processes above us.

Three things are looked at: our own environment; the names of our ancestors, up to the first process, and of the leaders
of our session and process group, which stay when a command is sent to the background; and the environments that those
were started with, where `env -u` leaves a mark in place. None of it is proof, see SECURITY.md. Source: proc(5);
for macOS see `macos_processes`.
"""

import os

from lkrshell.runtime import processes
from lkrshell.runtime.known_agents import AGENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.state.config import Config

    Row = tuple[str, tuple[str, ...], tuple[str, ...]]  # an agent: its name, its marks, its processes

UNKNOWN = "agent"  # an agent whose name nothing tells
_SHELLS = frozenset(("bash", "zsh", "fish", "sh", "dash", "ksh"))
_INTERPRETERS = frozenset(
    ("python", "Python", "pypy", "node", "nodejs", "bun", "deno", "ruby", "MainThread", "node-MainThread")
)
_RUNNERS = frozenset(("npx", "npm", "npx-cli", "npm-cli", "pnpm", "yarn", "bunx", "uv", "uvx", "pipx"))
_SUBCOMMANDS = frozenset(("run", "tool", "exec", "x", "dlx"))
# Options of node whose value is the next word. Of others both that word and the one after it are looked at.
_WITH_VALUE = frozenset(("-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions"))
_CODE = frozenset(("-c", "-e", "-p", "--eval", "--print", "-pe"))  # the program is the next word, and has no name
_ENDINGS = (".js", ".mjs", ".cjs", ".ts", ".mts", ".py", ".pyw", ".pyz", ".sh")
# A process of another name makes no function of the shell.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_NO_AGENTS = ("/bin", "/sbin", "/usr/sbin", "/usr/local/sbin")  # nobody installs one there, and each look costs
_DEEPEST = 256  # generations; nobody nests shells so deep except to hide what is above them
_CUT = 15  # bytes of a process's name that the kernel keeps


class Ancestry(list[str]):
    """The names of the processes above us, nearest first; of an interpreter, the name of what it runs.

    `others` are more names that these, or the leaders of our session and group, may be known by; `variables` are those
    that any of them was started with, each as NAME=VALUE. `too_deep`: there are more of them than are looked at.
    """

    __slots__ = ("others", "too_deep", "variables")

    def __init__(self, names: "list[str] | tuple[str, ...]" = ()) -> None:
        super().__init__(names)
        self.others: list[str] = []
        self.variables: dict[str, None] = {}  # a set in order
        self.too_deep = False


def detect(environment: "dict[str, str]", ancestry: list[str], settings: "Config | None" = None) -> str | None:
    """The agent behind us, None without one. `ancestry` is what `ancestors` found; `settings` are the user's.

    `agent_ancestors = false` counts only in the account's own folders: whoever can set variables could bring others.
    What names itself by AI_AGENT alone is not taken for an agent that lkr knows.
    """
    known = _known(settings)
    name = _marked(known, environment)
    if name and name != UNKNOWN:
        return name
    found = _by_process(known, ancestry, settings)
    if found and settings is not None and not settings.agent_ancestors:
        from lkrshell.state import paths

        if paths.are_the_accounts_own():
            found = None
    if name is None and found is None and settings is not None and _may_be_moved(environment, ancestry):
        return _by_the_accounts_settings(environment, ancestry)
    if name is None or (found and found != UNKNOWN):
        return found
    return _self_named(known, environment.get("AI_AGENT", ""))


def _may_be_moved(environment: "dict[str, str]", ancestry: list[str]) -> bool:
    """True when the settings in force may not be the account's own: an agent can name others, without its own row."""
    variables = ancestry.variables if isinstance(ancestry, Ancestry) else {}
    homes = {each for each in variables if each.startswith("HOME=")} | {f"HOME={environment.get('HOME')}"}
    named = any(each.startswith("XDG_CONFIG_HOME=") for each in variables)
    return len(homes) > 1 or named or "XDG_CONFIG_HOME" in environment


def _by_the_accounts_settings(environment: "dict[str, str]", ancestry: list[str]) -> str | None:
    """The agent by the rows that the person has in the account's own settings."""
    from lkrshell.state import config

    settings = config.of_account()
    if settings is None:
        return None
    known = _known(settings)
    marked = _marked(known, environment)
    return marked or (_by_process(known, ancestry, settings) if settings.agent_ancestors else None)


def _by_process(known: "list[Row]", ancestry: list[str], settings: "Config | None") -> str | None:
    own = settings.agent_processes if settings else ()
    others = ancestry.others if isinstance(ancestry, Ancestry) else []
    agent_of: dict[str, str] = {}
    for each, _, names in known:
        for name in names:
            agent_of.setdefault(name, each)
    for process in (*ancestry, *others):
        if process in agent_of:
            return agent_of[process]
        if process in own:
            return process
    if isinstance(ancestry, Ancestry):
        marks = {name: value for name, _, value in map(_parted, ancestry.variables) if value}
        if found := _marked(known, marks):
            return found if found != UNKNOWN else _self_named(known, marks.get("AI_AGENT", ""))
        if ancestry.too_deep:
            return UNKNOWN
    return None


def _parted(variable: str) -> tuple[str, str, str]:
    return variable.partition("=")


def _marked(known: "list[Row]", environment: "dict[str, str]") -> str | None:
    return next((name for name, marks, _ in known if any(map(environment.get, marks))), None)


def _self_named(known: "list[Row]", value: str) -> str:
    plain = _PLAIN.issuperset(value) and 1 < len(value) <= 50 and not value.isdigit()
    return value if plain and value not in ("true", *(name for name, _, _ in known)) else UNKNOWN


def agent_of_program(program: str, settings: "Config") -> str:
    """The agent whose program is called so; the program's own name when lkr knows no such agent."""
    return next((name for name, _, names in _known(settings) if program in names), program)


def _known(settings: "Config | None") -> "list[Row]":
    own = settings.agents if settings else ()
    rows = [(name, tuple(marks.split()), tuple(names.split("\n") if names else ())) for name, _, marks, names in own]
    return rows + [(name, *row) for name, row in AGENTS.items()]


def programs(settings: "Config") -> list[str]:
    """The programs of known agents, the user's own among them, that are on PATH."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder and folder not in _NO_AGENTS]
    names = [name for _, _, own in _known(settings) for name in own if _PLAIN.issuperset(name)]
    access = os.access
    found = {name for folder in folders for name in names if access(f"{folder}/{name}", 1)}  # 1: X_OK
    return [name for name in names if name in found]


def ancestors(pid: int = 0, own: bool = False) -> Ancestry:
    """The processes above us and beside them; with `pid`, that process and those above and beside it.

    With `own`, this very process is looked at too, which is then another program than `lkr`. Empty where the system
    tells nothing of them.
    """
    ancestry, seen = Ancestry(), {os.getpid()}
    _climb(pid or os.getppid(), ancestry, ancestry, seen)
    if own:
        _climb(os.getpid(), ancestry.others, ancestry, seen - {os.getpid()})
    try:
        leaders = os.getsid(pid), os.getpgid(pid)
    except OSError:
        return ancestry  # it has ended
    for leader in leaders:
        _climb(leader, ancestry.others, ancestry, seen)
    return ancestry


def between(pid: int, top: int) -> Ancestry:
    """The process and those above it up to `top`, without that one."""
    ancestry = Ancestry()
    _climb(pid, ancestry, ancestry, {top, os.getpid()})
    return ancestry


def _climb(pid: int, names: list[str], ancestry: Ancestry, seen: set[int]) -> None:
    """Adds the process, and all that are above it, to `names`, and what tells agents to `ancestry`."""
    while pid > 0 and pid not in seen:
        if len(seen) > _DEEPEST:
            ancestry.too_deep = True
            return
        seen.add(pid)
        try:
            cut, parent = processes.status(pid)
            first, *others = _names(pid, cut)
        except (OSError, ValueError, IndexError):
            return  # it has ended, or is hidden from us
        names.append(first)
        ancestry.others += others
        try:
            variables = processes.environment_of(pid).decode("utf-8", "replace").split("\0")
            ancestry.variables.update(dict.fromkeys(variables))
        except OSError:
            pass  # another user's
        pid = parent


def _names(pid: int, cut: bytes) -> list[str]:
    """What the process may be known by, the best name first: of an interpreter, what it runs.

    `cut` is the name that the kernel keeps: on Linux of at most 15 bytes, on macOS of 31, there of a script's
    interpreter.
    """
    comm = cut.decode("utf-8", "replace")
    if not _runs_others(comm) and len(cut) < _CUT:
        return [comm]
    words = processes.words_of(pid)
    if words[0].startswith("npm "):  # which writes a title there
        words = words[0].split()
    called = os.path.basename(words[0]).lstrip("-")
    if not _runs_others(comm):
        whole = (os.path.basename(word).lstrip("-") for word in words[:16])  # a script's own name is the second word
        return [next((name for name in whole if name.startswith(comm)), comm)]
    if called and not _runs_others(called):
        return [called, comm]  # an interpreter within one program, as copilot is
    return [*programs_run(called or comm, words[1:64]), comm]


def _runs_others(name: str) -> bool:
    """True for an interpreter, a shell, and what runs programs of packages."""
    return name in _SHELLS or name in _RUNNERS or name.rstrip("0123456789.") in _INTERPRETERS


def programs_run(program: str, words: list[str]) -> list[str]:
    """The names of what an interpreter, or a program that runs others, was told to run by `words`."""
    if program.lower().startswith(("python", "pypy")):
        found, rest = _python(words)
    else:
        found, rest = _others(words)
    if found and found[0] in _RUNNERS:
        found = _others(rest)[0] + found
    return found


def _python(words: list[str]) -> tuple[list[str], list[str]]:
    """As Python itself reads its options."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        word = words[at]
        at += 1
        if word.startswith("--"):
            at += word == "--check-hash-based-pycs"
            continue
        for place, letter in enumerate(word[1:], 2):
            if letter == "c":
                return [], []
            if letter in "mWX":
                value = word[place:] or (words[at] if at < len(words) else "")
                at += not word[place:]
                if letter == "m":
                    return [value.partition(".")[0]], words[at:]
                break
    return (_called(words[at]), words[at + 1 :]) if at < len(words) else ([], [])


def _others(words: list[str]) -> tuple[list[str], list[str]]:
    """The first word that is no option. The value of an option that we do not know counts too, for it may be it."""
    found: list[str] = []
    before = ""
    for at, word in enumerate(words):
        if word in _CODE and not found:
            return [], []
        if before in _WITH_VALUE or word in _SUBCOMMANDS or not word or word == "--":
            before = ""
        elif word.startswith("-"):
            before = "" if "=" in word else word
        else:
            found += _called(word)
            if not before or "/" in word or word.endswith(_ENDINGS):
                return found, words[at + 1 :]
            before = ""
    return found, []


def _called(word: str) -> list[str]:
    """The names that a script's path, or a package's name, may go by."""
    *folders, name = word.removeprefix("npm:").rstrip("/").split("/")
    name = name.partition("@")[0]  # and a version
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    names = [name]
    if name == "__main__" and folders:
        names.insert(0, folders[-1])
    for place in range(len(folders) - 1, -1, -1):
        if folders[place] in ("node_modules", "site-packages", "dist-packages"):
            inner = [*folders, name][place + 1 :]
            names.append(inner[1] if inner[0].startswith("@") and len(inner) > 1 else inner[0])
            break
    return names
