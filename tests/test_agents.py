"""Coding agents are found: by real processes of their names, nested, detached, and with their marks removed."""

import json
import resource
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BIN, HIDDEN, UNDER_AGENT, VALUE, User

from lkrshell.runtime import agents

pytestmark = pytest.mark.skipif(UNDER_AGENT, reason="the test itself has an agent above it")
A = "OPENAI_API_KEY"
PYTHON = f"{BIN}/python"


@pytest.fixture
def user(user: User) -> User:
    """The user, in the account's own home: a coding agent gets nothing from folders of any other."""
    user.at_home()
    return user


def shows(user: User, words: list[str], folder: Path) -> str:
    """What `lkr export bash` prints when `words` start it; a `COMMAND` in them is replaced by the call."""
    call = f"{BIN}/lkr export bash"
    done = subprocess.run(
        [word.replace("COMMAND", call) for word in words], env=user.env, cwd=folder, capture_output=True, text=True
    )
    return done.stdout + done.stderr


def script(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


RUN = "import subprocess, sys\nsubprocess.run(sys.argv[-1], shell=True)\n"
JS = "require('child_process').spawnSync('sh', ['-c', process.argv[process.argv.length - 1]], {stdio: 'inherit'})\n"


@pytest.mark.parametrize(
    "words",
    [
        [PYTHON, "-u", "-B", "-S", "{py}/aider", "COMMAND"],
        [PYTHON, "-X", "utf8", "-W", "ignore", "{py}/aider", "COMMAND"],
        [PYTHON, "-uB", "{py}/aider.py", "COMMAND"],
        [PYTHON, "-m", "aider", "COMMAND"],
        [PYTHON, "-um", "aider.__main__", "COMMAND"],
        ["node", "--no-warnings", "--no-deprecation", "--throw-deprecation", "{py}/codex.js", "COMMAND"],
        ["node", "--max-http-header-size", "16384", "{py}/codex.js", "COMMAND"],
        ["node", "{py}/node_modules/@openai/codex/cli.js", "COMMAND"],
        ["sh", "{py}/claude", "COMMAND"],
        ["{py}/an-agent-with-a-long-name", "COMMAND"],
    ],
    ids=lambda words: " ".join(words[1:-1])[-40:],
)
def test_an_agent_is_known_however_its_interpreter_is_called(user: User, tmp_path: Path, words: list[str]) -> None:
    folder = user.project("p")
    for name in ("aider", "aider.py", "aider/__init__.py", "aider/__main__.py"):
        if name != "aider":
            script(tmp_path / ("m" if "/" in name else ""), name, RUN if "init" not in name else "")
        elif "-m" not in words and "-um" not in words:
            script(tmp_path, name, RUN)
    script(tmp_path, "codex.js", JS)
    script(tmp_path, "node_modules/@openai/codex/cli.js", JS)
    script(tmp_path, "claude", 'eval "$1"; :\n')
    script(tmp_path, "an-agent-with-a-long-name", f"#!{PYTHON}\n{RUN}")
    user.config('agent_processes = ["an-agent-with-a-long-name"]\n')
    user.env["PYTHONPATH"] = str(tmp_path / "m")
    out = shows(user, [word.format(py=tmp_path) for word in words], folder)
    assert "no keys for a coding agent" in out
    assert VALUE not in out


@pytest.mark.parametrize(
    "words",
    [
        [PYTHON, "{py}/mine.py", "claude", "COMMAND"],
        [PYTHON, "-c", RUN, "codex", "COMMAND"],
        ["node", "--no-warnings", "{py}/mine.js", "codex", "COMMAND"],
        ["node", "{py}/mine.js", "--agent", "codex", "COMMAND"],
        ["sh", "-c", "COMMAND", "claude"],
    ],
    ids=["script", "code", "node with an option", "node", "name of a shell"],
)
def test_a_program_of_mine_that_mentions_an_agent_is_not_one(user: User, tmp_path: Path, words: list[str]) -> None:
    folder = user.project("p")
    script(tmp_path, "mine.py", RUN)
    script(tmp_path, "mine.js", JS)
    assert VALUE in shows(user, [word.format(py=tmp_path) for word in words], folder)


def nested(depth: int) -> str:
    """A script that starts itself again, `depth` shells deep, and then runs what the environment has as RUN."""
    return '#!/bin/sh\nif [ "$1" -gt 0 ]; then "$0" $(($1 - 1)); else eval "$RUN"; fi; :\n'


@pytest.mark.parametrize("depth", [33, 100])
def test_nested_shells_hide_no_agent(user: User, tmp_path: Path, depth: int) -> None:
    folder = user.project("p")
    inner = script(tmp_path, "inner", nested(depth))
    claude = script(tmp_path, "claude", f"#!/bin/sh\n{inner} {depth}; :\n")
    user.env["RUN"] = f"{BIN}/lkr export bash"
    assert "coding agent (claude)" in shows(user, [claude], folder)
    assert VALUE in shows(user, [inner, str(depth)], folder)


def test_more_generations_than_are_looked_at_count_as_an_agent(user: User, tmp_path: Path) -> None:
    folder = user.project("p")
    inner = script(tmp_path, "inner", nested(300))
    user.env["RUN"] = f"{BIN}/lkr export bash"
    out = shows(user, [inner, "300"], folder)
    assert "coding agent (agent)" in out
    assert VALUE not in out


def test_a_mark_that_was_removed_is_seen_in_the_parents_environment(user: User, tmp_path: Path) -> None:
    folder = user.project("p")
    user.env["CLAUDECODE"] = "1"
    out = shows(user, ["sh", "-c", "env -u CLAUDECODE COMMAND; :"], folder)
    assert "coding agent (claude)" in out
    assert VALUE not in out


def test_a_command_in_the_background_still_has_the_agent_as_leader_of_its_session(user: User, tmp_path: Path) -> None:
    folder = user.project("p")
    answer = tmp_path / "answer"
    wait = f"while [ ! -e {answer}.done ]; do sleep 0.05; done"
    detached = f"(sh -c '{BIN}/lkr export bash >{answer} 2>&1; touch {answer}.done' &)"
    claude = script(tmp_path, "claude", f"#!/bin/sh\n{detached}\n{wait}\n")
    subprocess.run([claude], env=user.env, cwd=folder, check=True, start_new_session=True, timeout=60)
    assert "coding agent (claude)" in answer.read_text()
    assert VALUE not in answer.read_text()


def test_settings_from_elsewhere_do_not_turn_the_guard_off(user: User, tmp_path: Path) -> None:
    folder = user.project("p")
    claude = script(tmp_path, "claude", '#!/bin/sh\neval "$1"; :\n')
    (tmp_path / "lkr").mkdir()
    (tmp_path / "lkr/config.toml").write_text("agent_ancestors = false\npinentry = '/bin/true'\n")
    user.env["XDG_CONFIG_HOME"] = str(tmp_path)
    for _ in range(2):  # parsed, then from the compiled copy
        assert "coding agent (claude)" in shows(user, [claude, "COMMAND"], folder)


def test_the_accounts_own_settings_may_turn_it_off(user: User, tmp_path: Path) -> None:
    folder = user.project("p")
    claude = script(tmp_path, "claude", '#!/bin/sh\neval "$1"; :\n')
    user.config("agent_ancestors = false\n")
    assert VALUE in shows(user, [claude, "COMMAND"], folder)
    assert VALUE in shows(user, [claude, "env XDG_CONFIG_HOME=$HOME/.config COMMAND"], folder)
    elsewhere = shutil.copytree(user.home / ".config", tmp_path / "config")
    assert VALUE not in shows(user, [claude, f"env XDG_CONFIG_HOME={elsewhere} COMMAND"], folder)
    assert VALUE not in shows(user, [claude, "env CLAUDECODE=1 COMMAND"], folder)


def as_claude(user: User, words: list[str], folder: Path, **more: object) -> "subprocess.CompletedProcess[str]":
    env = {**user.env, "CLAUDECODE": "1"}
    env.update({name: str(value) for name, value in more.items() if name.isupper()})
    limit = more.get("limit")
    return subprocess.run(
        [f"{BIN}/lkr", *words], env=env, cwd=folder, capture_output=True, text=True,
        preexec_fn=(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))) if limit else None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "words", [["exec", "--", "env"], ["exec", "-k", "openai:prod", "--", "env"], ["export", "bash"]]
)
@pytest.mark.parametrize("how", ["held", "limit"])
def test_an_agent_gets_nothing_that_is_not_logged(user: User, tmp_path: Path, words: list[str], how: str) -> None:
    folder = user.project("p", "OPENAI_API_KEY = 'openai:prod'")
    state = user.home / ".local/state/lkr"
    index = user.home / ".local/share/lkr/index/vault/openai/prod"
    index.write_text(index.read_text().replace("agents\texec", "agents\tallow"))
    assert (VALUE if words[0] == "export" else HIDDEN) in as_claude(user, words, folder).stdout
    holder = None
    if how == "held":
        code = f"import fcntl,sys,time; f = open({str(state / 'audit')!r}, 'a'); fcntl.lockf(f, fcntl.LOCK_EX)"
        holder = subprocess.Popen([sys.executable, "-c", code + "; print(1, flush=True); time.sleep(60)"], stdout=-1)
        assert holder.stdout is not None
        holder.stdout.readline()
    done = as_claude(user, words, folder, limit=how == "limit")
    if holder:
        holder.kill()
        holder.wait()
    assert done.returncode == 2, done
    assert VALUE not in done.stdout + done.stderr
    assert "without a line in the log" in done.stderr


