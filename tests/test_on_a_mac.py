"""What only a Mac shows: that macOS does what Apple's headers say. Skipped elsewhere.

Run it there with `make .venv/.dev && .venv/bin/pytest -v tests/test_on_a_mac.py`. It makes a keychain in a home folder
of the test's, which is deleted after, and shows no dialog. Each test stands alone, so that the first run tells what is
wrong.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lkrshell.core.secret import Secret
from lkrshell.runtime import agents
from lkrshell.state import memory

pytestmark = pytest.mark.skipif(sys.platform != "darwin", reason="not a Mac")
PASSWORD = Secret("a password for the test")


@pytest.fixture
def keychain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["object"]:
    from lkrshell.stores.macos_keychain import MacosKeychain

    monkeypatch.setenv("HOME", str(tmp_path))
    keychain = MacosKeychain(900)
    keychain.unlock(PASSWORD)
    yield keychain
    subprocess.run(["/usr/bin/security", "delete-keychain", keychain.path()], check=False)


def test_the_keychain_keeps_and_gives_a_key(keychain: "object") -> None:
    from lkrshell.stores.macos_keychain import MacosKeychain

    assert isinstance(keychain, MacosKeychain)
    keychain.set("openai:prod", Secret("sk-1"))
    keychain.set("openai:prod", Secret("sk-2"))
    assert keychain.get(["openai:prod", "no:ne"])["openai:prod"].reveal() == "sk-2"
    assert keychain.names() == ["openai:prod"] and keychain.seconds_left() == 900 and keychain.foreign() == []
    keychain.lock()
    assert keychain.is_locked() and keychain.exists("openai:prod")
    keychain.unlock(PASSWORD)
    assert keychain.delete("openai:prod") and not keychain.exists("openai:prod")


def test_it_is_outside_the_search_list(keychain: "object") -> None:
    listed = subprocess.run(["/usr/bin/security", "list-keychains"], capture_output=True, text=True, check=True).stdout
    assert "lkr.keychain-db" not in listed


def test_macos_itself_reads_names_and_settings_of_it(keychain: "object") -> None:
    from lkrshell.stores.macos_keychain import MacosKeychain

    assert isinstance(keychain, MacosKeychain)
    keychain.set("openai:prod", Secret("sk-1"))
    words = [
        "/usr/bin/security",
        "find-generic-password",
        "-s",
        "com.llm-key-ring",
        "-a",
        "openai:prod",
        keychain.path(),
    ]
    assert '"acct"<blob>="openai:prod"' in subprocess.run(words, capture_output=True, text=True, check=True).stdout
    shown = subprocess.run(["/usr/bin/security", "show-keychain-info", keychain.path()], capture_output=True, text=True)
    assert "lock-on-sleep timeout=900s" in shown.stderr


def test_a_process_remembers_and_forgets() -> None:
    assert memory.put("lkr-test", b"value", 30) == "a process"
    assert memory.get("lkr-test") == b"value"
    memory.forget("lkr-test")
    assert memory.get("lkr-test") is None


def test_the_processes_above_are_seen_with_their_environment() -> None:
    from lkrshell.runtime import macos_processes

    assert macos_processes.status(os.getpid())[1] == os.getppid()
    assert Path(macos_processes.words(os.getpid())[0]).name.startswith(("python", "Python", "pytest"))
    assert len(agents.ancestors()) > 1
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={"CLAUDECODE": "1"})
    try:
        assert b"CLAUDECODE=1" in macos_processes.environment(child.pid)
    finally:
        child.communicate(b"\n")


def test_the_way_up_goes_through_the_processes_of_other_users() -> None:
    from lkrshell.runtime import macos_processes

    name, parent = macos_processes.status(1)
    assert (name, parent) == (b"launchd", 0) and macos_processes.user_of(1) == 0
    assert not macos_processes.has_terminal(1)
    with pytest.raises(OSError):
        macos_processes.start_time(1)


def test_the_hooks_python_is_there_and_starts() -> None:
    from lkrshell.shells import hook

    named = next(line for line in hook.preamble("bash").splitlines() if line.startswith("__lkr_python="))
    python = named.partition("=")[2].strip("'")
    assert "/Cellar/" not in python, "an upgrade takes that away"
    words = [python, "-I", "-S", "-X", "utf8", "-c", "import sys; print(sys.version_info[:2])"]
    out = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert out == f"{sys.version_info[:2]}\n"


def test_a_program_that_uses_lkr_keeps_its_own_dialogs(keychain: "object") -> None:
    from lkrshell.state import native
    from lkrshell.stores.macos_keychain import MacosKeychain, call

    assert isinstance(keychain, MacosKeychain)
    keychain.get(["openai:prod"])
    allowed = native.out_variable("B")
    assert call("SecKeychainGetUserInteractionAllowed", native.byref(allowed)) == 0 and allowed.value == 1


def test_the_pasteboard_takes_a_marked_value_and_is_emptied() -> None:
    from lkrshell.system import macos_objects

    change = macos_objects.copy("value")
    assert subprocess.run(["/usr/bin/pbpaste"], capture_output=True, check=True).stdout == b"value"
    assert macos_objects.clear(change) and not macos_objects.clear(change)


def test_the_process_behind_a_connection_and_at_a_socket_is_told() -> None:
    import socket

    from lkrshell.broker import macos_sockets
    from lkrshell.runtime import processes
    from lkrshell.state import peer

    with socket.create_server(("127.0.0.1", 0)) as listener:
        own = listener.getsockname()[1]
        code = "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); sys.stdin.read()"
        child = subprocess.Popen([sys.executable, "-c", code, str(own)], stdin=subprocess.PIPE, cwd="/private/tmp")
        connection, there = listener.accept()
        try:
            assert macos_sockets.file_of(child.pid, (socket.AF_INET, there[1], own))
            assert not macos_sockets.file_of(os.getpid(), (socket.AF_INET, there[1], own))
            assert child.pid in macos_sockets.children(os.getpid())
            assert macos_sockets.working_folder(child.pid) == "/private/tmp"
            assert processes.start_time(child.pid) and processes.user_of(child.pid) == os.getuid()
        finally:
            connection.close()
            child.communicate()
    one, two = socket.socketpair()
    assert peer.credentials(one) == (os.getuid(), os.getpid())
    two.close()


def test_a_folder_has_one_real_path_however_it_is_written(tmp_path: Path) -> None:
    from lkrshell.state import paths

    (tmp_path / "Proj\u00e9").mkdir()
    kept = paths.real(str(tmp_path / "Proj\u00e9"))
    assert paths.real(str(tmp_path / "proj\u00e9")) == kept == paths.real(str(tmp_path / "PROJe\u0301"))
    assert paths.real("/tmp") == "/private/tmp"
