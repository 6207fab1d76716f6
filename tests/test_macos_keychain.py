"""lkr's own keychain on macOS, over the stand-in: its real calls, what they own, and each way to be refused."""

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import standin

from lkrshell.core.errors import LOCKED, REFUSED, UNREACHABLE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.stores.macos_keychain import MacosKeychain

RUST = "/usr/local/bin/lkr 5cbb7a1c"


@pytest.fixture
def mac(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[standin.Mac]:
    library = standin.build(tmp_path_factory.getbasetemp().parent)
    mac = standin.Mac(tmp_path / "mac", library)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LKR_STANDIN", str(mac.folder))
    standin.here(monkeypatch.setattr, library)
    yield mac
    monkeypatch.undo()


@pytest.fixture
def keychain(mac: standin.Mac) -> Iterator[MacosKeychain]:
    """Made and open, and nothing of it leaked at the end."""
    before = _own(mac)
    keychain = MacosKeychain(900)
    keychain.unlock(Secret(standin.PASSWORD))
    yield keychain
    assert _own(mac) == before
    assert not (mac.folder / "errors").exists()


def _own(mac: standin.Mac) -> tuple[int, int]:
    """Objects and buffers of this process, which has called other stand-ins too."""
    path = mac.folder / f"counts/{os.getpid()}"
    objects, buffers, _ = struct.unpack("qqq", path.read_bytes()) if path.exists() else (0, 0, 0)
    return objects, buffers


def refused(function: Callable[[], object]) -> LkrError:
    with pytest.raises(LkrError) as caught:
        function()
    return caught.value


def test_it_is_the_file_that_the_rust_lkr_reads(keychain: MacosKeychain, mac: standin.Mac, tmp_path: Path) -> None:
    keychain.set("openai:prod", Secret("sk-1"))
    path = tmp_path / "Library/Keychains/lkr.keychain-db"
    assert keychain.path() == str(path)
    item = next(line.split() for line in path.read_text().splitlines() if line.startswith("item"))
    assert bytes.fromhex(item[1]).decode() == "com.llm-key-ring"
    assert bytes.fromhex(item[2]).decode() == "openai:prod"
    assert bytes.fromhex(item[3]) == b'{"value": "sk-1", "kind": "runtime"}'
    assert "settings 1 900" in path.read_text(), "locked on sleep, and after lock_after without use"
    listed = mac.folder / "searchlist"
    assert not listed.exists() or str(path) not in listed.read_text(), "outside the search list"


def test_other_keychains_stay_in_the_search_list(mac: standin.Mac) -> None:
    (mac.folder / "searchlist").write_text("/a/login.keychain-db\n")
    MacosKeychain(900).unlock(Secret(standin.PASSWORD))
    assert (mac.folder / "searchlist").read_text() == "/a/login.keychain-db\n"


def test_reading_never_asks_and_each_refusal_is_a_line_of_its_own(
    keychain: MacosKeychain, mac: standin.Mac, monkeypatch: pytest.MonkeyPatch
) -> None:
    keychain.set("openai:prod", Secret("sk-1"))
    keychain.lock()
    error = refused(lambda: keychain.get(["openai:prod"]))
    assert (error.code, str(error)) == (LOCKED, "the keychain is locked; lkr unlock")

    mac.switch("unlock=wrong")
    error = refused(lambda: keychain.unlock(None))
    assert (error.code, error.message) == (LOCKED, "that is not the keychain's password")
    assert len(mac.dialogs()) == 1, "unlock without a password is macOS's own dialog"
    mac.switch()
    error = refused(lambda: keychain.unlock(None))
    assert (error.code, error.message) == (REFUSED, "the keychain's question was canceled")
    mac.dialogs()
    mac.switch("no-gui")
    error = refused(lambda: keychain.unlock(None))
    assert error.code == UNREACHABLE and "no desktop session, as over SSH" in error.message
    keychain.unlock(Secret(standin.PASSWORD))  # the password itself needs no desktop

    monkeypatch.setenv("LKR_STANDIN_SELF", RUST)
    mac.switch("answer=allow")
    error = refused(lambda: keychain.get(["openai:prod"]))
    assert error.code == REFUSED and "does not let this lkr read openai:prod" in error.message
    assert "lkr doctor --fix" in error.hint
    assert mac.dialogs() == [], "no dialog but by unlock and doctor --fix"


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (-128, REFUSED, "canceled"),
        (-25291, UNREACHABLE, "no keychain for this session"),
        (-25293, REFUSED, "denied"),
        (-25295, UNREACHABLE, "damaged"),
        (-25308, UNREACHABLE, "no desktop session"),
        (-25315, UNREACHABLE, "no desktop session"),
        (-25320, UNREACHABLE, "no desktop session"),
        (-67030, UNREACHABLE, "OSStatus -67030"),
    ],
)  # fmt: skip
def test_what_macos_says_is_told_in_one_line(
    keychain: MacosKeychain, mac: standin.Mac, status: int, code: int, words: str
) -> None:
    keychain.set("openai:prod", Secret("sk-1"))
    for function in ("SecKeychainOpen", "SecKeychainGetStatus"):
        mac.switch(f"fail={function}:{status}")
        for act in (lambda: keychain.get(["openai:prod"]), keychain.is_locked, lambda: keychain.exists("a:b")):
            error = refused(act)
            assert error.code == code and words in error.message and "\n" not in str(error)
    mac.switch(f"fail=SecItemCopyMatching:{status}")
    assert refused(keychain.names).code == code


