"""The second layer: policy per key, and coding agents."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BIN, HIDDEN, OTHER, UNDER_AGENT, VALUE, User
from shells import Shell

from lkrshell.runtime import agents
from lkrshell.runtime.known_agents import AGENTS

A, B = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"


@pytest.fixture
def user(user: User) -> User:
    """The user, in the account's own home: a coding agent gets nothing from folders of any other."""
    user.at_home()
    return user


def export(user: User, folder: Path, code: int = 0) -> str:
    return user.lkr("export", "bash", cwd=folder, code=code)


@pytest.mark.parametrize("mark", [mark for marks, _ in AGENTS.values() for mark in marks])
def test_a_shell_with_an_agents_mark_gets_nothing(user: User, mark: str) -> None:
    folder = user.project("p")
    user.env[mark] = "1"
    out = export(user, folder, code=2)
    assert VALUE not in out
    assert "no keys for a coding agent" in out
    assert HIDDEN in user.lkr("exec", "--", "env", cwd=folder), "lkr exec is for agents too"


def test_a_person_s_settings_of_an_agent_make_no_agent_of_the_person(user: User) -> None:
    folder = user.project("p")
    user.env |= {"AIDER_MODEL": "x", "COPILOT_MODEL": "x", "CLAUDE_CONFIG_DIR": "/x", "CODEX_HOME": "/x", "AGENT": ""}
    assert VALUE in export(user, folder)


# What the shell tools of real agents showed, see docs/agents.md: one mark beside those of others, and ancestors.
@pytest.mark.parametrize(
    ("marks", "line", "agent"),
    [
        (["AI_AGENT", "CLAUDECODE"], ["bash", "claude", "bash"], "claude"),
        (["CODEX_CI", "CODEX_THREAD_ID"], [], "codex"),  # in its sandbox nothing is above
        (["AGENT", "OPENCODE", "KILO", "KILO_PID"], ["kilo"], "kilo"),
        (["AGENT", "OPENCODE", "OPENCODE_PID"], ["opencode"], "opencode"),
        ([], ["sh", "aider", "bash"], "aider"),
        ([], ["cn", "bash"], "continue"),
        (["MSWEA_CONFIGURED"], ["sh", "mini", "bash"], "mini"),
        (["AI_AGENT"], ["bash"], "agent"),
        (["AGENT"], ["bash"], None),
    ],
)
def test_agents_are_told_apart(marks: list[str], line: list[str], agent: str | None) -> None:
    assert agents.detect(dict.fromkeys(marks, "1"), line) == agent


@pytest.mark.skipif(UNDER_AGENT, reason="the test itself has an agent above it")
def test_an_agent_is_told_by_its_process_without_any_mark(user: User) -> None:
    folder = user.project("p")
    done = user.below_agent("claude", f"{BIN}/lkr export bash", folder)
    assert done.returncode == 2
    assert VALUE not in done.stdout
    assert "(claude)" in done.stderr
    assert VALUE in user.below_agent("friend", f"{BIN}/lkr export bash", folder).stdout
    user.config('agent_processes = ["friend"]\n')
    for _ in range(2):  # parsed, then from the compiled copy
        assert VALUE not in user.below_agent("friend", f"{BIN}/lkr export bash", folder).stdout


@pytest.mark.skipif(UNDER_AGENT, reason="the test itself has an agent above it")
@pytest.mark.parametrize("elsewhere", ["XDG_CONFIG_HOME={0}/empty", "HOME={0}/empty XDG_DATA_HOME={0}/.local/share"])
def test_an_agent_of_my_own_settings_is_known_when_it_names_other_settings(user: User, elsewhere: str) -> None:
    user.at_home()
    folder = user.project("p")
    user.config('agent_processes = ["friend"]\n')
    command = f"{elsewhere.format(user.home)} {BIN}/lkr export bash"
    assert VALUE in user.below_agent("another", command, folder).stdout
    for way in (command, f"{elsewhere.format(user.home)} sh -c '{BIN}/lkr export bash; :'"):
        done = user.below_agent("friend", way, folder)
        assert VALUE not in done.stdout
        assert "(friend)" in done.stderr


def test_a_grant_is_taken_back_when_its_folder_or_manifest_is_gone(user: User) -> None:
    gone, emptied = user.project("gone"), user.project("p/emptied")
    user.project("p")
    shutil.rmtree(gone)
    text = (emptied / ".lkr.toml").read_text()
    (emptied / ".lkr.toml").unlink()
    assert f"denied {gone}" in user.lkr("deny", str(gone))
    assert f"denied {emptied}" in user.lkr("deny", str(emptied))
    (emptied / ".lkr.toml").write_text(text)
    assert "is not allowed: you denied it" in export(user, emptied, code=78)
    assert f"denied {user.home / 'p'}" in user.lkr("deny", cwd=user.home / "p"), "that of the folder above was kept"


@pytest.mark.skipif(UNDER_AGENT, reason="the test itself has an agent above it")
def test_an_agent_allows_no_project(user: User) -> None:
    folder = user.project("p", allow=False)
    done = user.below_agent("codex", f"{BIN}/lkr allow --yes", folder)
    assert done.returncode == 2
    assert "not allowed yet" in export(user, folder, code=78)


