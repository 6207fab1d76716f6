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
