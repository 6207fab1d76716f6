"""The fields of the broker: in a policy, a manifest, a grant, a backup and the settings."""

import json
from pathlib import Path

import pytest
from conftest import User
from hypothesis import given
from hypothesis import strategies as st

from lkrshell.core import limits
from lkrshell.core.binding import Binding
from lkrshell.core.errors import LkrError, ManifestError
from lkrshell.core.limits import Limits
from lkrshell.project import grants, manifest
from lkrshell.state import config, config_tables

KEY = "OPENAI_API_KEY"
ALL = ["--via", "broker", "--models", "gpt-*", "--models", "o3", "--budget", "20/day", "--rate", "60/min", "--tokens",
       "2M/week"]  # fmt: skip


def policy(user: User, name: str = "openai:prod") -> dict[str, object]:
    row: dict[str, object] = json.loads(user.lkr("policy", name, "--json"))
    return {field: row[field] for field in ("via", *limits.FIELDS)}


def test_a_policy_has_the_fields_and_they_go_with_the_key(user: User) -> None:
    none: dict[str, object] = {"via": "environment", "models": [], "budget": None, "rate": None, "tokens": None}
    every = {"via": "broker", "models": ["gpt-*", "o3"], "budget": "20/day", "rate": "60/min", "tokens": "2M/week"}
    assert policy(user) == none
    said = user.lkr("policy", "openai:prod", *ALL)
    assert "via broker; models gpt-* o3; $20/day; 60 requests/min; 2M tokens/week" in said
    assert policy(user) == every
    row = next(line for line in user.lkr("policy").splitlines() if line.startswith("openai:prod"))
    assert "broker" in row and "$20/day" in row
    user.lkr("policy", "openai:prod", "--ttl", "8h")
    assert policy(user) == every, "another option leaves them"
    user.lkr("vault", "export", "all.age", "--stdin", stdin=b"for the file")
    user.lkr("rename", "openai:prod", "openai:moved")
    assert policy(user, "openai:moved") == every
    user.lkr("rm", "openai:moved", "--yes")
    user.lkr("vault", "import", "all.age", "--stdin", stdin=b"for the file")
    assert policy(user) == every
    index = user.home / ".local/share/lkr/index/vault/openai/prod"
    index.unlink()
    assert policy(user) == every, "a lost index opens no key to more"
    user.typed("policy", "openai:prod", "--via", "environment", "--models", "off", "--budget", "off", "--rate", "off",
               "--tokens", "off")  # fmt: skip
    assert policy(user) == none


@pytest.mark.parametrize(
    "words",
    ["--budget 20", "--budget 20/hour", "--rate 60", "--tokens 2M", "--models [a]", "--via proxy", "--budget ''"],
)
def test_what_is_no_limit_is_reported_with_the_form(user: User, words: str) -> None:
    said = user.lkr("policy", "openai:prod", *words.replace("''", "").split(" "), code=64)
    assert "write" in said or "broker" in said
    assert policy(user)["budget"] is None


def test_an_old_index_reads_as_before_and_a_damaged_one_does_not_lift_limits(user: User) -> None:
    path = user.home / ".local/share/lkr/index/vault/openai/prod"
    assert "via" not in path.read_text()
    for line in ("via\tproxy\n", "budget\tany\n"):
        before = path.read_text()
        path.write_text(before + line)
        user.lkr("policy", "openai:prod", code=1)
        path.write_text(before)


MANIFEST = f"""version = 1
via = "broker"
[keys]
{KEY} = {{ key = "openai:prod", models = ["gpt-*"], budget = "5/day" }}
HF_TOKEN = {{ key = "huggingface:read", via = "environment", optional = true }}
[profiles.x.keys]
{KEY} = "openai:prod"
"""