@pytest.mark.parametrize("variable", ["HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"])
def test_folders_of_an_agents_own_give_it_nothing(user: User, variable: str, tmp_path: Path) -> None:
    """An agent copies what lkr keeps, takes the policy away, and allows itself a project."""
    folder = user.project("mine", allow=False)
    user.lkr("policy", "openai:prod", "--agents", "deny")
    forged = shutil.copytree(user.home, tmp_path / "forged", ignore=shutil.ignore_patterns(".passwd"))
    shutil.rmtree(forged / ".local/share/lkr/policy")
    shutil.rmtree(forged / ".local/share/lkr/index")
    person = User(forged)
    person.lkr("allow", "--yes", str(folder))
    below = {"XDG_DATA_HOME": ".local/share", "XDG_STATE_HOME": ".local/state", "XDG_CONFIG_HOME": ".config"}
    more: dict[str, object] = {variable: forged / below.get(variable, "")}
    if variable != "HOME":  # the person's own would let it in
        user.lkr("allow", "--yes", str(folder))
        user.typed("policy", "openai:prod", "--agents", "allow")
    for words in (["exec", "--", "env"], ["export", "bash"]):
        done = as_claude(user, words, folder, **more)
        assert (done.returncode, VALUE in done.stdout) == (2, False)
        assert "folders that are not the account's" in done.stderr
    assert "refused" in user.lkr("audit") + person.lkr("audit")


