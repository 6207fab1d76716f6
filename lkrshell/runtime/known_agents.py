"""The coding agents that lkr knows: data alone. On the path of `lkr export`, where a file of another form would have to
be parsed at every entry; here it comes compiled. A user's own are added by `[agents]` in config.toml.

NAME: (marks in the environment, names of its process or of the script that an interpreter runs). The first row that
fits counts, so an agent made from another stands before that one. No mark is one that people set for themselves, as
AIDER_MODEL is: it would take the keys from the person.

Seen: started from its package, with a model of ours behind it, and its shell tool's environment and ancestors looked at
(docs/agents.md has the versions). The others are from what the makers, or other programs that look for them, write.
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
    "agent": (("AI_AGENT",), ()),  # what several set, beside marks of their own
}

# What an agent takes for its own model: beginnings of variables, empty for every one. A person may have logged in to it
# by a subscription, so the project's keys are not given to it in these, unless `[agents]` in config.toml gives it one.
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
    """True when the agent would pay for its own model by a key in this variable. Of an agent that lkr does not know, a
    key of any vendor counts."""
    return variable.startswith(TAKES.get(agent, _MANY))