def test_a_manifest_says_who_goes_by_the_broker() -> None:
    parsed = manifest.parse("/p/.lkr.toml", MANIFEST)
    assert [binding.via for binding in parsed.bindings] == ["broker", "", "broker"]
    local = manifest.parse("/p/.lkr.toml", MANIFEST, "/p/.lkr.local.toml", 'via = "environment"')
    assert [binding.via for binding in local.bindings] == ["", "", ""]
    first = parsed.bindings[0]
    assert (first.models, first.budget, first.rate, first.tokens) == ("gpt-*", "5/day", "", "")
    with pytest.raises(ManifestError, match=r"lkr.toml:3:.*budget is not a valid limit.*5/day"):
        manifest.parse("/p/.lkr.toml", 'version = 1\n[keys]\nA_KEY = { key = "a:b", budget = "5" }')


def test_allow_describes_them_and_the_grant_keeps_them(user: User) -> None:
    folder = user.home / "p"
    folder.mkdir()
    (folder / ".lkr.toml").write_text(MANIFEST)
    user.lkr("policy", "openai:prod", "--budget", "20/day")
    said = user.lkr("allow", "--yes", cwd=folder)
    assert f"+ {KEY} ← openai:prod (by the broker, models gpt-*, $5/day)" in said
    assert "+ HF_TOKEN ← huggingface:read (optional)" in said
    assert "! openai:prod is limited at the broker to $20/day; lkr policy openai:prod --budget off" in said
    user.lkr("policy", "openai:prod", "--via", "broker")
    said = user.lkr("allow", "--yes", cwd=folder)
    assert "! openai:prod stays out of every environment, and programs get a virtual key" in said
    (path,) = (each for each in (user.home / ".local/share/lkr/grants").iterdir() if not each.name.startswith("."))
    rows = [line.split("\t") for line in path.read_text().splitlines() if line.startswith("want")]
    assert [len(row) for row in rows] == [11, 6, 11], "one without a word for the broker is as before"


