"""Keys that ask before each project's first load of a session: the hook never does, `lkr confirm` and `lkr exec` do."""

import json
import time
from collections.abc import Callable, Iterator

import pexpect
import pytest
from conftest import OTHER, VALUE, User
from shells import Shell, wait_until

from lkrshell.runtime import confirm

Open = Callable[..., Shell]
A, B = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"
BOTH = f'{A} = "openai:prod"\n{B} = "anthropic:main"'


@pytest.fixture(autouse=True)
def forgotten(user: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    for name, value in user.env.items():
        monkeypatch.setenv(name, value)
    confirm.forget()


def answer(user: User, command: str, question: str, reply: str, folder: str = "p") -> tuple[str, int]:
    """Runs it on a terminal of its own; its whole output and its exit code."""
    child = user.on_terminal(*command.split(), cwd=user.home / folder, env={"TERM": "xterm"})
    child.expect(question)
    said = str(child.before) + str(child.after)
    time.sleep(0.3)  # what is typed before the question is discarded
    child.send(reply)
    child.expect(pexpect.EOF)
    said += str(child.before)
    child.close()
    return said, int(child.exitstatus or 0)


def test_a_key_waits_at_the_prompt_and_comes_when_i_confirm(user: User, open_shell: Open) -> None:
    user.project("p", BOTH)
    user.project("q")
    user.lkr("policy", "openai:prod", "--confirm")
    shell = open_shell()
    said = shell.run("cd p")
    assert f"lkr: {A} awaits your confirmation: lkr confirm" in said
    assert (shell.value(A), shell.value(B)) == (None, OTHER), "the others come as usual"
    assert "lkr:" not in shell.run(":"), "said once"
    shell.child.sendline("lkr confirm")
    shell.child.expect(r"have OPENAI_API_KEY \(openai:prod\)\? \[y/N\]")
    time.sleep(0.3)
    shell.child.sendline("y")
    shell.child.expect("confirmed OPENAI_API_KEY")
    shell.run(":")
    assert shell.value(A) == VALUE
    assert "awaits your confirmation" in shell.run("cd ~/q"), "each project on its own"
    assert shell.value(A) is None
    shell.run("cd ~/p")
    assert shell.value(A) == VALUE
    user.lkr("lock")
    user.lkr("unlock", "--stdin", stdin=b"a passphrase")
    assert "awaits your confirmation" in shell.run(":"), "gone with lkr lock"
    assert '"keys": "openai:prod"' in user.lkr("audit", "--json", "--event", "confirm")


def test_a_no_and_nobody_to_ask_load_nothing(user: User) -> None:
    folder = user.project("p", BOTH)
    user.lkr("policy", "openai:prod", "--confirm")
    for reply in ("n\r", "\r", "yeah\r"):
        said, code = answer(user, "confirm", r"\[y/N\] ", reply)
        assert (code, "was not confirmed" in said) == (2, True)
    said, code = answer(user, "exec -- env", r"\[y/N\] ", "n\r")
    assert (code, VALUE in said, OTHER in said) == (2, False, False)
    said = user.lkr("export", "bash", cwd=folder)
    assert VALUE not in said
    assert OTHER in said


def test_without_a_terminal_exec_and_confirm_refuse(user: User) -> None:
    folder = user.project("p")
    user.lkr("policy", "openai:prod", "--confirm")
    for words in (["exec", "--", "env"], ["confirm"]):
        done = user.run(*words, cwd=folder)
        assert done.returncode == 2
        assert VALUE not in done.stdout
        assert "no terminal to ask on" in done.stderr


def test_exec_asks_and_then_not_again(user: User) -> None:
    folder = user.project("p")
    user.lkr("policy", "openai:prod", "--confirm")
    said, code = answer(user, "exec -- env", r"\[y/N\] ", "y\r")
    assert (code, VALUE in said) == (0, True)
    assert VALUE in user.lkr("exec", "--", "env", cwd=folder)
    assert VALUE in user.lkr("export", "bash", cwd=folder)
    assert "no key of this project awaits" in user.lkr("confirm", cwd=folder)


def test_an_agent_does_not_confirm(user: User) -> None:
    user.project("p")
    user.lkr("policy", "openai:prod", "--confirm")
    user.by_agent()
    for words, says in (("exec -- env", "cannot confirm"), ("confirm", "may not do this")):
        said, code = answer(user, words, says, "y\r")
        assert (code, VALUE in said) == (2, False)
    assert "may not do this" in user.lkr("policy", "openai:prod", "--no-confirm", code=2)


def test_a_confirmation_ends_with_the_hard_limit(user: User) -> None:
    folder = user.project("p")
    user.lkr("policy", "openai:prod", "--confirm")
    user.config("lock_limit = 4\nlock_after = 4\n")
    said, code = answer(user, "confirm", r"\[y/N\] ", "y\r")
    assert code == 0, said
    assert VALUE in user.lkr("export", "bash", cwd=folder)
    wait_until(lambda: "awaits your confirmation" in user.lkr("export", "bash", cwd=folder))


@pytest.mark.parametrize(("program", "question", "yes", "no"), [
    ("pinentry-tty", r"\[ar\]\? ", "a", "r"),
    ("pinentry-curses", "<Refuse>", "\r", "\t\r"),
])  # fmt: skip
def test_pinentry_asks_when_configured(user: User, program: str, question: str, yes: str, no: str) -> None:
    user.project("p")
    user.lkr("policy", "openai:prod", "--confirm")
    user.config(f'pinentry = "{program}"\n')
    said, code = answer(user, "exec -- env", question, no)
    assert (code, VALUE in said) == (2, False), said
    said, code = answer(user, "exec -- env", question, yes)
    assert (code, VALUE in said) == (0, True), said


def test_a_pinentry_that_cannot_be_run_is_reported(user: User) -> None:
    folder = user.project("p")
    user.lkr("policy", "openai:prod", "--confirm")
    for program, says in (("/none/pinentry", "cannot run /none/pinentry"), ("/bin/true", "ended without an answer")):
        user.config(f'pinentry = "{program}"\n')
        assert says in user.lkr("exec", "--", "env", cwd=folder, code=2)


def test_confirm_is_part_of_the_policy_and_of_a_backup(user: User) -> None:
    user.lkr("policy", "openai:prod", "--confirm")
    user.lkr("set", "openai:prod", "--stdin", "--force", stdin=b"sk-new-value-12345678")
    user.lkr("rename", "openai:prod", "openai:moved")
    assert json.loads(user.lkr("policy", "openai:moved", "--json"))["confirm"] is True
    backup = str(user.home / "backup.age")
    user.lkr("vault", "export", backup, "--stdin", stdin=b"another passphrase")
    user.lkr("rm", "openai:moved", "--yes")
    user.lkr("vault", "import", backup, "--stdin", stdin=b"another passphrase")
    assert json.loads(user.lkr("policy", "openai:moved", "--json"))["confirm"] is True
    user.typed("policy", "openai:moved", "--no-confirm")
    assert "confirm off" in user.lkr("policy", "openai:moved")


def test_confirming_for_gen_brings_the_key_to_my_open_shell_too(user: User, open_shell: Open) -> None:
    folder = user.project("p")
    (folder / ".env.example").write_text(f"{A}=\n")
    user.lkr("policy", "openai:prod", "--confirm")
    shell = open_shell()
    shell.run("cd p")
    assert shell.value(A) is None
    said, code = answer(user, "gen .env.example", r"\[y/N\] ", "n\r")
    assert code == 2, said
    said, code = answer(user, "gen .env.example", r"\[y/N\] ", "y\r")
    assert code == 0, said
    shell.run(":")
    assert shell.value(A) == VALUE
    rows = [json.loads(line) for line in user.lkr("audit", "--json").splitlines()]
    assert [row["event"] for row in rows if row["event"] in ("refused", "confirm", "gen")] == [
        "refused", "confirm", "gen",
    ], "the no is in the log too"  # fmt: skip
