"""Which coding agent is behind us, if one is: by marks in the environment, or by the processes above us.

Three things are looked at: our own environment; the names of our ancestors, up to the first process, and of the leaders
of our session and process group, which stay when a command is sent to the background; and the environments that those
were started with, where `env -u` leaves a mark in place. None of it is proof, see SECURITY.md. Source: proc(5).
"""

import os

from lkrshell.runtime.known_agents import AGENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.state.config import Config

UNKNOWN = "agent"  # an agent whose name nothing tells
_INTERPRETERS = frozenset("node nodejs bun deno python python2 python3 pypy3 MainThread uv ruby".split())
_SHELLS = frozenset("sh bash dash zsh ksh fish".split())
_SUFFIXES = (".js", ".mjs", ".cjs", ".ts", ".py", ".pyz", ".sh", ".exe")
_SUBCOMMANDS = frozenset("run x exec tool".split())  # of bun, deno and uv, before the script's name
_CODE = frozenset("-c -e -p --eval --print -pe".split())  # the program is in the next word, and has no name
_PACKAGES = ("/node_modules/", "/site-packages/")
# A process of another name makes no function of the shell.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_NO_AGENTS = ("/bin", "/sbin", "/usr/sbin", "/usr/local/sbin")  # nobody installs one there, and each look costs
_DEEPEST = 256  # generations; nobody nests shells so deep except to hide what is above them
_CUT = 15  # characters of a process's name that the kernel keeps
_LARGEST = 1 << 20  # bytes of an environment that are looked at


class Line(list[str]):
    """The names of the processes above us, nearest first; of an interpreter, the name of what it runs.

    `others` are more names that these, or the leaders of our session and group, may be known by; `marks` are the
    variables that any of them was started with. `too_deep`: there are more of them than are looked at.
    """

    __slots__ = ("marks", "others", "too_deep")

    def __init__(self, names: "list[str] | tuple[str, ...]" = ()) -> None:
        super().__init__(names)
        self.others: list[str] = []
        self.marks: dict[str, str] = {}
        self.too_deep = False


def detect(environment: "dict[str, str]", line: list[str], settings: "Config | None" = None) -> str | None:
    """The agent behind us, None without one. `line` is what `ancestors` found; `settings` are the user's.

    `agent_ancestors = false` counts only in the account's own config.toml: whoever can set variables could bring
    another one. What names itself by AI_AGENT alone is not taken for an agent that lkr knows.
    """
    known = _known(settings)
    name = _marked(known, environment)
    if name and name != UNKNOWN:
        return name
    found = _by_process(known, line, settings)
    if found and settings is not None and not settings.agent_ancestors:
        from lkrshell.state import config

        if config.is_the_accounts_own():
            found = None
    if name is None or (found and found != UNKNOWN):
        return found
    return _self_named(known, environment.get("AI_AGENT", ""))


def _by_process(
    known: "list[tuple[str, tuple[str, ...], tuple[str, ...]]]", line: list[str], settings: "Config | None"
) -> str | None:
    own = settings.agent_processes if settings else ()
    others = line.others if isinstance(line, Line) else []
    for process in (*line, *others):
        for each, _, names in known:
            if process in names:
                return each
        if process in own:
            return process
    if isinstance(line, Line):
        if name := _marked(known, line.marks):
            return name if name != UNKNOWN else _self_named(known, line.marks.get("AI_AGENT", ""))
        if line.too_deep:
            return UNKNOWN
    return None


def _marked(known: "list[tuple[str, tuple[str, ...], tuple[str, ...]]]", environment: "dict[str, str]") -> str | None:
    return next((name for name, marks, _ in known if any(map(environment.get, marks))), None)


def _self_named(known: "list[tuple[str, tuple[str, ...], tuple[str, ...]]]", value: str) -> str:
    plain = _PLAIN.issuperset(value) and 1 < len(value) <= 50 and not value.isdigit()
    return value if plain and value not in ("true", *(name for name, _, _ in known)) else UNKNOWN


def named(program: str, settings: "Config") -> str:
    """The agent whose program is called so; the program's own name when lkr knows no such agent."""
    return next((name for name, _, names in _known(settings) if program in names), program)


def _known(settings: "Config | None") -> "list[tuple[str, tuple[str, ...], tuple[str, ...]]]":
    own = settings.agents if settings else ()
    rows = [(name, tuple(marks.split()), tuple(names.split("\n") if names else ())) for name, _, marks, names in own]
    return rows + [(name, *row) for name, row in AGENTS.items()]


