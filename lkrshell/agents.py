"""Marks that coding agents leave in the environment of what they start. On the path of `lkr export`."""

MARKERS = ("CLAUDECODE", "CURSOR_AGENT", "CODEX_SANDBOX", "GEMINI_CLI", "OPENCODE")
PREFIXES = ("AIDER_",)


def marker(environment: "dict[str, str]") -> str | None:
    """The variable by which an agent shows itself, None without one."""
    for name in MARKERS:
        if environment.get(name):
            return name
    return next((name for name in environment if name.startswith(PREFIXES)), None)