def test_a_damaged_file_is_reported_and_nothing_is_written(mac: standin.Mac, tmp_path: Path) -> None:
    path = tmp_path / "Library/Keychains/lkr.keychain-db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\0\0\0")
    keychain = MacosKeychain(900)
    for act in (
        lambda: keychain.get(["a:b"]),
        lambda: keychain.unlock(Secret("x")),
        lambda: keychain.set("a:b", Secret("x")),
    ):
        assert "damaged" in refused(act).message
    assert path.read_bytes() == b"\0\0\0"


def test_it_locks_itself_after_a_time_without_use(mac: standin.Mac) -> None:
    import time

    keychain = MacosKeychain(2)
    keychain.unlock(Secret(standin.PASSWORD))
    keychain.set("openai:prod", Secret("sk-1"))
    assert keychain.get(["openai:prod"]) and keychain.seconds_left() == 2
    time.sleep(3)
    assert keychain.is_locked()
    assert refused(lambda: keychain.get(["openai:prod"])).code == LOCKED
    assert keychain.names() == ["openai:prod"] and keychain.exists("openai:prod"), "names need no unlocking"


def test_a_keychain_that_never_locks_by_time_says_so(keychain: MacosKeychain, tmp_path: Path) -> None:
    path = Path(keychain.path())
    path.write_text(path.read_text().replace("settings 1 900", f"settings 1 {0x7FFFFFFF}"))
    assert keychain.get(["openai:prod"]) == {} and keychain.seconds_left() is None


