"""Coding agents: told by what they put into the environment of what they start, or by an ancestor process.

On the path of `lkr export`. Neither sign is proof: an agent can hide both. See SECURITY.md.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.config import Config

# name: (marks in the environment, names of its process or of the script that an interpreter runs).
# Source: claude, codex, gemini, qwen, amp, copilot and aider were started from their npm or PyPI packages and looked at
# in /proc, and their marks found in what these ship; the others by their documentation. A mark that ends in _ is the
# head of several.
AGENTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "claude": (("CLAUDECODE",), ("claude",)),
    "codex": (("CODEX_SANDBOX", "CODEX_SANDBOX_NETWORK_DISABLED", "CODEX_CI", "CODEX_THREAD_ID"), ("codex",)),
    "cursor": (("CURSOR_AGENT",), ("cursor-agent",)),
    "gemini": (("GEMINI_CLI",), ("gemini",)),
    "qwen": (("QWEN_CODE",), ("qwen",)),
    "opencode": (("OPENCODE",), ("opencode",)),
    "aider": (("AIDER_",), ("aider",)),
    "crush": ((), ("crush",)),
    "goose": (("GOOSE_TERMINAL",), ()),
    "copilot": ((), ("copilot",)),
    "amp": (("AMP_CURRENT_THREAD_ID",), ("amp",)),
}
_INTERPRETERS = ("node", "bun", "deno", "python", "python3", "MainThread")
# A process of another name makes no function of the shell. (The names above are plain.)
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_MOST = 32  # generations; a longer line is no person's


def detect(environment: "dict[str, str]", line: list[str], settings: "Config | None" = None) -> str | None:
    """The agent behind us: by the environment, else by `line`, the names of our ancestors, where `settings` (of the
    user; default: the usual ones) do not forbid that."""
    known = [(name, marks, processes) for name, (marks, processes) in AGENTS.items()]
    for name, _, own_marks, own_names in settings.agents if settings else ():
        known.append((name, tuple(own_marks.split()), tuple(own_names.split("\n")) if own_names else ()))
    for name, marks, _ in known:
        for mark in marks:
            if environment.get(mark) or (mark.endswith("_") and any(key.startswith(mark) for key in environment)):
                return name
    own = settings.agent_processes if settings else ()
    for process in line if settings is None or settings.agent_ancestors else ():
        for name, _, processes in known:
            if process in processes:
                return name
        if process in own:
            return process
    return None


def programs(settings: "Config") -> list[str]:
    """The programs of known agents, the user's own among them, that are on PATH."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    names = [name for _, processes in AGENTS.values() for name in processes]
    names += [name for *_, own in settings.agents for name in own.split("\n") if _PLAIN.issuperset(name)]
    return [name for name in names if any(os.access(f"{folder}/{name}", os.X_OK) for folder in folders)]


def ancestors() -> list[str]:
    """The names of the processes above us, nearest first; of an interpreter, the name of what it runs.

    Empty where there is no /proc.
    """
    line: list[str] = []
    pid = os.getppid()
    while pid > 1 and len(line) < _MOST:
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