def test_grants_are_read_in_every_form(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = user.project("p")
    monkeypatch.setenv("HOME", str(user.home))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    path = Path(grants.path_of(str(folder)))
    before = path.read_text()
    given = grants.read(str(folder))
    assert given and given.bindings == (Binding(KEY, "openai:prod"),)
    binding = f"want\t\t{KEY}\topenai:prod\t\tshell"
    assert binding in before
    path.write_text(before.replace(binding, f"{binding}\tbroker\tgpt-* o3\t5/day\t\t2M/day"))
    given = grants.read(str(folder))
    assert given and given.bindings == (
        Binding(KEY, "openai:prod", via="broker", models="gpt-* o3", budget="5/day", tokens="2M/day"),
    )
    for wrong in ("\tbroker", "\tproxy\t\t\t\t", "\tbroker\t\t\t\t\t"):
        path.write_text(before.replace(binding, binding + wrong))
        with pytest.raises(ManifestError, match="damaged"):
            grants.read(str(folder))


SETTINGS = """
[agents.claude]
keys = ["anthropic:main"]
budget = "10/day"
models = ["claude-*"]
[broker]
agents = false
ca = "~/company.pem"
proxy = "http://proxy.example:3128"
upstream.azure-openai = "https://me.openai.azure.com/"
[prices."house model"]
input = 0.1
output = 2
cache_read = 0.025
"""


def test_the_settings_are_the_same_parsed_and_kept(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "LKR_BACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(user.home))
    assert config.load().broker_agents
    user.config(SETTINGS)
    first = config.load()
    monkeypatch.setattr(config, "_parse", None)
    second = config.load()
    for found in (first, second):
        assert (found.broker_agents, found.broker_ca) == (False, f"{user.home}/company.pem")
        assert found.broker_proxy == "http://proxy.example:3128"
        assert found.upstream == (("azure-openai", "https://me.openai.azure.com"),)
        assert found.prices == (("house model", "0.1", "2", "0.025", "0.1"),)
        assert found.agent_limits == (("claude", "claude-*", "10/day", "", ""),)
        assert found.keys_of("claude") == ["anthropic:main"]


@pytest.mark.parametrize(
    "text",
    [
        "[broker]\ncolor = 1", '[broker]\nagents = "no"', '[broker]\nca = "company.pem"', "[broker]\nca = 1",
        '[broker]\nproxy = "proxy:3128"', '[broker]\nproxy = "socks5://p"', '[broker]\nproxy = "http://me:pw@p"',
        '[broker]\nproxy = "http://p/path"', '[broker]\nproxy = ""', '[broker]\nupstream = "https://x"',
        '[broker]\nupstream.openai = "http://x"', '[broker]\nupstream.openai = "https://"',
        '[broker]\nupstream.openai = "https://user@x"', '[broker]\nupstream.openai = "https://x?y"',
        '[broker]\nupstream.openai = "https://x\\\\y"', '[broker]\nupstream.openai = "https://x:0"',
        '[broker]\nupstream.openai = "https://x:99999"', '[broker]\nupstream.OpenAI = "https://x"', "broker = 1",
        "[prices]\ninput = 1", '[prices."m"]\ninput = 1', '[prices."m"]\ninput = 1\noutput = "1"',
        '[prices."m"]\ninput = -1\noutput = 1', '[prices."m"]\ninput = nan\noutput = 1',
        '[prices."m"]\ninput = inf\noutput = 1', '[prices."m"]\ninput = true\noutput = 1',
        '[prices."m"]\ninput = 0.0000001\noutput = 1', '[prices."m"]\ninput = 1\noutput = 1\nmore = 1',
        '[agents.claude]\nbudget = "5"', '[agents.claude]\nmodels = "x"', "[agents.claude]\nrate = 5",
    ],
)  # fmt: skip
def test_a_wrong_setting_is_reported_with_its_place_and_the_form(user: User, text: str) -> None:
    user.config(text)
    said = user.lkr("policy", code=1)
    assert "config.toml" in said and "pw" not in said.replace("config", "")
    assert "; " in said, "and what to write"
    assert "upstream.openai =" in said or "upstream" not in text


TEXT = st.text("ab-*?", max_size=8)


@given(TEXT, st.text("ab-", max_size=12))
def test_a_pattern_fits_as_the_shell_s_do(pattern: str, name: str) -> None:
    import fnmatch

    assert limits.matches(pattern, name) == fnmatch.fnmatchcase(name, pattern)


@given(TEXT, TEXT, st.text("ab-", max_size=10))
def test_a_pattern_that_fits_another_lets_through_all_that_the_other_does(wide: str, narrow: str, name: str) -> None:
    if limits.matches(wide, narrow) and limits.matches(narrow, name):
        assert limits.matches(wide, name)


def test_limits_are_exact_and_said_as_they_are_written() -> None:
    found = Limits("gpt-*", "0.000001/day", "0/min", "1.5M/month")
    assert (found.budget, found.rate, found.tokens) == ((1, "day"), 0, (1_500_000, "month"))
    assert found.words() == ["models gpt-*", "$0.000001/day", "0 requests/min", "1.5M tokens/month"]
    assert Limits(budget="0/day") and not Limits()
    for texts in (("[a]", "", "", ""), ("", "1", "", ""), ("", "", "1", ""), ("", "", "", "1")):
        with pytest.raises(LkrError, match="write"):
            Limits(*texts)


@given(st.integers(0, 10**12))
def test_a_number_of_tokens_reads_back(number: int) -> None:
    text = f"{limits.count(number)}/day"
    if limits.is_limit("tokens", text):
        assert Limits(tokens=text).tokens == (number, "day")


def test_widening_over_periods() -> None:
    def widened(before: str, after: str) -> bool:
        return bool(limits.widened(Limits(budget=before), Limits(budget=after)))

    assert not widened("20/day", "20/week") and not widened("20/day", "5/month") and not widened("", "1/day")
    assert widened("20/week", "20/month") and widened("20/month", "20/week") and widened("20/week", "1/day")
    assert limits.widened(Limits("a*"), Limits("a? b"))[0] == "may call the models b"
    assert config_tables.prices("x", {"m": {"input": 1, "output": 0.15}}) == (("m", "1", "0.15", "1", "1"),)