@pytest.mark.skipif(UNDER_AGENT, reason="the test itself has an agent above it")
def test_policy_decides_what_an_agent_gets(user: User) -> None:
    folder = user.project("p", f'{A} = "openai:prod"\n{B} = "anthropic:main"')
    user.typed("policy", "anthropic:main", "--agents", "allow")
    done = user.below_agent("codex", f"{BIN}/lkr export bash", folder)
    assert (OTHER in done.stdout, VALUE in done.stdout) == (True, False)
    assert f"left out for codex: {A}" in done.stderr
    user.lkr("policy", "openai:prod", "--agents", "deny")
    done = user.below_agent("codex", f"{BIN}/lkr exec -- env", folder)
    assert done.returncode == 2
    assert VALUE not in done.stdout
    assert "lkr policy openai:prod --agents exec" in done.stderr, "no more than it needs"
    assert "gets" not in done.stderr
    assert VALUE in user.lkr("exec", "--", "env", cwd=folder), "a person still has it"
    user.lkr("policy", "anthropic:main", "--agents", "exec")
    done = user.below_agent("codex", f"{BIN}/lkr export bash", folder)
    assert "lkr policy openai:prod --agents exec" in done.stderr, "lkr exec would be refused too"
    done = user.below_agent("codex", f"{BIN}/lkr policy openai:prod --agents allow", folder)
    assert done.returncode == 2


def test_a_key_for_one_folder_is_for_no_other(user: User, open_shell: Callable[..., Shell]) -> None:
    inside, outside = user.project("work/p"), user.project("workshop")
    (user.home / "link").symlink_to(user.home / "work")
    user.lkr("policy", "openai:prod", "--only", str(user.home / "link"))
    assert VALUE in export(user, inside)
    said = export(user, outside, code=2)
    assert VALUE not in said
    assert "lkr policy openai:prod --only" in said
    assert "! openai:prod is for other folders" in user.lkr("allow", "--yes", str(outside))
    user.lkr("exec", "--", "true", cwd=outside, code=2)
    user.lkr("exec", "-k", "openai:prod", "--", "true", cwd=outside, code=2)
    shell = open_shell(folder=outside)
    assert shell.value(A) is None
    user.typed(*shlex.split(said[said.index("lkr policy") :])[1:])
    shell.run(":")
    assert shell.value(A) == VALUE, "the command that was named lets it in"
    assert VALUE in export(user, inside), "and takes nothing from the others"
    user.lkr("policy", "openai:prod", "--only", str(user.home / "link"))
    shell.run(":")
    assert shell.value(A) is None
    user.typed("policy", "openai:prod", "--anywhere")
    shell.run(":")
    assert shell.value(A) == VALUE


def test_allow_names_each_refusal_and_the_command_that_changes_it(user: User) -> None:
    user.lkr("set", "mistral:adm", "--kind", "admin", "--stdin", stdin=b"01234567890123456789012345678901")
    (user.home / "other").mkdir()
    user.lkr(
        "policy", "openai:prod", "--only", str(user.home / "other"), "--agents", "deny", "--ttl", "2m", "--confirm"
    )
    keys = f'{A} = "openai:prod"\nX_KEY = "openai:prod"\n{B} = "anthropic:main"\nMISTRAL_API_KEY = "mistral:adm"\n'
    keys += 'XAI_API_KEY = "xai:none"\nHF_TOKEN = { key = "huggingface:none", optional = true }\n'
    keys += 'GROQ_API_KEY = { key = "anthropic:main", scope = { commands = ["python", "claude"] } }\n'
    folder = user.project("p", keys, allow=False)
    out = user.lkr("allow", "--yes", str(folder))
    assert "GROQ_API_KEY ← anthropic:main (only for python and claude)" in out
    said = [line for line in out.splitlines() if line.startswith("!")]
    assert "! openai:prod leaves a shell 2m after loading; lkr policy openai:prod --ttl off" in said
    assert "ttl 2m" in user.lkr("policy", "openai:prod")
    commands = [line.rpartition("; ")[2] for line in said]
    assert commands == [
        f"lkr policy openai:prod --only {user.home}/other --only {folder}",
        "lkr policy openai:prod --agents exec",
        "lkr policy openai:prod --no-confirm",
        "lkr policy openai:prod --ttl off",
        "lkr policy mistral:adm --kind runtime",
        "lkr set xai:none",
    ]
    for command in commands[:-1]:
        user.typed(*command.split()[1:])
    user.lkr("set", "xai:none", "--stdin", stdin=b"xai-0123456789012345678901")
    assert "!" not in user.lkr("allow", "--yes", str(folder))
    assert VALUE in export(user, folder)


