"""Which coding agent runs us, if any: by marks in the environment, or by the processes above us.

It looks at three things: our own environment; the names of our ancestors up to the first process, and of the leaders of
our session and process group, which stay when a command goes to the background; and the environments that those
processes were started with, where `env -u` cannot remove a mark. None of this is proof: see SECURITY.md.
"""

import os

from lkrshell.runtime import processes
from lkrshell.runtime.known_agents import AGENTS
from lkrshell.shells import base

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.state.config import Config

    Row = tuple[str, tuple[str, ...], tuple[str, ...]]  # an agent: its name, its marks, its processes

UNKNOWN = "agent"  # an agent whose name we cannot find out
_INTERPRETERS = frozenset(
    ("python", "Python", "pypy", "node", "nodejs", "bun", "deno", "ruby", "MainThread", "node-MainThread")
)
_RUNNERS = frozenset(("npx", "npm", "npx-cli", "npm-cli", "pnpm", "yarn", "bunx", "uv", "uvx", "pipx"))
_SUBCOMMANDS = frozenset(("run", "tool", "exec", "x", "dlx"))
# Options of node whose value is the next word. After any other option, we look at the next two words.
_WITH_VALUE = frozenset(("-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions"))
_CODE = frozenset(("-c", "-e", "-p", "--eval", "--print", "-pe"))  # the next word is code without a name
_ENDINGS = (".js", ".mjs", ".cjs", ".ts", ".mts", ".py", ".pyw", ".pyz", ".sh")
# Only names of these characters become functions of the shell.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_NO_AGENTS = ("/bin", "/sbin", "/usr/sbin", "/usr/local/sbin")  # nobody installs agents there, and each look takes time
_DEEPEST = 256  # generations; only somebody who hides an agent nests processes so deep
_CUT = 15  # bytes of a process's name that the kernel keeps


class Ancestry(list[str]):
    """The names of the processes above us, nearest first. For an interpreter, the name of what it runs.

    `others`: further names of these processes, and the names of the leaders of our session and group. `variables`: the
    variables that any of them was started with, as NAME=VALUE. `too_deep`: there are more than we look at.
    """

    __slots__ = ("others", "too_deep", "variables")

    def __init__(self, names: "list[str] | tuple[str, ...]" = ()) -> None:
        super().__init__(names)
        self.others: list[str] = []
        self.variables: dict[str, None] = {}  # a set in order
        self.too_deep = False


def detect(environment: "dict[str, str]", ancestry: list[str], settings: "Config | None" = None) -> str | None:
    """The coding agent that runs us, or None. `ancestry` is what `ancestors` found; `settings` are the user's.

    `agent_ancestors = false` applies only with the account's own folders, since whoever sets variables could point to
    other settings. A program that only sets AI_AGENT cannot pose as an agent that lkr knows.
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
    """True if the current settings may not be the account's own: an agent could point to others that lack its row."""
    variables = ancestry.variables if isinstance(ancestry, Ancestry) else {}
    homes = {each for each in variables if each.startswith("HOME=")} | {f"HOME={environment.get('HOME')}"}
    named = any(each.startswith("XDG_CONFIG_HOME=") for each in variables)
    return len(homes) > 1 or named or "XDG_CONFIG_HOME" in environment


def _by_the_accounts_settings(environment: "dict[str, str]", ancestry: list[str]) -> str | None:
    """The agent, according to the account's own settings."""
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
    """The agent with a program of this name; the name itself if lkr knows no such agent."""
    return next((name for name, _, names in _known(settings) if program in names), program)


def _known(settings: "Config | None") -> "list[Row]":
    own = settings.agents if settings else ()
    rows = [(name, tuple(marks.split()), tuple(names.split("\n") if names else ())) for name, _, marks, names in own]
    return rows + [(name, *row) for name, row in AGENTS.items()]


def programs(settings: "Config") -> list[str]:
    """The programs on PATH that belong to known agents, including those in the user's settings."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder and folder not in _NO_AGENTS]
    names = [name for _, _, own in _known(settings) for name in own if _PLAIN.issuperset(name)]
    access = os.access
    found = {name for folder in folders for name in names if access(f"{folder}/{name}", 1)}  # 1: X_OK
    return [name for name in names if name in found]


def ancestors(pid: int = 0, own: bool = False) -> Ancestry:
    """The processes above us, and the leaders of our session and group. With `pid`, those of that process, and itself.

    `own`: include this process, which is then another program than `lkr`. Empty if the system says nothing about them.
    """
    ancestry, seen = Ancestry(), {os.getpid()}
    if not processes.ARE_VISIBLE:
        return ancestry
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
    """The process and those above it, up to but not including `top`."""
    ancestry = Ancestry()
    _climb(pid, ancestry, ancestry, {top, os.getpid()})
    return ancestry


def _climb(pid: int, names: list[str], ancestry: Ancestry, seen: set[int]) -> None:
    """Adds the names of the process and all above it to `names`, and their other names and variables to `ancestry`."""
    while pid > 0 and pid not in seen:
        if len(seen) > _DEEPEST:
            ancestry.too_deep = True
            return
        seen.add(pid)
        try:
            cut, parent = processes.status(pid)
            first, *others = _names(pid, cut)
        except (OSError, ValueError, IndexError):
            return  # it has ended, or we may not see it
        names.append(first)
        ancestry.others += others
        try:
            variables = processes.environment_of(pid).decode("utf-8", "replace").split("\0")
            ancestry.variables.update(dict.fromkeys(variables))
        except OSError:
            pass  # another user's process
        pid = parent


def _names(pid: int, cut: bytes) -> list[str]:
    """The names of a process, best first. For an interpreter, the names of what it runs.

    `cut` is the name that the kernel keeps: at most 15 bytes on Linux, 31 on macOS. For a script, macOS has the name of
    its interpreter.
    """
    comm = cut.decode("utf-8", "replace")
    if not _runs_others(comm) and len(cut) < _CUT:
        return [comm]
    words = processes.words_of(pid)
    if not words:
        return [comm]  # macOS tells nobody but its user
    if words[0].startswith("npm "):  # npm writes a title there
        words = words[0].split()
    called = os.path.basename(words[0]).lstrip("-")
    if not _runs_others(comm):
        whole = (os.path.basename(word).lstrip("-") for word in words[:16])  # the second word is the name of a script
        return [next((name for name in whole if name.startswith(comm)), comm)]
    if called and not _runs_others(called):
        return [called, comm]  # an interpreter inside a program, such as copilot
    return [*programs_run(called or comm, words[1:64]), comm]


def _runs_others(name: str) -> bool:
    """True for interpreters, shells, and programs that run packages."""
    return name in base.PROGRAMS or name in _RUNNERS or name.rstrip("0123456789.") in _INTERPRETERS


def programs_run(program: str, words: list[str]) -> list[str]:
    """The names of what `words` tell an interpreter, or another program that runs programs, to run."""
    if program.lower().startswith(("python", "pypy")):
        found, rest = _python(words)
    else:
        found, rest = _others(words)
    if found and found[0] in _RUNNERS:
        found = _others(rest)[0] + found
    return found


def _python(words: list[str]) -> tuple[list[str], list[str]]:
    """Reads the options as Python does. Returns the names of the program, and the words after it."""
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
    """The names in the first word that is not an option, and the words after it.

    Also names in the value of an unknown option, since that word may be the program."""
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
    """The names that we derive from a script's path or a package's name."""
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
