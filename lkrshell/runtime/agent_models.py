"""Connects an agent's own model to the broker: with variables, arguments, and a line for the person where these are not
enough. Takes nothing from a manifest, and puts no key into an argument."""

import os
from collections.abc import Iterable

from lkrshell.core import names
from lkrshell.core.secret import Secret
from lkrshell.vendors import routes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.core.binding import Binding

_MOST = 1 << 20  # bytes of a settings file to read


class Adapter:
    """What an agent needs, besides the usual variables, to reach its own model through the broker.

    Texts may contain <url> (the vendor at the broker), <key> (the virtual key), <variable> (the name of the variable
    that holds it), <provider> (the agent's name of the vendor) and <here> (the folder of this file).

    sets: (variable, text), set even if the person has set it; without a text, the variable is removed. A text that
    begins with `{` is JSON, and is merged into the present JSON.

    defaults: (variable, text), set only if the person has not set it.

    arguments: put before the person's own, unless these contain an option or begin with a subcommand from `unless`.

    file, text, note: the note is shown if the file in the home folder does not contain the text.
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


class Adapted:
    """What to add: `variables` (None removes one), `arguments` before the person's own, and `notes`."""

    __slots__ = ("arguments", "notes", "variables")

    def __init__(self) -> None:
        self.variables: dict[str, str | None] = {}
        self.arguments: list[str] = []
        self.notes: list[str] = []


def adapt(
    agent: str, given: "Iterable[tuple[Binding, Secret]]", port: str, words: list[str], environment: dict[bytes, bytes]
) -> Adapted:
    """Returns what this agent needs to use its virtual keys. `words` are the person's arguments."""
    found = Adapted()
    vendors: set[str] = set()
    for binding, secret in given:
        name = names.provider_of(binding.key)
        vendor = routes.ALIASES.get(name, name)
        adapter = _of(agent, vendor)
        if adapter is None or vendor in vendors:
            continue
        vendors.add(vendor)
        fields = _fields(vendor not in ADAPTERS[agent], vendor, port, binding.variable, secret)
        for variable, text in adapter.sets:
            before = found.variables.get(variable) or environment.get(variable.encode(), b"").decode("utf-8", "replace")
            found.variables[variable] = _filled(text, fields, before) if text else None
        for variable, text in adapter.defaults:
            if variable.encode() not in environment:
                found.variables[variable] = _filled(text, fields)
        if not _has_any(adapter.unless, words):
            found.arguments += [_filled(text, fields) for text in adapter.arguments]
        if adapter.note and _filled(adapter.text, fields) not in _settings(adapter.file):
            found.notes.append(_filled(adapter.note, fields))
    return found


def _of(agent: str, vendor: str) -> Adapter | None:
    rows = ADAPTERS.get(agent, {})
    return rows.get(vendor) or (rows.get("*") if vendor in PROVIDERS else None)


def _fields(by_provider: bool, vendor: str, port: str, variable: str, secret: Secret) -> dict[str, str]:
    url = next(iter(routes.bases(vendor, int(port)).values()))
    provider, path = PROVIDERS.get(vendor, (vendor, ""))
    if by_provider:
        url = f"http://127.0.0.1:{port}/{vendor}{path}"
    here = os.path.dirname(os.path.abspath(__file__))
    return {"url": url, "key": secret.reveal(), "variable": variable, "provider": provider, "here": here}


def _filled(text: str, fields: dict[str, str], before: str = "") -> str:
    for name, value in fields.items():
        text = text.replace(f"<{name}>", value)
    if not text.startswith("{"):
        return text
    import json

    try:
        there = json.loads(before or "{}")
    except ValueError:
        there = {}  # the agent could not read it either
    return json.dumps(_merged(there if isinstance(there, dict) else {}, json.loads(text)))


def _merged(there: dict[str, object], more: dict[str, object]) -> dict[str, object]:
    found = dict(there)
    for name, value in more.items():
        inner = found.get(name)
        found[name] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return found


def _has_any(unless: tuple[str, ...], words: list[str]) -> bool:
    """True when the words contain one of these options, or begin with one of these subcommands."""
    options = {word.partition("=")[0] for word in words if word.startswith("-")}
    return bool(options.intersection(unless) or (words and words[0] in unless))


def _settings(name: str) -> str:
    """Returns the text of a file in the home folder; empty when there is none."""
    try:
        with open(os.path.join(os.path.expanduser("~"), name), encoding="utf-8", errors="replace") as file:
            return file.read(_MOST)
    except OSError:
        return ""
