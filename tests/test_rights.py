"""What a coding agent may do: every command of the program is run as one."""

import json
import os
import subprocess
import sys
import types
from collections.abc import Iterator

import forked
import pytest
from conftest import HIDDEN, OTHER, VALUE, Template, User

from lkrshell.cli import declare, rights
from lkrshell.cli import main as cli

A, B = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"
DENIED, ADMIN = "gsk_denied_0123456789", "sk-admin-0123456789"
# The words that would do most harm; of a command that is not here, the name of a key for each argument.
WORST = {
    "add": f"{B}=anthropic:main",
    "agent-env": "-- env",
    "allow": "--yes ../q",
    "audit": "",
    "doctor": "",
    "edit": "",
    "exec": "-- env",
    "export": "bash",
    "gen": "t.example --force",
    "get": "openai:prod --force-plain",
    "hook": "bash",
    "import": ".env --yes --replace --blank",
    "init": "--yes --import --install",
    "install": "bash --yes",
    "migrate": "keyring --yes --move",
    "passwd": "--stdin",
    "policy": "openai:prod",
    "rename": "openai:prod openai:mine",
    "rm": "openai:prod --yes",
    "rotate": "openai:prod --stdin",
    "login": "team --stdin",
    "logout": "team",
    "refresh": "",
    "set": "openai:prod --stdin",
    "source add": "team openbao http://127.0.0.1:1 --yes",
    "source rm": "team --yes",
    "uninstall": "--yes",
    "usage": "--by day",
    "use": "staging",
    "vault export": "all.age --to {recipient}",
    "vault import": "backup.age --stdin --force",
}
MORE = (
    "audit --verify", "audit --unused 1", "audit --gone", "audit --agent any", "doctor --fix", "list --all",
    "exec --all -- env", "exec -k groq:denied -- env", f"exec -k {A}=anthropic:main -- env",
    "exec -k openai:admin -- env",
    "exec -k openai:prod -k anthropic:main -- env", "get openai:prod --json", "policy openai:prod --agents allow",
    "set fresh:one --stdin", "rm --yes openai:prod", "rotate openai:prod --undo", "deny ../p", "init --yes ../q",
    "vault export all.age --stdin",
    "usage --vendor openai", "usage --vendor", "usage --follow", "unlock --stdin", "import --environment --yes",
)  # fmt: skip


def every() -> Iterator[str]:
    for command in rights.commands():
        words = sum(not each.is_option and each.settings.get("required", True) for each in command.parameters)
        yield f"{command.path} {WORST.get(command.path, 'openai:prod ' * words)}".strip()


def may(words: str) -> bool:
    """True when the command that begins so has a row."""
    return any(f"{words} ".startswith(f"{row} ") for row in rights.ROWS)


@pytest.fixture(scope="session")
def backup(template: Template, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A backup of the user's keys; made once, since its passphrase takes a second."""
    with template.copied(tmp_path_factory.mktemp("backup") / "home") as user:
        user.lkr("vault", "export", "backup.age", "--stdin", stdin=b"for the file")
        return (user.home / "backup.age").read_bytes()


@pytest.fixture
def agent(user: User, backup: bytes) -> User:
    """A user with an allowed project, whom a coding agent takes for its own."""
    user.lkr("set", "groq:denied", "--stdin", stdin=DENIED.encode())
    user.lkr("policy", "groq:denied", "--agents", "deny")
    user.lkr("set", "openai:admin", "--kind", "admin", "--stdin", stdin=ADMIN.encode())
    folder = user.project("p", f'{A} = "openai:prod"\n[profiles.staging.keys]\n{A} = "anthropic:main"')
    user.project("q", f'{B} = "anthropic:main"', allow=False)
    (folder / "backup.age").write_bytes(backup)
    (folder / ".env").write_text(f"{A}={OTHER}\nXAI_API_KEY=xai-0123456789\n")
    (folder / "t.example").write_text(f"{A}=\n")
    (user.home / ".bashrc").write_text("# mine\n")
    user.by_agent()
    user.env |= {"EDITOR": "sh -c 'echo >>\"$1\"' edit", "SHELL": "/bin/bash", A: VALUE[::-1]}
    return user


def everything(user: User) -> dict[str, object]:
    """What lies in the home, less the log, with dates: the index has the last use by its own."""
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_mode)
        for path in sorted(user.home.rglob("*"))
        if path.is_file() and not path.name.startswith("audit")
    }


def run(user: User, words: str) -> "subprocess.CompletedProcess[str]":
    recipient = (user.home / ".local/share/lkr/vault/recipient").read_text().strip()
    stdin = b"sk-agents-own-12345678\n"
    return user.run(*words.format(recipient=recipient).split(), stdin=stdin, cwd=user.home / "p")


