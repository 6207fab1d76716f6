"""Commands that become functions of the shell inside a project: those with a key of their own, and coding agents."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import OTHER, VALUE, User
from shells import Shell

SEES = 'printf "<%s|%s|%s>\\n" "${OPENAI_API_KEY-none}" "$#" "$1"\n'
KEYS = 'OPENAI_API_KEY = { key = "openai:prod", scope = { commands = ["tool", "a.b-c"] } }'


@pytest.fixture
def user(user: User) -> User:
    """The user, in the account's own home: a coding agent gets nothing from folders of any other."""
    user.at_home()
    return user


def program(user: User, name: str, text: str) -> Path:
    folder = user.home / "programs"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}")
    path.chmod(0o755)
    if str(folder) not in user.env["PATH"]:
        user.env["PATH"] = f"{folder}{os.pathsep}{user.env['PATH']}"
    return path


def test_only_the_named_command_gets_the_key_and_the_shell_never(user: User, open_shell: Callable[..., Shell]) -> None:
    program(user, "tool", SEES)
    program(user, "a.b-c", SEES)
    program(user, "other", SEES)
    user.project("p", KEYS)
    shell = open_shell()
    shell.run("cd p")
    assert f"<{VALUE}|2|a b>" in shell.run("tool 'a b' c")
    assert f"<{VALUE}|0|>" in shell.run("a.b-c")
    assert "<none|0|>" in shell.run("other")
    assert shell.value("OPENAI_API_KEY") is None
    shell.run("cd ..")
    assert "<none|1|x>" in shell.run("tool x")
    assert "tool is a function" not in shell.run("type tool")
    shell.run("cd p")
    assert f"<{VALUE}|0|>" in shell.run("tool")
    user.lkr("deny", "p")
    assert "<none|0|>" in shell.run("tool")


def test_a_wrapped_commands_exit_code_input_and_signals_are_its_own(
    user: User, open_shell: Callable[..., Shell]
) -> None:
    program(user, "tool", 'case $1 in code) exit 41;; kill) kill -TERM $$;; *) read line; echo "got <$line>";; esac\n')
    user.project("p", KEYS)
    shell = open_shell()
    status = "$status" if shell.shell == "fish" else "$?"
    shell.run("cd p")
    assert "code 41" in shell.run(f"tool code; echo code {status}")
    assert "code 143" in shell.run(f"tool kill; echo code {status}")
    assert "got <from a pipe>" in shell.run("echo from a pipe | tool read")


def test_a_wrapped_command_can_be_stopped_and_taken_up_again(user: User, open_shell: Callable[..., Shell]) -> None:
    program(user, "tool", "echo started; sleep 0.3; kill -STOP $$; echo went on\n")
    user.project("p", KEYS)
    shell = open_shell()
    shell.run("cd p")
    assert "started" in shell.run("tool")
    if shell.shell != "zsh":  # which names no job that is a function, whatever is in it
        assert "exec tool" in shell.run("jobs")
    assert "went on" in shell.run("fg %?tool" if shell.shell == "bash" else "fg")


def test_ctrl_c_ends_a_wrapped_command_and_not_the_shell(user: User, open_shell: Callable[..., Shell]) -> None:
    program(user, "tool", "echo started; exec sleep 60\n")
    user.project("p", KEYS)
    shell = open_shell()
    shell.run("cd p")
    shell.child.sendline("tool")
    shell.child.expect("started\r?\n")
    shell.child.sendintr()
    assert "alive" in shell.run("echo alive")


def test_a_function_of_mine_is_left_alone(user: User, open_shell: Callable[..., Shell]) -> None:
    program(user, "tool", SEES)
    user.project("p", KEYS)
    shell = open_shell()
    shell.run("function tool; echo mine; end" if shell.shell == "fish" else "tool() { echo mine; }")
    assert "tool is a function of yours, so lkr leaves it alone" in shell.run("cd p")
    assert "mine" in shell.run("tool")
    shell.run("cd ..")
    assert "mine" in shell.run("tool")