def test_policy_goes_with_the_key(user: User) -> None:
    user.lkr("policy", "openai:prod", "--agents", "deny", "--ttl", "1h", "--only", str(user.home))
    user.lkr("set", "openai:prod", "--stdin", "--force", stdin=b"sk-new-value-12345678")
    user.lkr("rotate", "openai:prod", "--stdin", stdin=b"sk-newer-value-12345678")
    user.lkr("rename", "openai:prod", "openai:moved")
    row = json.loads(user.lkr("policy", "openai:moved", "--json"))
    assert (row["agents"], row["ttl"], row["only"]) == ("deny", 3600, [str(user.home)])
    user.lkr("policy", "openai:moved", "--kind", "admin")
    assert "admin key" in user.lkr("exec", "-k", "openai:moved", "--", "true", code=2)


def test_an_agent_started_by_agent_env_has_only_what_policy_gives_it(
    user: User, open_shell: Callable[..., Shell]
) -> None:
    folder = user.project("p", f'{A} = "openai:prod"\n{B} = "anthropic:main"')
    user.config("[broker]\nagents = false\n")
    user.typed("policy", "anthropic:main", "--agents", "allow")
    shell = open_shell(folder=folder, **{A: "mine"})
    assert (shell.value(A), shell.value(B)) == (VALUE, OTHER)
    out = shell.run("lkr agent-env --agent claude -- env")
    assert f"{A}=mine" in out
    assert f"{B}={OTHER}" in out
    assert VALUE not in out
    assert "LKR_" not in out.replace("LKR_BACKEND", "")
    user.lkr("policy", "anthropic:main", "--agents", "deny")
    out = shell.run("lkr agent-env --agent claude -- env")
    assert OTHER not in out
    assert "starts with no keys" in out
    assert '"agent": "claude"' in user.lkr("audit", "--json", "--event", "agent")


def test_the_users_agents_table_gives_one_agent_its_keys(user: User) -> None:
    folder = user.project("p", f'{A} = "openai:prod"\n{B} = "anthropic:main"')
    user.config('agents.claude = ["anthropic:main"]\nbroker.agents = false\n')
    for mark, has in (("CLAUDECODE", True), ("GEMINI_CLI", False)):
        user.env[mark] = "1"
        for _ in range(2):  # parsed, then from the compiled copy
            out = user.lkr("export", "bash", cwd=folder, code=0 if has else 2)
            assert (OTHER in out, VALUE in out) == (has, False)
        del user.env[mark]
    for agent, has in (("claude", True), ("codex", False)):
        out = user.lkr("agent-env", "--agent", agent, "--", "env", cwd=folder)
        assert (OTHER in out, VALUE in out) == (has, False)
    user.lkr("policy", "anthropic:main", "--agents", "deny")
    assert OTHER not in user.lkr("agent-env", "--agent", "claude", "--", "env", cwd=folder), "deny goes over it"


def test_an_agent_of_ones_own_is_known_by_its_mark(user: User) -> None:
    folder = user.project("p")
    user.config('[agents.mine]\nmarks = ["MINE_ON"]\nprocesses = ["mine agent"]\nkeys = []\n')
    user.env |= {"MINE_ON": "1", "AI_AGENT": "mine_1.0"}
    for _ in range(2):
        assert "coding agent (mine)" in user.lkr("export", "bash", cwd=folder, code=2)
    del user.env["MINE_ON"], user.env["AI_AGENT"]
    assert VALUE in user.lkr("export", "bash", cwd=folder)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("agents.claude = 1\n", "must be a list"),
        ('agents.claude = ["anthropic"]\n', "is not a valid name"),
        ('agents."a b" = []\n', "not a valid name for an agent"),
        ("[agents.x]\nkey = []\n", "unknown field 'key'"),
        ('[agents.x]\nmarks = [""]\n', "is not a valid name"),
        ('[agents.x]\nmarks = ["A\\nB"]\n', "list of strings"),
    ],
)
def test_a_bad_agents_table_is_reported(user: User, text: str, says: str) -> None:
    user.config(text)
    assert says in user.lkr("list", code=1)


@pytest.mark.skipif(UNDER_AGENT, reason="the test itself has an agent above it")
def test_an_agent_of_ones_own_is_known_by_its_process(user: User) -> None:
    folder = user.project("p")
    user.config('[agents.mine]\nprocesses = ["mine-agent"]\n')
    done = user.below_agent("mine-agent", f"{BIN}/lkr export bash", folder)
    assert "coding agent (mine)" in done.stderr


def test_an_agent_that_has_its_interpreter_within_is_told_by_what_it_is_called(user: User) -> None:
    """As copilot's own program shows itself: the interpreter's name as its process, its own as what was called."""
    code = "import json; from lkrshell.runtime import agents; print(json.dumps(agents.ancestors()))"
    outer = f"import subprocess; subprocess.run([{sys.executable!r}, '-c', {code!r}])"
    done = subprocess.run([sys.executable, "-c", outer, "-p", "hi"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[0] != "copilot"
    called = ["/opt/copilot/copilot", "-c", outer, "-p", "hi"]
    done = subprocess.run(called, executable=sys.executable, capture_output=True, text=True, check=True, env=os.environ)
    line = json.loads(done.stdout)
    assert line[0] == "copilot"
    assert agents.detect({}, line) == "copilot"