def programs(settings: "Config") -> list[str]:
    """The programs of known agents, the user's own among them, that are on PATH."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder and folder not in _NO_AGENTS]
    names = [name for _, _, processes in _known(settings) for name in processes if _PLAIN.issuperset(name)]
    access = os.access
    found = {name for folder in folders for name in names if access(f"{folder}/{name}", 1)}  # 1: X_OK
    return [name for name in names if name in found]


def ancestors() -> Line:
    """The processes above us and beside them. Empty where there is no /proc."""
    line = Line()
    try:
        _, parent, group, session = _status(os.getpid())
    except (OSError, ValueError, IndexError):
        return line
    seen: set[int] = {os.getpid()}
    before: list[bytes] = []
    _climb(parent, line, line, seen, before)
    for leader in (session, group):
        _climb(leader, line.others, line, seen, before)
    return line


def _climb(pid: int, names: list[str], line: Line, seen: set[int], before: list[bytes]) -> None:
    """Adds the process, and all that are above it, to `names`, and what tells agents to `line`."""
    while pid > 0 and pid not in seen:
        if len(seen) > _DEEPEST:
            line.too_deep = True
            return
        seen.add(pid)
        try:
            comm, parent, _, _ = _status(pid)
            first, *others = _names(pid, comm)
        except (OSError, ValueError, IndexError):
            return  # it has ended, or is hidden from us
        names.append(first)
        line.others += others
        _environment(pid, line, before)
        pid = parent


def _status(pid: int) -> tuple[str, int, int, int]:
    """A process's name, cut at 15 bytes, and the ids of its parent, group and session."""
    head, _, tail = _read(f"/proc/{pid}/stat", 1024).decode("utf-8", "replace").rpartition(")")
    fields = tail.split(None, 4)
    return head.partition("(")[2], int(fields[1]), int(fields[2]), int(fields[3])


def _environment(pid: int, line: Line, before: list[bytes]) -> None:
    """Adds the variables that the process was started with; those of another user's cannot be read."""
    try:
        data = _read(f"/proc/{pid}/environ", _LARGEST)
    except OSError:
        return
    if data in before:
        return  # most have what their parent has
    before.append(data)
    for entry in data.decode("utf-8", "replace").split("\0"):
        name, _, value = entry.partition("=")
        if value:
            line.marks[name] = value


def _names(pid: int, comm: str) -> list[str]:
    """What the process may be known by, the best name first: of an interpreter, what it runs."""
    interprets = comm in _INTERPRETERS or comm in _SHELLS or comm[:6] == "python"
    if not interprets and len(comm.encode("utf-8", "replace")) < _CUT:
        return [comm]
    words = _read(f"/proc/{pid}/cmdline", 1 << 16).decode("utf-8", "replace").split("\0")
    called = os.path.basename(words[0]).lstrip("-")
    if not interprets:
        whole = (os.path.basename(word).lstrip("-") for word in words[:16])  # a script's own name is the second word
        return [next((name for name in whole if name.startswith(comm)), comm)]
    if called and called not in _INTERPRETERS and called not in _SHELLS and called[:6] != "python":
        return [called, comm]  # an interpreter within one program, as copilot is
    return [*_scripts(words[1:64], called[:6] == "python"), comm]


def _scripts(words: list[str], python: bool) -> list[str]:
    """The names of what an interpreter with these words runs: one, or two where the first may be an option's value."""
    found: list[str] = []
    after_option = False
    at = 0
    while at < len(words) and len(found) < 2:
        word = words[at]
        at += 1
        if word in _CODE:
            break
        if python and word[:1] == "-" and word[:2] != "--" and (letter := _with_value(word)):
            rest = word[word.index(letter) + 1 :]
            if not rest:
                rest, at = (words[at] if at < len(words) else ""), at + 1
            if letter == "c":
                break
            if letter == "m":
                found.append(rest.partition(".")[0])
                break
            continue
        if word[:1] == "-" or not word:
            after_option = "=" not in word and not python
            continue
        if word in _SUBCOMMANDS and not found:
            continue
        found += _of_path(word)
        if not after_option:
            break
        after_option = False
    return [name for name in found if name]


def _with_value(word: str) -> str:
    """Python's option within `word` (as -u, -Bm, -Xutf8) that takes a value; empty without one."""
    return next((letter for letter in word[1:] if letter in "cmWX"), "")


def _of_path(path: str) -> list[str]:
    """The script's name without its suffix, and the name of the package that it lies in."""
    name = os.path.basename(path)
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    found = [name]
    for folder in _PACKAGES:
        if folder in path:
            parts = path.rpartition(folder)[2].split("/")
            found.append(parts[1] if parts[0][:1] == "@" and len(parts) > 1 else parts[0])
    return found


def _read(path: str, most: int) -> bytes:
    fd = os.open(path, os.O_RDONLY)
    try:
        data = os.read(fd, min(most, 8192))
        while len(data) < most and (more := os.read(fd, most - len(data))):
            data += more
        return data
    finally:
        os.close(fd)