@pytest.mark.parametrize("words", [each for each in every() if not may(each)] + list(MORE))
def test_an_agent_is_refused_before_anything_is_read_or_written(agent: User, words: str) -> None:
    before, lines = everything(agent), log(agent)
    done = run(agent, words)
    assert done.returncode == 2, done
    assert everything(agent) == before
    for value in (VALUE, OTHER, DENIED, ADMIN):
        assert value not in done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "a coding agent (claude)" in done.stderr
    assert "the user can run: lkr " in done.stderr
    (new,) = log(agent)[len(lines) :]
    assert (new["event"], new["agent"], new["project"]) == ("refused", "claude", str(agent.home / "p"))


@pytest.mark.parametrize("words", [each for each in every() if may(each)])
def test_what_an_agent_may_do_changes_nothing_and_gives_no_key_but_the_projects_to_exec(
    agent: User, words: str
) -> None:
    before = everything(agent)
    done = run(agent, words)
    gets = words.split()[0] == "exec"
    assert done.returncode in (0, 2) if words == "export bash" else (0, 1) if words == "doctor" else (0,), done
    assert (f"{A}={HIDDEN}\n" in done.stdout) == gets
    for value in (OTHER, DENIED, ADMIN, VALUE):
        assert value not in done.stdout + done.stderr
    store = str(agent.home / ".local/share/lkr")
    after = everything(agent)
    for path in {*before, *after}:
        if path.startswith((store, str(agent.home / "p"), str(agent.home / ".config"))):
            there, here = after[path], before[path]
            assert isinstance(there, tuple) and isinstance(here, tuple)
            assert there[0] == here[0], path
    for name in os.listdir(agent.home / "p"):
        assert str(agent.home / "p" / name) in before
    agent.lkr("unlock", "--stdin", stdin=b"a passphrase", code=2)


def log(user: User) -> list[dict[str, str]]:
    env = {name: value for name, value in user.env.items() if name != "CLAUDECODE"}
    done = forked.lkr(["audit", "--json"], env, user.home)
    done.check_returncode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_help_and_version_are_for_everybody(agent: User) -> None:
    for words in ("--help", "--version", "rm --help", "vault export --help"):
        assert run(agent, words).returncode == 0


def test_a_command_that_nobody_gave_a_row_is_refused_to_agents(
    user: User, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ran = []
    module = types.ModuleType("cmd_fresh")
    group = declare.Group("fresh", lambda: None)
    group.command("inner")(lambda: ran.append("inner"))
    module.command = group  # type: ignore[attr-defined]
    monkeypatch.setattr(cli, "COMMANDS", (*cli.COMMANDS, "fresh"))
    monkeypatch.setitem(sys.modules, "lkrshell.cli.cmd_fresh", module)
    for name, value in user.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLAUDECODE", "1")
    assert cli.run(["fresh", "inner"]) == 2
    assert not ran
    assert "the user can run: lkr fresh inner" in capfd.readouterr().err


def test_every_row_is_of_a_command_and_its_options() -> None:
    commands = {each.path: each for each in rights.commands()}
    for path, (options, gets) in rights.ROWS.items():
        known = {flag for option in commands[path].parameters for flag in option.flags}
        assert set(options.split()) <= known, path
        assert gets


def test_an_agent_sees_its_own_lines_of_the_log_only(agent: User) -> None:
    run(agent, "exec -- true")
    agent.env |= {"GEMINI_CLI": "1"}
    del agent.env["CLAUDECODE"]
    run(agent, "get openai:prod")
    rows = [json.loads(line) for line in run(agent, "audit --json").stdout.splitlines()]
    assert {row["agent"] for row in rows} == {"gemini"}
    assert len(rows) == 1


def test_exec_gives_an_agent_a_key_under_another_variable_when_the_manifest_names_it(agent: User) -> None:
    assert f"MINE_KEY={HIDDEN}" in run(agent, "exec -k MINE_KEY=openai:prod -- env").stdout
    manifest = agent.home / "p/.lkr.toml"
    manifest.write_text(manifest.read_text() + "# changed\n")
    done = run(agent, "exec -k openai:prod -- env")
    assert done.returncode == 2
    assert VALUE not in done.stdout
    assert "changed since you allowed it" in done.stderr


def test_a_key_for_one_command_is_not_given_to_an_agent_by_name(agent: User) -> None:
    del agent.env["CLAUDECODE"]
    agent.project("p", f'{A} = {{ key = "openai:prod", scope = {{ commands = ["python"] }} }}')
    agent.env["CLAUDECODE"] = "1"
    done = run(agent, "exec -k openai:prod -- env")
    assert (done.returncode, VALUE in done.stdout) == (2, False)


def test_the_table_is_printed(agent: User) -> None:
    said = run(agent, "doctor --agents").stdout
    assert "exec       the keys that the allowed manifest of its folder names" in said
    assert "vault export" in said.splitlines()[-1]
    rows = json.loads(run(agent, "doctor --agents --json").stdout)
    assert {row["command"] for row in rows if row["allowed"]} == set(rights.ROWS)
    agent.lkr("doctor", "--agents", "--fix", code=2)