def test_a_function_that_i_define_inside_is_mine_when_i_leave(user: User, open_shell: Callable[..., Shell]) -> None:
    program(user, "tool", SEES)
    user.project("p", KEYS)
    shell = open_shell()
    shell.run("cd p")
    shell.run("function tool; echo mine; end" if shell.shell == "fish" else "tool() { echo mine; }")
    assert "mine" in shell.run("tool")
    shell.run("cd ..")
    assert "mine" in shell.run("tool")


def test_an_agent_that_is_a_function_of_mine_is_reported_to_get_the_keys(
    user: User, open_shell: Callable[..., Shell]
) -> None:
    program(user, "claude", AGENT)
    user.project("p", BOTH)
    shell = open_shell()
    shell.run("alias claude='claude'" if shell.shell == "fish" else 'claude() { command claude "$@"; }')
    assert "claude is a function of yours, so lkr leaves it alone; it starts with this shell's keys" in shell.run(
        "cd p"
    )
    assert f"<{VALUE}|{OTHER}|>" in shell.run("claude")


def test_an_alias_of_the_same_name_still_works(user: User, open_shell: Callable[..., Shell]) -> None:
    program(user, "tool", SEES)
    user.project("p", KEYS)
    shell = open_shell()
    shell.run("alias tool='tool first'")
    out = shell.run("cd p")
    if shell.shell == "fish":  # an alias is a function there
        assert "tool is a function of yours, so lkr leaves it alone" in out
        assert "<none|2|first>" in shell.run("tool second")
    else:
        assert f"<{VALUE}|2|first>" in shell.run("tool second")


def test_hooking_a_second_time_keeps_the_functions_ours(user: User, open_shell: Callable[..., Shell]) -> None:
    program(user, "tool", SEES)
    user.project("p", KEYS)
    shell = open_shell()
    shell.run("cd p")
    out = shell.run("lkr hook fish | source" if shell.shell == "fish" else f'eval "$(lkr hook {shell.shell})"')
    assert "leaves it alone" not in out + shell.run(":")
    assert VALUE in shell.run("tool")
    shell.run("cd ..")
    assert "none" in shell.run("tool")


def test_a_locked_store_costs_a_line_and_the_command_runs(user: User, open_shell: Callable[..., Shell]) -> None:
    program(user, "tool", SEES)
    user.project("p", KEYS)
    shell = open_shell()
    shell.run("cd p")
    user.env["XDG_STATE_HOME"] = str(user.home / ".local/state")
    user.lkr("lock")
    try:
        out = shell.run("tool")
        assert "lkr unlock" in out and "<none|0|>" in out
    finally:
        user.lkr("unlock", "--stdin", stdin=b"a passphrase\n")
    assert VALUE in shell.run("tool")


def test_lkr_exec_gives_a_commands_own_key_to_that_command_only(user: User) -> None:
    tool = program(user, "tool", SEES)
    program(user, "other", SEES)
    folder = user.project("p", KEYS)
    assert VALUE in user.lkr("exec", "--", "tool", cwd=folder)
    assert VALUE in user.lkr("exec", "--", str(tool), cwd=folder)
    assert VALUE in user.lkr("exec", "--clean", "--", "tool", cwd=folder)
    assert "none" in user.lkr("exec", "--", "other", cwd=folder)


@pytest.mark.parametrize("name", ["cd", "lkr", "builtin", "__lkr_hook", "a b", "$(x)", "-x", ""])
def test_words_of_the_shell_cannot_be_wrapped(user: User, name: str) -> None:
    keys = f'OPENAI_API_KEY = {{ key = "openai:prod", scope = {{ commands = ["{name}"] }} }}'
    folder = user.project("p", keys, allow=False)
    assert "not the name of a program" in user.lkr("allow", "--yes", cwd=folder, code=78)


