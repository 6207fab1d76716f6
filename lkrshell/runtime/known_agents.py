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


class Adapter:
    """What an agent needs, besides the usual variables, to reach its own model through the broker.

    Texts may contain <url> (the vendor at the broker), <key> (the virtual key), <variable> (the name of the variable
    that holds it), <provider> (the agent's name of the vendor) and <here> (the folder of this file).

    sets: (variable, text), set whatever the person has there; without a text, the variable is removed. A text that
    begins with `{` is JSON, and is merged into the present JSON.

    defaults: (variable, text), set where the person has nothing there.

    arguments: put before the person's own, unless these have an option, or begin with a subcommand, of `unless`.

    file, text, note: the note is said when the file in the home folder does not contain the text.
    """

    __slots__ = ("arguments", "defaults", "file", "note", "sets", "text", "unless")

    def __init__(
        self,
        sets: tuple[tuple[str, str], ...] = (),
        defaults: tuple[tuple[str, str], ...] = (),
        arguments: tuple[str, ...] = (),
        unless: tuple[str, ...] = (),
        file: str = "",
        text: str = "",
        note: str = "",
    ) -> None:
        self.sets, self.defaults, self.arguments, self.unless = sets, defaults, arguments, unless
        self.file, self.text, self.note = file, text, note


# By agent and vendor. `*` stands for each other vendor of PROVIDERS, whose <url> ends as PROVIDERS says. For a vendor
# with its own row, <url> ends as the vendor's SDK wants it. An agent without a row needs nothing, or we do not know
# what it needs.
_QWEN = ("--auth-type", "auth", "channel", "extensions", "hooks", "mcp", "review", "serve", "sessions", "update")
_PI = Adapter(  # reads no base URL from a variable
    (("LKR_PI_PROVIDERS", '{"<provider>": {"baseUrl": "<url>", "variable": "<variable>"}}'),),
    arguments=("--extension", "<here>/pi_extension.js"),
    unless=("config", "install", "list", "remove", "uninstall", "update"),
)
_CONFIG = '{"provider": {"<provider>": {"options": {"baseURL": "<url>", "apiKey": "{env:<variable>}"}}}}'
_CODEX = 'model_providers.lkr={name="lkr",base_url="<url>",env_key="<variable>",wire_api="responses",'
ADAPTERS: dict[str, dict[str, Adapter]] = {
    "claude": {
        "anthropic": Adapter(  # it asks whether to use an API key, and gives up tool search at another address
            (("ANTHROPIC_API_KEY", ""), ("ANTHROPIC_AUTH_TOKEN", "<key>")), (("ENABLE_TOOL_SEARCH", "true"),)
        )
    },
    "codex": {  # reads no base URL from a variable
        "openai": Adapter(
            arguments=("-c", f"{_CODEX}supports_websockets=false}}", "-c", 'model_provider="lkr"'),
        )
    },
    "gemini": {
        "gemini": Adapter(
            defaults=(("GEMINI_DEFAULT_AUTH_TYPE", "gemini-api-key"),),
            file=".gemini/settings.json",
            text='"gemini-api-key"',
            note='gemini uses its key only with {"security": {"auth": {"selectedType": "gemini-api-key"}}} in '
            "~/.gemini/settings.json",
        )
    },
    "qwen": {
        "openai": Adapter(arguments=("--auth-type", "openai"), unless=_QWEN),
        "anthropic": Adapter(arguments=("--auth-type", "anthropic"), unless=_QWEN),
        "gemini": Adapter(arguments=("--auth-type", "gemini"), unless=_QWEN),
    },
    "opencode": {"*": Adapter((("OPENCODE_CONFIG_CONTENT", _CONFIG),))},
    "kilo": {"*": Adapter((("KILO_CONFIG_CONTENT", _CONFIG),))},
    "pi": {"*": _PI, "anthropic": _PI, "mistral": _PI},
    "copilot": {
        vendor: Adapter(
            (
                ("COPILOT_PROVIDER_BASE_URL", "<url>"),
                ("COPILOT_PROVIDER_API_KEY", "<key>"),
                ("COPILOT_PROVIDER_TYPE", vendor),
            ),
            (("COPILOT_MODEL", model),),
        )
        for vendor, model in (("openai", "gpt-4.1"), ("anthropic", "claude-sonnet-4-5"))
    },
    "cline": {
        "*": Adapter(
            file=".cline/data/settings/providers.json",
            text="<url>",
            note='cline reaches the broker only with "baseUrl": "<url>" in '
            "~/.cline/data/settings/providers.json, and after `cline hub stop`",
        )
    },
    "continue": {
        "*": Adapter(
            file=".continue/config.yaml",
            text="secrets.<variable>",
            note="continue reaches the broker only with a model that has apiBase: <url> and "
            "apiKey: ${{ secrets.<variable> }} in ~/.continue/config.yaml, by cn --config ~/.continue/config.yaml",
        )
    },
}
# How agents for many vendors name each vendor, and the path that they expect at the end of its base URL.
PROVIDERS: dict[str, tuple[str, str]] = {
    "anthropic": ("anthropic", "/v1"), "openai": ("openai", "/v1"), "gemini": ("google", "/v1beta"),
    "groq": ("groq", "/openai/v1"), "mistral": ("mistral", "/v1"), "xai": ("xai", "/v1"),
    "openrouter": ("openrouter", "/api/v1"), "deepseek": ("deepseek", "/v1"), "cerebras": ("cerebras", "/v1"),
}  # fmt: skip