def test_an_agent_chooses_no_other_store_than_mine(user: User) -> None:
    """A key that `lkr migrate` copied has a policy in each store."""
    folder = user.project("p")
    user.config('backend = "keyring"\n')
    assert user.env["LKR_BACKEND"] == "vault"
    for words in (["exec", "--", "true"], ["export", "bash"], ["token", "openai:prod"]):
        done = as_claude(user, words, folder)
        assert (done.returncode, VALUE in done.stdout) == (2, False), words
        assert "LKR_BACKEND names another store than yours" in done.stderr
    assert user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder).strip() == VALUE
    user.config('backend = "vault"\n')
    assert as_claude(user, ["exec", "--", "true"], folder).returncode == 0


def test_folders_that_a_person_keeps_elsewhere_serve_agents_after_allow(user: User, tmp_path: Path) -> None:
    folder = user.project("p")
    user.env["XDG_STATE_HOME"] = str(tmp_path)
    done = as_claude(user, ["exec", "--", "env"], folder)
    assert done.returncode == 2
    assert "run lkr allow yourself" in done.stderr
    user.lkr("unlock", "--stdin", stdin=b"a passphrase")
    user.lkr("allow", "--yes", str(folder))
    assert HIDDEN in as_claude(user, ["exec", "--", "env"], folder).stdout
    assert "claude" in user.lkr("audit", "--event", "exec")
    for place in (tmp_path / "other", user.home / ".local/state"):
        assert as_claude(user, ["exec", "--", "env"], folder, XDG_STATE_HOME=place).returncode == 2
    del user.env["XDG_STATE_HOME"]
    user.lkr("allow", "--yes", str(folder))
    assert HIDDEN in as_claude(user, ["exec", "--", "env"], folder).stdout, "and back again"
    assert as_claude(user, ["exec", "--", "env"], folder, XDG_STATE_HOME=tmp_path).returncode == 2


