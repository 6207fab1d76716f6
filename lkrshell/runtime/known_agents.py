"""The coding agents that lkr knows. Only data, as Python code, so that an export has nothing to parse.

NAME: (marks in the environment, names of its process or of the script that an interpreter runs). The first row that
matches counts, so an agent that is based on another comes before it. A mark must not be a variable that people set
themselves, such as AIDER_MODEL: then lkr would withhold keys from a person. Users add agents with `[agents]` in
config.toml.

"Seen": we started the agent from its package, with a model of our own, and looked at the environment and the ancestors
of its shell tool (docs/agents.md has the versions). The others come from documentation, and from other programs that
detect agents.
"""

AGENTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # seen
    "claude": (("CLAUDECODE",), ("claude", "claude-code")),
    "codex": (("CODEX_SANDBOX", "CODEX_SANDBOX_NETWORK_DISABLED", "CODEX_CI", "CODEX_THREAD_ID"), ("codex",)),
    "gemini": (("GEMINI_CLI",), ("gemini", "gemini-cli")),
    "qwen": (("QWEN_CODE",), ("qwen", "qwen-code")),
    "kilo": (("KILO", "KILO_RUN_ID"), ("kilo", "kilocode")),
    "opencode": (("OPENCODE",), ("opencode",)),
    "copilot": (("COPILOT_CLI", "COPILOT_AGENT", "COPILOT_AGENT_SESSION_ID"), ("copilot",)),
    "pi": (("PI_CODING_AGENT",), ("pi",)),
    "cline": (("CLINE_ACTIVE", "CLINE_CONNECTOR_CLI_LAUNCH"), ("cline",)),
    "aider": ((), ("aider",)),
    "continue": ((), ("cn",)),
    "gptme": ((), ("gptme",)),
    "mini": ((), ("mini", "mini-swe-agent", "minisweagent")),
    # from documentation
    "amp": (("AMP_CURRENT_THREAD_ID",), ("amp",)),
    "antigravity": (("ANTIGRAVITY_AGENT",), ()),
    "augment": (("AUGMENT_AGENT",), ("auggie",)),
    "crush": (("CRUSH",), ("crush",)),
    "cursor": (("CURSOR_AGENT",), ("cursor-agent",)),
    "droid": ((), ("droid",)),
    "goose": (("GOOSE_TERMINAL",), ()),  # its name is also a database tool's
    "kimi": ((), ("kimi",)),
    "openhands": ((), ("openhands",)),
    "trae": (("TRAE_AI_SHELL_ID",), ()),
    "vibe": ((), ("vibe",)),
    "vscode": (("VSCODE_AGENT",), ()),
    "agent": (("AI_AGENT",), ()),  # several agents set it in addition to their own marks
}

# The variables from which an agent takes a key for its own model, by their beginnings; empty means all. The person may
# have logged in with a subscription, so it gets no project keys in these, unless `[agents]` in config.toml says so.
_MANY = ("",)  # agents that call any vendor whose key they find
TAKES: dict[str, tuple[str, ...]] = {
    "claude": ("ANTHROPIC_", "CLAUDE_"),
    "codex": ("OPENAI_", "CODEX_", "AZURE_OPENAI_"),
    "gemini": ("GEMINI_", "GOOGLE_"),
    "qwen": ("OPENAI_", "DASHSCOPE_", "QWEN_", "GEMINI_", "GOOGLE_", "ANTHROPIC_"),
    "copilot": ("COPILOT_", "GH_", "GITHUB_"),
    "amp": ("AMP_", "ANTHROPIC_"),
    "cursor": ("CURSOR_",),
    "augment": ("AUGMENT_",),
    "droid": ("FACTORY_",),
    "kimi": ("MOONSHOT_", "KIMI_", "OPENAI_", "ANTHROPIC_"),
    "vibe": ("MISTRAL_",),
    "aider": _MANY,
    "cline": _MANY,
    "continue": _MANY,
    "crush": _MANY,
    "gptme": _MANY,
    "kilo": _MANY,
    "mini": _MANY,
    "opencode": _MANY,
    "openhands": _MANY,
    "pi": _MANY,
}


def takes(agent: str, variable: str) -> bool:
    """True if the agent would use a key in this variable for its own model. Always True for an unknown agent."""
    return variable.startswith(TAKES.get(agent, _MANY))
