"""The whole command line run as on macOS, over the stand-in: unlock, set, enter, leave, exec, lock, confirm, doctor.

The package is a copy that takes this system for macOS; everything else is the real program. At the end of each test
no process of it holds an object that it should have released.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import standin
from standin import PASSWORD, Mac, MacUser

VALUE, OTHER = "sk-test-0123456789-openai", "sk-ant-0123456789-anthropic"


@pytest.fixture
def mac(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mac]:
    mac = Mac(tmp_path / "mac", standin.build(tmp_path_factory.getbasetemp().parent))
    yield mac
    mac.check()


@pytest.fixture
def user(mac: Mac, tmp_path: Path) -> MacUser:
    """A user with openai:prod and anthropic:main in lkr's own keychain, which is open."""
    user = MacUser(tmp_path / "home", standin.darwin_package(tmp_path, mac.library), mac)
    user.lkr("unlock", "--stdin", stdin=PASSWORD.encode() + b"\n")
    user.lkr("set", "openai:prod", "--stdin", stdin=VALUE.encode())
    user.lkr("set", "anthropic:main", "--stdin", stdin=OTHER.encode())
    return user


def test_the_keychain_is_chosen_and_everything_lies_where_macos_has_it(user: MacUser, mac: Mac) -> None:
    assert user.keychain().exists()
    support = user.home / "Library/Application Support/lkr"
    assert (support / "backend").read_text() == "keychain\n"
    assert (support / "index/keychain/openai/prod").exists()
    assert not (user.home / ".local").exists() and not (user.home / ".config").exists()
    assert "openai:prod" in user.lkr("list") and "anthropic:main" in user.lkr("list")
    assert mac.dialogs() == []


def test_exec_and_export_give_the_keys(user: MacUser, mac: Mac) -> None:
    folder = user.project("p")
    assert user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder) == VALUE + "\n"
    assert VALUE in user.lkr("export", "bash", cwd=folder)
    assert mac.dialogs() == []
    user.lkr("lock")
    out = user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder, code=77)
    assert "locked" in out and VALUE not in out


def test_entering_and_leaving_in_a_real_shell(user: MacUser, mac: Mac) -> None:
    folder = user.project("p")
    from shells import Shell

    shell = Shell("bash", user.env, user.home)
    try:
        shell.run(f"cd {folder}")
        assert VALUE in shell.run("printenv OPENAI_API_KEY")
        shell.run("cd /")
        assert VALUE not in shell.run("printenv OPENAI_API_KEY; :")
        assert mac.dialogs() == [], "a hook never asks"
        shell.run(f"cd {folder}")
        user.lkr("lock")
        shell.run(":")
        assert VALUE not in shell.run("printenv OPENAI_API_KEY; :"), "locking empties the shell at its next prompt"
    finally:
        shell.close()


def test_get_copies_for_a_while_and_hides_it_from_clipboard_managers(user: MacUser, mac: Mac) -> None:
    child = user.on_terminal("get", "openai:prod")
    child.expect("clipboard for 30 s")
    child.expect_exact("\r\n")
    child.close()
    assert mac.pasteboard() == {
        "public.utf8-plain-text": VALUE,
        "org.nspasteboard.ConcealedType": "",
        "org.nspasteboard.TransientType": "",
    }


def test_the_pasteboard_is_cleared_unless_something_else_was_copied(mac: Mac, tmp_path: Path) -> None:
    import subprocess
    import sys

    program = standin.darwin_package(tmp_path, mac.library)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from lkrshell.system import macos_objects as m\n"
        "change = m.copy('one'); other = m.copy('two')\n"
        "assert not m.clear(change) and change != other\n"
        "assert m.clear(other)\n"
    )
    words = [sys.executable, "-I", "-c", code, str(program.parent.parent / "site")]
    subprocess.run(words, check=True, env={"LKR_STANDIN": str(mac.folder)})
    assert mac.pasteboard() == {}


def asks(user: MacUser) -> Path:
    """A project whose key has to be confirmed."""
    folder = user.project("p")
    user.lkr("policy", "openai:prod", "--confirm")
    return folder


def test_confirm_asks_by_touch_id_and_is_remembered_by_a_process_that_lock_ends(user: MacUser, mac: Mac) -> None:
    folder = asks(user)
    assert "awaits your confirmation" in user.lkr("export", "bash", cwd=folder)
    mac.switch("touch=yes")
    user.lkr("confirm", cwd=folder)
    assert mac.dialogs() == [f"authenticate let {folder} have OPENAI_API_KEY (openai:prod)"]
    assert VALUE in user.lkr("export", "bash", cwd=folder)
    user.lkr("lock")
    user.lkr("unlock", "--stdin", stdin=PASSWORD.encode() + b"\n")
    assert "awaits your confirmation" in user.lkr("export", "bash", cwd=folder)


@pytest.mark.parametrize(
    ("switch", "words"),
    [
        ("touch=cancel", "was not confirmed"),
        ("touch=failed", "macOS did not recognise you"),
        ("touch=lockout", "Touch ID is locked after too many tries"),
        ("touch=none", "no terminal to ask on"),
        ("no-gui", "no terminal to ask on"),
    ],
)
def test_a_confirmation_that_is_not_given_is_told_apart(user: MacUser, mac: Mac, switch: str, words: str) -> None:
    folder = asks(user)
    mac.switch(switch)
    assert words in user.lkr("confirm", cwd=folder, code=2)
    assert VALUE not in user.lkr("export", "bash", cwd=folder)


def test_over_ssh_the_terminal_is_asked(user: MacUser, mac: Mac) -> None:
    folder = asks(user)
    mac.switch("no-gui")
    user.typed("confirm", cwd=folder)
    assert VALUE in user.lkr("export", "bash", cwd=folder)