def test_allowing_a_project_under_another_home_leaves_the_accounts_own_alone(user: User, tmp_path: Path) -> None:
    folder = user.project("p")
    other = User(shutil.copytree(user.home, tmp_path / "other"))
    other.env |= {name: value for name, value in user.env.items() if name.startswith(("LD_", "NSS_"))}
    other.lkr("allow", "--yes", str(folder))
    assert not list(tmp_path.rglob("folders"))
    assert as_claude(other, ["exec", "--", "env"], folder).returncode == 2
    assert HIDDEN in as_claude(user, ["exec", "--", "env"], folder).stdout


def test_an_agent_starts_others_under_its_own_name_only(user: User) -> None:
    folder = user.project("p")
    user.config('[agents]\ngemini = ["openai:prod"]\n[broker]\nagents = false\n')
    done = as_claude(user, ["agent-env", "--agent", "gemini", "--", "env"], folder)
    assert (done.returncode, VALUE in done.stdout) == (2, False)
    done = as_claude(user, ["agent-env", "--", "env"], folder)
    assert VALUE not in done.stdout
    assert "AI_AGENT=claude" in done.stdout
    assert VALUE in user.lkr("agent-env", "--agent", "gemini", "--", "env", cwd=folder)


def test_an_agent_that_lkr_does_not_know_is_marked_as_one(user: User, tmp_path: Path) -> None:
    folder = user.project("p")
    unknown = script(tmp_path, "unknown", f"#!/bin/sh\n{BIN}/lkr export bash; {BIN}/lkr get openai:prod; :\n")
    out = user.lkr("agent-env", "--", unknown, cwd=folder)
    assert "coding agent (unknown)" in out
    assert VALUE not in out


def test_a_name_of_ones_own_choice_gains_nothing(user: User) -> None:
    folder = user.project("p")
    user.config('[agents]\nclaude = ["openai:prod"]\n')
    done = user.run("export", "bash", cwd=folder, AI_AGENT="claude")
    assert (done.returncode, VALUE in done.stdout) == (2, False)
    assert json.dumps("claude") not in done.stderr


@pytest.mark.parametrize(
    ("program", "words", "name"),
    [
        ("uv", "run --with x aider --yes", "aider"),
        ("uv", "tool run aider", "aider"),
        ("uvx", "--from aider-chat aider", "aider"),
        ("python3.12", "-m pipx run aider", "aider"),
        ("bun", "x codex", "codex"),
        ("deno", "run -A npm:@openai/codex@latest", "codex"),
        ("npm", "exec @openai/codex@0.1", "codex"),
        ("node", "/usr/lib/node_modules/npm/bin/npx-cli.js -y codex", "codex"),
        ("node", "--require ./hook.js --unhandled-rejections strict codex.js", "codex"),
        ("python3", "aider/__main__.py", "aider"),
        ("node", "node_modules/@google/gemini-cli/dist/index.js", "gemini"),
    ],
)
def test_what_runs_a_package_is_known_by_its_words(program: str, words: str, name: str) -> None:
    assert agents.detect({}, agents.programs_run(program, words.split())) == name
