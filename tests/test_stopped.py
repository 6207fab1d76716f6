"""What lkr says after Ctrl-C: "nothing was changed" only if that is true."""

from pathlib import Path

import pexpect
import pytest
from conftest import OTHER, VALUE, User

CONTINUES = "lkr: stopped; what was done until then stays, and running it again continues"


def stop(child: "pexpect.spawn[str]") -> str:
    """Types Ctrl-C at a question, and returns what was said after it."""
    child.sendcontrol("c")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    return str(child.before)


@pytest.mark.parametrize("command", ["import", "init"])
def test_ctrl_c_at_the_last_question_does_not_deny_what_was_stored(user: User, command: str) -> None:
    (user.home / ".env").write_text("GROQ_API_KEY=gsk_0123456789abcdef\n")
    child = user.on_terminal(*{"import": ("import", ".env"), "init": ("init",)}[command])
    for question in ("Store these", "Write this")[: 1 + (command == "init")]:
        child.expect_exact(question)
        child.sendline("y")
    child.expect_exact("Take the values out of .env?")
    assert stop(child).strip().endswith(CONTINUES)
    assert "groq:main" in user.lkr("list")


@pytest.mark.parametrize("command", ["import", "vault import", "vault rekey"])
def test_ctrl_c_midway_says_that_the_command_can_run_again(user: User, command: str) -> None:
    user.lkr("vault", "export", "all.age", "--stdin", stdin=b"for the file")
    user.lkr("rm", "openai:prod", "--yes")
    user.lkr("rm", "anthropic:main", "--yes")
    (user.home / ".env").write_text(f"OPENAI_API_KEY={VALUE}\nANTHROPIC_API_KEY={OTHER}\n")
    stdin = {"import": "", "vault import": "for the file", "vault rekey": "a passphrase"}[command]
    if command == "vault rekey":
        user.lkr("set", "openai:prod", "--stdin", stdin=VALUE.encode())
    words = {"import": ["import", ".env", "--yes"], "vault import": ["vault", "import", "all.age", "--stdin"]}
    # a person who stops it when the first key has been written
    code = """if True:
        import io, sys
        from lkrshell.cli import common, main
        def progress(items, label):
            yield items[0]
            raise KeyboardInterrupt
        common.progress = progress
        words, sys.stdin = sys.argv[2:], io.TextIOWrapper(io.BytesIO(sys.argv[1].encode()))
        sys.stderr = sys.stdout
        print(main.run(words))
    """
    said = user.python(code, stdin, *words.get(command, ["vault", "rekey", "--stdin"]))
    assert said.endswith(f"{CONTINUES}\n130\n")


def test_a_command_that_was_stopped_before_it_did_anything_says_so(user: User) -> None:
    child = user.on_terminal("rotate", "openai:prod")
    child.expect_exact("New value of openai:prod")
    assert "lkr: stopped, nothing was changed" in stop(child)


def test_set_on_a_new_machine_makes_no_vault_before_it_has_the_value(tmp_path: Path) -> None:
    new = User(tmp_path)
    child = new.on_terminal("set", "openai:main")
    child.expect_exact("Value of openai:main")
    assert "lkr: stopped, nothing was changed" in stop(child)
    assert not (tmp_path / ".local/share/lkr/vault").exists()
    child = new.on_terminal("set", "openai:main")
    for question, answer in (
        ("Value of", VALUE),
        ("new vault", "marmot-anvil-ferry-quilt"),
        ("Repeat", "marmot-anvil-ferry-quilt"),
    ):
        child.expect_exact(question)
        child.sendline(answer)
    child.expect_exact("lkr: stored openai:main in the vault")
    child.expect(pexpect.EOF)


def test_a_value_that_cannot_be_stored_is_not_said_to_be(tmp_path: Path) -> None:
    said = User(tmp_path).lkr("set", "openai:x", "--stdin", stdin=b"abc", code=77)
    assert "there is no vault yet" in said and "stored anyway" not in said
