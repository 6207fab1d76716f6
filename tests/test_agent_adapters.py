"""What an agent needs to reach its own model through the broker, for those that lkr knows: small programs of their
names stand in for them. tests/test_real_agents.py runs the real ones."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import OTHER, VALUE, User
from shells import Shell

from lkrshell.core.binding import Binding
from lkrshell.core.secret import Secret
from lkrshell.runtime import agent_models, known_agents

KEYS = {"OPENAI_API_KEY": "openai:prod", "ANTHROPIC_API_KEY": "anthropic:main", "GEMINI_API_KEY": "gemini:main"}
GIVEN = {
    "claude": "anthropic", "codex": "openai", "gemini": "gemini", "qwen": "openai", "opencode": "anthropic",
    "kilo": "openai", "copilot": "openai", "pi": "anthropic", "cline": "anthropic", "continue": "anthropic",
    "aider": "openai",
}  # fmt: skip
STAND_IN = """#!/bin/sh
{{ printf '%s\\0' "$@"; printf '\\n'; env -0; }} >{out}/$(basename "$0")
"""


class Start:
    """How an agent was started."""

    def __init__(self, file: Path, port: str) -> None:
        words, _, rest = file.read_bytes().decode().partition("\n")
        self.words = words.split("\0")[:-1]
        self.environment = dict(each.split("=", 1) for each in rest.split("\0") if each)
        self.at = f"http://127.0.0.1:{port}"

    def key(self, variable: str) -> str:
        value = self.environment[variable]
        assert value.startswith("lkr-vk-"), value
        return value

    def json(self, variable: str) -> object:
        return json.loads(self.environment[variable])


@pytest.fixture
def stand_ins(user: User) -> Path:
    """A folder with a program for each agent; each writes how it was started to a file of its name."""
    folder, out = user.home / "bin", user.home / "out"
    folder.mkdir()
    out.mkdir()
    for name in GIVEN:
        program = folder / ("cn" if name == "continue" else name)
        program.write_text(STAND_IN.format(out=out))
        program.chmod(0o755)
    user.lkr("set", "gemini:main", "--stdin", stdin=VALUE.encode())
    rows = "".join(f'{name} = ["{KEYS[f"{vendor.upper()}_API_KEY"]}"]\n' for name, vendor in GIVEN.items())
    user.config(f"[agents]\n{rows}\n[broker]\nagents = true\n")
    user.project("p", "\n".join(f'{name} = "{key}"' for name, key in KEYS.items()))
    user.env["PATH"] = f"{folder}:{user.env['PATH']}"
    return out


def test_each_agent_is_led_to_the_broker_when_i_type_its_name(
    user: User, stand_ins: Path, open_shell: Callable[..., Shell]
) -> None:
    user.lkr("broker", "start")
    port = str(json.loads(user.lkr("broker", "--json"))["port"])
    shell = open_shell(OPENCODE_CONFIG_CONTENT='{"model": "mine", "provider": {"x": {}}}')
    shell.run("cd p")
    said = {name: shell.run("cn a" if name == "continue" else f"{name} a 'b c'") for name in GIVEN}
    started = {name: Start(stand_ins / ("cn" if name == "continue" else name), port) for name in GIVEN}
    for name, start in started.items():
        text = f"{start.words}{start.environment}"
        assert VALUE not in text and OTHER not in text
        assert "lkr-vk-" not in str(start.words), "no argument has a key"
        assert start.words[-1] == ("a" if name == "continue" else "b c")
        assert VALUE not in said[name]
    at = started["claude"].at

    claude = started["claude"]
    assert claude.key("ANTHROPIC_AUTH_TOKEN") and "ANTHROPIC_API_KEY" not in claude.environment
    assert claude.environment["ANTHROPIC_BASE_URL"] == f"{at}/anthropic"
    assert claude.environment["ENABLE_TOOL_SEARCH"] == "true"
    assert claude.key("OPENAI_API_KEY"), "for what it runs"

    codex = started["codex"]
    provider = f'name="lkr",base_url="{at}/openai/v1",env_key="OPENAI_API_KEY",wire_api="responses"'
    expected = f"model_providers.lkr={{{provider},supports_websockets=false}}"
    assert codex.words == ["-c", expected, "-c", 'model_provider="lkr"', "a", "b c"]
    assert codex.key("OPENAI_API_KEY")

    gemini = started["gemini"]
    assert gemini.key("GEMINI_API_KEY") and gemini.environment["GOOGLE_GEMINI_BASE_URL"] == f"{at}/gemini"
    assert gemini.environment["GEMINI_DEFAULT_AUTH_TYPE"] == "gemini-api-key"
    assert said["gemini"].count("lkr: gemini uses its key only with") == 1, "it needs a setting of the person's"

    assert started["qwen"].words == ["--auth-type", "openai", "a", "b c"]
    assert started["qwen"].environment["OPENAI_BASE_URL"] == f"{at}/openai/v1"

    options = {"baseURL": f"{at}/anthropic/v1", "apiKey": "{env:ANTHROPIC_API_KEY}"}
    assert started["opencode"].json("OPENCODE_CONFIG_CONTENT") == {
        "model": "mine", "provider": {"x": {}, "anthropic": {"options": options}},
    }, "beside what the person has there"  # fmt: skip
    assert "ANTHROPIC_API_KEY" in started["opencode"].environment
    options = {"baseURL": f"{at}/openai/v1", "apiKey": "{env:OPENAI_API_KEY}"}
    assert started["kilo"].json("KILO_CONFIG_CONTENT") == {"provider": {"openai": {"options": options}}}

    copilot = started["copilot"]
    assert copilot.environment["COPILOT_PROVIDER_BASE_URL"] == f"{at}/openai/v1"
    assert copilot.environment["COPILOT_PROVIDER_TYPE"] == "openai"
    assert copilot.key("COPILOT_PROVIDER_API_KEY") == copilot.key("OPENAI_API_KEY")
    assert copilot.environment["COPILOT_MODEL"]

    pi = started["pi"]
    assert pi.json("LKR_PI_PROVIDERS") == {"anthropic": {"baseUrl": f"{at}/anthropic", "variable": "ANTHROPIC_API_KEY"}}
    assert pi.words[0] == "--extension" and Path(pi.words[1]).is_file() and pi.words[2:] == ["a", "b c"]

    assert started["aider"].environment["OPENAI_API_BASE"] == f"{at}/openai/v1"
    assert started["aider"].words == ["a", "b c"]
    assert f'only with "baseUrl": "{at}/anthropic/v1" in ~/.cline' in said["cline"]
    assert f"apiBase: {at}/anthropic/v1 and apiKey: ${{{{ secrets.ANTHROPIC_API_KEY }}}}" in said["continue"]
    assert "lkr-vk-" not in "".join(said.values())


def test_a_setting_that_is_there_is_not_asked_for(user: User, stand_ins: Path) -> None:
    settings = user.home / ".gemini/settings.json"
    settings.parent.mkdir()
    settings.write_text('{"security": {"auth": {"selectedType": "gemini-api-key"}}}')
    said = user.lkr("agent-env", "--", "gemini", cwd=user.home / "p")
    assert "gemini starts with" in said and "only with" not in said


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (("qwen", "mcp", "list"), "mcp"),
        (("qwen", "--auth-type=gemini"), "--auth-type=gemini"),
        (("pi", "list"), "list"),
        (("codex", "mcp", "list"), "-c"),
    ],
)
def test_arguments_stay_away_where_the_agent_would_not_take_them(
    user: User, stand_ins: Path, words: tuple[str, ...], first: str
) -> None:
    user.lkr("agent-env", "--", *words, cwd=user.home / "p")
    assert Start(stand_ins / words[0], "").words[0] == first


def test_another_program_under_an_agents_name_gets_variables_and_no_arguments(user: User, stand_ins: Path) -> None:
    out = user.lkr("agent-env", "--agent", "codex", "--", "sh", "-c", 'echo "$# $OPENAI_BASE_URL"', cwd=user.home / "p")
    assert "0 http://127.0.0.1:" in out


def test_a_login_of_its_own_is_left_alone(user: User, stand_ins: Path) -> None:
    user.config("[broker]\nagents = true\n")
    (user.home / "p/.lkr.toml").write_text(
        'version = 1\n[keys]\nOPENAI_API_KEY = "openai:prod"\nMY_API_KEY = "anthropic:main"\n'
    )
    user.lkr("allow", "--yes", "p")
    user.env |= {"ANTHROPIC_BASE_URL": "https://mine.example", "ANTHROPIC_AUTH_TOKEN": "my-login"}
    for name in ("claude", "codex"):
        user.lkr("agent-env", "--", name, "a", cwd=user.home / "p")
    claude, codex = Start(stand_ins / "claude", ""), Start(stand_ins / "codex", "")
    assert claude.environment["ANTHROPIC_BASE_URL"] == "https://mine.example", "whatever the variable of the key"
    assert claude.environment["ANTHROPIC_AUTH_TOKEN"] == "my-login"
    assert "ENABLE_TOOL_SEARCH" not in claude.environment and "MY_API_KEY" not in claude.environment
    assert claude.key("OPENAI_API_KEY") and claude.environment["OPENAI_BASE_URL"].startswith("http://127.0.0.1:")
    assert codex.words == ["a"] and "OPENAI_API_KEY" not in codex.environment


def test_every_row_is_of_an_agent_and_vendor_that_lkr_knows_and_fills_in_everything() -> None:
    for agent, rows in agent_models.ADAPTERS.items():
        assert agent in known_agents.AGENTS
        for row in rows:
            for vendor in agent_models.PROVIDERS if row == "*" else [row]:
                given = [(Binding("A_API_KEY", f"{vendor}:x"), Secret("lkr-vk-x"))]
                found = agent_models.adapt(agent, given, "1234", [], {})
                text = f"{found.variables}{found.arguments}{found.notes}"
                assert text != "{}[][]" and "<" not in text, text
                assert "lkr-vk-x" not in f"{found.arguments}{found.notes}"


def test_two_keys_of_two_vendors_both_count() -> None:
    given = [(Binding(f"{name.upper()}_API_KEY", f"{name}:x"), Secret("lkr-vk-x")) for name in ("openai", "google")]
    found = agent_models.adapt("opencode", given, "1", [], {b"OPENCODE_CONFIG_CONTENT": b"not JSON"})
    providers = json.loads(str(found.variables["OPENCODE_CONFIG_CONTENT"]))["provider"]
    assert set(providers) == {"openai", "google"}
    assert providers["google"]["options"]["baseURL"] == "http://127.0.0.1:1/gemini/v1beta"