def test_doctor_fix_takes_back_access_and_leaves_the_other_program_its_own(
    keychain: MacosKeychain, mac: standin.Mac, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LKR_STANDIN_SELF", RUST)
    keychain.set("openai:prod", Secret("sk-1"))
    monkeypatch.delenv("LKR_STANDIN_SELF")
    assert keychain.foreign() == ["openai:prod"] and mac.dialogs() == []
    for switch, code, words in (
        ("answer=cancel", REFUSED, "canceled"),
        ("answer=deny", REFUSED, "told not to"),
        ("answer=allow", REFUSED, "only once: choose Always Allow"),
        ("no-gui", UNREACHABLE, "no desktop session"),
    ):
        mac.switch(switch)
        error = refused(lambda: keychain.take_access("openai:prod"))
        assert error.code == code and words in error.message
        assert keychain.foreign() == ["openai:prod"], "nothing was changed"
    mac.dialogs()
    mac.switch("answer=always")
    keychain.take_access("openai:prod")
    assert mac.dialogs() == ["allow openai:prod"], "one question a key"
    assert keychain.get(["openai:prod"])["openai:prod"].reveal() == "sk-1"
    keychain.set("openai:prod", Secret("sk-2"))
    monkeypatch.setenv("LKR_STANDIN_SELF", RUST)
    assert keychain.get(["openai:prod"])["openai:prod"].reveal() == "sk-2", "the Rust lkr reads it still"


def test_after_an_upgrade_the_new_build_is_allowed_by_one_question(
    keychain: MacosKeychain, mac: standin.Mac, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LKR_STANDIN_SELF", "/opt/homebrew/bin/python3.13 1111")
    keychain.set("openai:prod", Secret("sk-1"))
    monkeypatch.setenv("LKR_STANDIN_SELF", "/opt/homebrew/bin/python3.13 2222")
    assert keychain.foreign() == ["openai:prod"]
    mac.switch("answer=always")
    keychain.take_access("openai:prod")
    assert keychain.foreign() == []


def test_a_key_of_another_program_is_not_changed(keychain: MacosKeychain, monkeypatch: pytest.MonkeyPatch) -> None:
    keychain.set("openai:prod", Secret("sk-1"))
    monkeypatch.setenv("LKR_STANDIN_SELF", RUST)
    error = refused(lambda: keychain.set("openai:prod", Secret("sk-2")))
    assert error.code == REFUSED and "does not let this lkr change openai:prod" in error.message
    monkeypatch.delenv("LKR_STANDIN_SELF")
    assert keychain.get(["openai:prod"])["openai:prod"].reveal() == "sk-1"


@pytest.mark.parametrize("allowed", [0, 1])
def test_a_program_that_uses_lkr_keeps_its_own_dialogs(
    keychain: MacosKeychain, mac: standin.Mac, monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    from lkrshell.state import native
    from lkrshell.stores.macos_keychain import call

    def now() -> int:
        state = native.out_variable("B")
        call("SecKeychainGetUserInteractionAllowed", native.byref(state))
        return int(state.value)

    call("SecKeychainSetUserInteractionAllowed", allowed)
    try:
        keychain.set("openai:prod", Secret("sk-1"))
        monkeypatch.setenv("LKR_STANDIN_SELF", RUST)
        refused(lambda: keychain.get(["openai:prod"]))
        refused(lambda: keychain.take_access("openai:prod"))
        keychain.lock()
        refused(lambda: keychain.get(["openai:prod"]))
        refused(lambda: keychain.unlock(None))
        mac.switch("fail=SecKeychainOpen:-25291")
        refused(lambda: keychain.get(["openai:prod"]))
        assert now() == allowed
    finally:
        call("SecKeychainSetUserInteractionAllowed", 1)


@pytest.mark.parametrize("function", ["SecKeychainItemCreateFromContent", "SecTrustedApplicationCreateFromPath"])
def test_what_cannot_be_written_is_reported(keychain: MacosKeychain, mac: standin.Mac, function: str) -> None:
    mac.switch(f"fail={function}:-25308")
    error = refused(lambda: keychain.set("openai:prod", Secret("sk-1")))
    assert error.code == REFUSED and "change openai:prod" in error.message
    mac.switch()
    assert not keychain.exists("openai:prod")


def test_a_key_that_macos_does_not_remove_is_reported(keychain: MacosKeychain, mac: standin.Mac) -> None:
    keychain.set("openai:prod", Secret("sk-1"))
    mac.switch("fail=SecKeychainItemDelete:-25293")
    assert "did not remove it" in refused(lambda: keychain.delete("openai:prod")).message
    mac.switch()
    assert keychain.delete("openai:prod")


def test_a_hung_keychain_does_not_hang_the_prompt(keychain: MacosKeychain, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    from lkrshell.core.time_limit import TimeLimit
    from lkrshell.stores import macos_items

    monkeypatch.setattr(keychain, "_read", lambda names: time.sleep(2))  # as a call that does not come back
    start = time.monotonic()
    with pytest.raises(LkrError) as caught, TimeLimit(0.2):
        keychain.get(["openai:prod"])
    assert caught.value.code == UNREACHABLE and time.monotonic() - start < 1.5
    assert macos_items.works()
