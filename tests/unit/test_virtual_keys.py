"""The table of virtual keys, and whose connection it is: without a shell and without a broker."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lkrshell.broker import client_process
from lkrshell.broker.virtual_keys import VirtualKey, VirtualKeys, anew, digest_of
from lkrshell.core.secret import Secret
from lkrshell.runtime import broker_client, processes

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose connection it is")


def made(plain: str, pid: int = 0, start: str = "", event: str = "shell") -> VirtualKey:
    pid = pid or os.getpid()
    start = start or processes.start_time(pid)
    return anew(digest_of(plain), "openai:prod", "OPENAI_API_KEY", "/p", "", "", event, pid, start)


@pytest.fixture
def path(tmp_path: Path) -> str:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    return str(folder / "keys")


def test_a_virtual_key_has_256_random_bits_and_is_never_the_same() -> None:
    found = {broker_client.virtual_key() for _ in range(1000)}
    assert len(found) == 1000
    assert all(len(each) == len("lkr-vk-") + 43 and each.startswith("lkr-vk-") for each in found)
    assert all(each[7:].replace("-", "a").replace("_", "a").isalnum() for each in found)


def test_the_file_has_hashes_and_a_new_broker_finds_the_keys_by_them(path: str) -> None:
    keys, plain = VirtualKeys(path), broker_client.virtual_key()
    keys.put(made(plain), Secret(plain))
    text = Path(path).read_text()
    assert plain not in text and "lkr-vk-" not in text and digest_of(plain) in text
    assert Path(path).stat().st_mode & 0o777 == 0o600
    again = VirtualKeys(path)
    found = again.find(plain)
    assert found and (found.key, found.vendor, found.folder) == ("openai:prod", "openai", "/p")
    assert again.same(made(plain)) is None, "a hash gives no key back"
    for wrong in ("", plain[:-1], plain + "A", plain[:-1] + "~", digest_of(plain), "lkr-vk-" + digest_of(plain)[:43]):
        assert again.find(wrong) is None


@linux
def test_keys_of_processes_that_ended_or_of_another_with_that_id_are_gone(path: str) -> None:
    keys = VirtualKeys(path)
    child = subprocess.Popen(["sleep", "100"])
    plains = [broker_client.virtual_key() for _ in range(3)]
    keys.put(made(plains[0]))
    keys.put(made(plains[1], child.pid))
    keys.put(made(plains[2], os.getpid(), "1"))  # the same id, and not the same process
    child.kill()
    child.wait()
    assert keys.purge() == 1
    assert [keys.find(plain) is not None for plain in plains] == [True, False, False]
    assert len(VirtualKeys(path)) == 1


@pytest.mark.parametrize("damage", ["another boot", "cut", "empty", "open"])
def test_a_table_that_means_nothing_gives_no_key(path: str, damage: str) -> None:
    keys, plain = VirtualKeys(path), broker_client.virtual_key()
    keys.put(made(plain))
    text = Path(path).read_text()
    if damage == "another boot":
        text = text.replace(text.split("\t")[1].split("\n")[0], "0-0")
    elif damage == "cut":
        text = text[:-20]
    elif damage == "empty":
        text = ""
    Path(path).write_text(text)
    if damage == "open":
        Path(path).chmod(0o666)
    again = VirtualKeys(path)
    assert again.find(plain) is None
    again.put(made(plain))
    assert VirtualKeys(path).find(plain)


def test_a_link_in_place_of_the_table_is_not_written_through(path: str, tmp_path: Path) -> None:
    keys = VirtualKeys(path)
    Path(path).unlink()
    mine = tmp_path / "mine"
    mine.write_text("mine")
    Path(path).symlink_to(mine)
    with pytest.raises(Exception, match="virtual keys"):
        keys.put(made(broker_client.virtual_key()))
    assert mine.read_text() == "mine"


def test_a_program_that_asks_again_and_again_fills_no_memory(path: str) -> None:
    keys = VirtualKeys(path)
    plains = [broker_client.virtual_key() for _ in range(80)]
    for plain in plains:
        keys.put(made(plain, event="token"))
    assert len(keys) == 64
    assert keys.find(plains[-1]) and not keys.find(plains[0])


def test_forgetting_ends_all_in_the_file_too(path: str) -> None:
    keys, plain = VirtualKeys(path), broker_client.virtual_key()
    keys.put(made(plain), Secret(plain))
    keys.forget()
    assert keys.find(plain) is None and keys.same(made(plain)) is None
    assert VirtualKeys(path).find(plain) is None


@linux
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_connection_serves_the_bound_process_and_those_below_it(family: socket.AddressFamily, host: str) -> None:
    with socket.create_server((host, 0), family=family) as server:
        own = server.getsockname()
        with socket.create_connection((host, own[1])) as client:
            port = client.getsockname()
            mine = made("x")
            assert client_process.holder(mine, port, own)
            assert client_process.holder(made("x", os.getppid()), port, own)
            other = subprocess.Popen(["sleep", "100"])
            try:
                assert not client_process.holder(made("x", other.pid), port, own)
            finally:
                other.kill()
                other.wait()
            assert not client_process.holder(made("x", start="1"), port, own), "an id that came again"
            assert not client_process.holder(mine, (host, 1, *port[2:]), own), "a port that nobody has"
            ends = family, port[1], own[1]
            assert client_process._by_table(*ends) == client_process._by_netlink(*ends), "both ways tell the same"
        assert not client_process.holder(mine, port, own), "closed"


@linux
def test_a_remembered_connection_is_looked_at_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        own = server.getsockname()
        client = socket.create_connection(own)
        port = client.getsockname()
        mine = made("x")
        assert client_process.holder(mine, port, own)
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[client.fileno()])
        client.close()  # the child alone has it now
        assert child.stdin and child.stdout
        try:
            # A child of a process that has held a key, as ours has in an earlier test, shows itself only once it runs.
            child.stdin.write(b"\n")
            child.stdin.flush()
            child.stdout.readline()
            assert client_process.holder(mine, port, own)
            assert client_process.holder(made("x", child.pid), port, own)
        finally:
            child.communicate(b"")


def test_a_shell_that_runs_a_helpers_command_is_not_the_one_that_asks() -> None:
    for words in (["sh", "-c", "lkr token x"], ["/bin/bash", "--norc", "-ec", "x"], ["-zsh", "-lc", "x"]):
        assert broker_client._runs_a_command(words)
    for words in (["bash"], ["-bash"], ["bash", "--norc", "-i"], ["bash", "script", "-c"], ["node", "-c"], []):
        assert not broker_client._runs_a_command(words)


def test_a_proxy_is_kept_from_what_goes_to_this_machine() -> None:
    def no_proxy(**environment: str) -> dict[str, str]:
        found = broker_client.broker_variables(["openai:prod"], "1234", environment)
        return {name: value for name, (_, value) in found.items() if "proxy" in name.lower()}

    assert no_proxy() == {}
    assert no_proxy(HTTP_PROXY="http://x") == {"NO_PROXY": "127.0.0.1"}
    assert no_proxy(https_proxy="http://x", no_proxy="a,b") == {"no_proxy": "a,b,127.0.0.1"}
    assert no_proxy(ALL_PROXY="http://x", NO_PROXY="a, 127.0.0.1") == {}
    assert no_proxy(http_proxy="http://x", NO_PROXY="*", no_proxy="") == {"no_proxy": "127.0.0.1"}