AGENT = 'printf "<%s|%s|%s>\\n" "${OPENAI_API_KEY-none}" "${ANTHROPIC_API_KEY-none}" "$1"\n'
NO_BROKER = "[broker]\nagents = false\n"  # tests/test_broker_keys.py has what an agent gets with it
BOTH = 'OPENAI_API_KEY = "openai:prod"\nANTHROPIC_API_KEY = "anthropic:main"'


def test_an_agent_started_inside_a_project_gets_only_the_keys_that_policy_lets_it_have(
    user: User, open_shell: Callable[..., Shell]
) -> None:
    program(user, "claude", AGENT)
    user.config(NO_BROKER)
    user.typed("policy", "anthropic:main", "--agents", "allow")
    user.project("p", BOTH)
    shell = open_shell()
    shell.run("cd p")
    assert shell.value("OPENAI_API_KEY") == VALUE
    assert f"<none|{OTHER}|--version>" in shell.run("claude --version")
    shell.run("cd ..")
    assert "function" not in shell.run("type claude")


def test_quiet_is_kept_when_an_agent_starts(user: User, open_shell: Callable[..., Shell]) -> None:
    program(user, "claude", AGENT)
    user.config(NO_BROKER)
    user.project("p", BOTH)
    shell = open_shell(LKR_QUIET="1")
    shell.run("cd p")
    out = shell.run("claude")
    assert "<none|none|>" in out
    assert "lkr:" not in out


def test_an_agent_whose_command_has_another_name_gets_what_is_its_own(
    user: User, open_shell: Callable[..., Shell]
) -> None:
    program(user, "cursor-agent", AGENT)
    user.config('agents.cursor = ["anthropic:main"]\n' + NO_BROKER)
    user.project("p", BOTH)
    shell = open_shell()
    entered = shell.run("cd p")
    assert "error" not in entered
    assert "lkr: +OPENAI_API_KEY" in entered
    out = shell.run("cursor-agent chat")
    assert f"<none|{OTHER}|chat>" in out
    assert "lkr: cursor starts with ANTHROPIC_API_KEY" in out
    assert '"agent": "cursor"' in user.lkr("audit", "--json", "--event", "agent")


def test_a_manifest_can_give_an_agent_its_own_key(user: User, open_shell: Callable[..., Shell]) -> None:
    program(user, "claude", AGENT)
    user.config(NO_BROKER)
    own = 'ANTHROPIC_API_KEY = { key = "anthropic:main", scope = { commands = ["claude"] } }'
    user.project("p", f'OPENAI_API_KEY = "openai:prod"\n{own}')
    shell = open_shell()
    shell.run("cd p")
    assert f"<none|{OTHER}|>" in shell.run("claude")
    user.lkr("policy", "anthropic:main", "--agents", "deny")
    assert "<none|none|>" in shell.run("claude")


def test_one_setting_turns_the_agents_functions_off(user: User, open_shell: Callable[..., Shell]) -> None:
    program(user, "claude", AGENT)
    user.config("agent_functions = false\n")
    user.project("p", BOTH)
    shell = open_shell()
    shell.run("cd p")
    assert f"<{VALUE}|{OTHER}|>" in shell.run("claude")


def test_variables_of_mine_with_plain_names_stay_mine(user: User, open_shell: Callable[..., Shell]) -> None:
    program(user, "tool", SEES)
    user.project("p", f"{KEYS}\nANTHROPIC_API_KEY = 'anthropic:main'")
    shell = open_shell()
    plain = "name old word todo kept i file text folder parts part chunk got was mode up idle texts statements".split()
    for each in plain:
        shell.run(f"set -g {each} mine" if shell.shell == "fish" else f"{each}=mine")
    for line in ("cd p", "tool", ":", "cd ..", ":"):
        shell.run(line)
    said = shell.run("echo " + " ".join(f"${each}" for each in plain))
    assert said.count("mine") == len(plain), said
