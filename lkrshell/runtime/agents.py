"""Coding agents: told by what they put into the environment of what they start, or by an ancestor process.

On the path of `lkr export`. Neither sign is proof: an agent can hide both. See SECURITY.md.
"""

import os

from lkrshell.runtime.known_agents import AGENTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.state.config import Config

_INTERPRETERS = ("node", "bun", "deno", "python", "python3", "MainThread")
# A process of another name makes no function of the shell.
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_NO_AGENTS = ("/bin", "/sbin", "/usr/sbin", "/usr/local/sbin")  # nobody installs one there, and each look costs
_MOST = 32  # generations; a longer line is no person's


def detect(environment: "dict[str, str]", line: list[str], settings: "Config | None" = None) -> str | None:
    """The agent behind us: by the environment, else by `line`, the names of our ancestors, where `settings` (of the
    user; default: the usual ones) do not forbid that. The user's own agents go over the known ones."""
    known = _known(settings)
    for name, marks, _ in known:
        if any(map(environment.get, marks)):
            return name
    own = settings.agent_processes if settings else ()
    for process in line if settings is None or settings.agent_ancestors else ():
        for name, _, names in known:
            if process in names:
                return name
        if process in own:
            return process
    return None


def named(program: str, settings: "Config") -> str:
    """The agent whose program is called so; the program's own name when it is no known one's."""
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


def ancestors() -> list[str]:
    """The names of the processes above us, nearest first; of an interpreter, the name of what it runs.

    Empty where there is no /proc.
    """
    line: list[str] = []
    pid = os.getppid()
    while pid > 0 and len(line) < _MOST:
        try:
            name, parent = _process(pid)
        except (OSError, ValueError, IndexError):
            break
        line.append(name)
        pid = parent
    return line


def _process(pid: int) -> tuple[str, int]:
    head, _, tail = _read(f"/proc/{pid}/stat").rpartition(")")
    name, parent = head.partition("(")[2], int(tail.split()[1])
    if name in _INTERPRETERS or name[:6] == "python":
        words = _read(f"/proc/{pid}/cmdline").split("\0")
        called = os.path.basename(words[0])
        if called and called not in _INTERPRETERS and called[:6] != "python":
            return called, parent  # an interpreter within one program, as copilot is
        scripts = [word for word in words[1:4] if word and not word.startswith("-")]
        if scripts:
            name = os.path.basename(scripts[0]).removesuffix(".js")
    return name, parent


def _read(path: str) -> str:
    fd = os.open(path, os.O_RDONLY)
    try:
        return os.read(fd, 4096).decode("utf-8", "replace")
    finally:
        os.close(fd)
