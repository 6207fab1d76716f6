"""The store and the authentication layer: a key that went in comes out, and only to someone authenticated."""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyrage
import pytest
import vaults
from conftest import BIN, OTHER, VALUE, User
from shells import Shell, wait_until

from lkrshell.core.secret import Secret
from lkrshell.state import memory
from lkrshell.stores import vault

A, B = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"
PASS = b"a passphrase"


def has(user: User, folder: Path, code: int = 0) -> str:
    return user.lkr("exec", "--", "sh", "-c", f'printf %s "${A}"', cwd=folder, code=code)


@pytest.fixture
def mine(user: User) -> User:
    return user


def elsewhere(home: Path, passphrase: bytes) -> User:
    """A user with an empty, open vault of another machine."""
    home.mkdir()
    vaults.make(home / ".local/share/lkr/vault", passphrase)
    other = User(home)
    other.lkr("unlock", "--stdin", stdin=passphrase)
    return other


def test_lock_takes_the_keys_out_of_every_live_shell_and_unlock_brings_them_back(
    mine: User, open_shell: Callable[..., Shell]
) -> None:
    folder = mine.project("p")
    shells = [open_shell(folder=folder, HOME=str(mine.home), **{A: "before"}) for _ in range(2)]
    assert [shell.value(A) for shell in shells] == [VALUE, VALUE]
    mine.lkr("lock")
    for shell in shells:
        assert "locked" in shell.run(":")
        assert shell.value(A) == "before"
    mine.lkr("exec", "--", "true", cwd=folder, code=77)
    mine.lkr("export", "bash", cwd=folder, code=77)
    mine.lkr("unlock", "--stdin", stdin=PASS)
    for shell in shells:
        shell.run(":")
        assert shell.value(A) == VALUE


def test_the_vault_locks_after_idle_time_and_at_the_hard_limit(mine: User) -> None:
    folder = mine.project("p")
    mine.config("lock_after = 4\nlock_limit = 8\n")
    mine.lkr("unlock", "--stdin", stdin=PASS)
    start = time.monotonic()
    while time.monotonic() - start < 6:  # used all the time, it stays open longer than lock_after
        assert has(mine, folder) == VALUE
        time.sleep(0.5)
    time.sleep(8.5 - (time.monotonic() - start))
    assert "locked" in has(mine, folder, code=77), "the hard limit"
    mine.lkr("unlock", "--stdin", stdin=PASS)
    time.sleep(4.5)
    assert "locked" in has(mine, folder, code=77), "idle"


def test_a_key_with_a_ttl_leaves_at_the_prompt_after_its_time(user: User, open_shell: Callable[..., Shell]) -> None:
    folder = user.project("p", f'{A} = "openai:prod"\n{B} = "anthropic:main"')
    user.lkr("policy", "openai:prod", "--ttl", "4s")
    shell = open_shell(folder=folder)
    assert (shell.value(A), shell.value(B)) == (VALUE, OTHER)
    wait_until(lambda: f"-{A}" in shell.run(":"))
    assert (shell.value(A), shell.value(B)) == (None, OTHER)
    user.lkr("policy", "anthropic:main", "--ttl", "1h")
    shell.run(":")
    assert (shell.value(A), shell.value(B)) == (None, OTHER), "another change does not bring it back"
    shell.run("cd ..")
    shell.run("cd p")
    assert shell.value(A) == VALUE
    user.lkr("policy", "openai:prod", "--ttl", "tomorrow", code=64)


def test_passwd_changes_the_passphrase_and_no_key(mine: User) -> None:
    folder = mine.project("p")
    key = mine.home / ".local/share/lkr/vault/keys/openai/prod.age"
    before = key.read_bytes()
    assert "not the vault's passphrase" in mine.lkr("passwd", "--stdin", stdin=b"wrong\nnew\n", code=77)
    mine.lkr("passwd", "--stdin", stdin=PASS + b"\nnew\n")
    assert key.read_bytes() == before
    mine.lkr("lock")
    mine.lkr("unlock", "--stdin", stdin=PASS, code=77)
    mine.lkr("unlock", "--stdin", stdin=b"new")
    assert has(mine, folder) == VALUE


def test_rekey_encrypts_all_anew_and_old_files_are_of_no_use(mine: User) -> None:
    folder = mine.project("p")
    vault = mine.home / ".local/share/lkr/vault"
    old = {path.name: path.read_bytes() for path in vault.rglob("*") if path.is_file()}
    assert "2 keys" in mine.lkr("vault", "rekey", "--stdin", stdin=PASS)
    assert has(mine, folder) == VALUE
    assert all((vault / "keys/openai" / name).read_bytes() != old[name] for name in ("prod.age",))
    mine.lkr("lock")
    mine.lkr("unlock", "--stdin", stdin=PASS)
    (vault / "keys/openai/prod.age").write_bytes(old["prod.age"])
    assert "damaged, or encrypted to another identity" in has(mine, folder, code=1)


def test_a_backup_goes_to_another_machine_and_back(mine: User, tmp_path: Path) -> None:
    mine.lkr("set", "admin:x", "--stdin", "--kind", "admin", stdin=b"\xff'odd\n value")
    backup = tmp_path / "backup.age"
    mine.lkr("vault", "export", str(backup), "--stdin", stdin=b"for the file")
    assert backup.stat().st_mode & 0o777 == 0o600
    assert VALUE.encode() not in backup.read_bytes()
    other = elsewhere(tmp_path / "other", b"elsewhere")
    other.lkr("set", "openai:prod", "--stdin", "--force", stdin=b"sk-mine-differs")
    other.lkr("vault", "import", str(backup), "--stdin", stdin=b"wrong", code=77)
    said = other.lkr("vault", "import", str(backup), "--stdin", stdin=b"for the file")
    assert "kept openai:prod, which has another value here" in said
    assert other.lkr("exec", "-k", "anthropic:main", "--", "sh", "-c", f'printf %s "${B}"') == OTHER
    other.lkr("vault", "import", str(backup), "--stdin", "--force", stdin=b"for the file")
    assert other.lkr("exec", "-k", "openai:prod", "--", "sh", "-c", f'printf %s "${A}"') == VALUE
    kinds = {row["name"]: row["kind"] for row in json.loads(other.lkr("list", "--all", "--json"))}
    assert kinds["admin:x"] == "admin"


@pytest.mark.parametrize("kind", ["age", "ssh"])
def test_a_backup_to_a_recipient_is_opened_by_its_identity(mine: User, tmp_path: Path, kind: str) -> None:
    key = tmp_path / "key"
    if kind == "age":
        subprocess.run(["age-keygen", "-o", str(key)], check=True, capture_output=True)
        public = subprocess.run(["age-keygen", "-y", str(key)], check=True, capture_output=True, text=True).stdout
    else:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        public = (tmp_path / "key.pub").read_text()
    backup = tmp_path / "backup.age"
    mine.lkr("vault", "export", str(backup), "--to", public.strip())
    done = subprocess.run(["age", "-d", "-i", str(key), str(backup)], capture_output=True, check=True)
    assert set(json.loads(done.stdout)["keys"]) == {"openai:prod", "anthropic:main"}
    mine.lkr("rm", "--yes", "openai:prod")
    mine.lkr("vault", "import", str(backup), "--identity", str(key))
    assert mine.lkr("exec", "-k", "openai:prod", "--", "sh", "-c", f'printf %s "${A}"') == VALUE


def test_a_backup_goes_to_another_machines_vault_with_what_each_key_may_do(mine: User, tmp_path: Path) -> None:
    other = elsewhere(tmp_path / "other", b"elsewhere")
    mine.lkr("policy", "openai:prod", "--agents", "deny", "--ttl", "8h", "--only", str(mine.home))
    backup = tmp_path / "backup.age"
    mine.lkr("vault", "export", str(backup), "--to", other.lkr("vault", "recipient").strip())
    mine.lkr("vault", "import", str(backup), code=77)
    other.lkr("lock")
    assert "locked" in other.lkr("vault", "import", str(backup), code=77)
    other.lkr("unlock", "--stdin", stdin=b"elsewhere")
    assert "stored 2 keys" in other.lkr("vault", "import", str(backup))
    policy = json.loads(other.lkr("policy", "openai:prod", "--json"))
    assert (policy["agents"], policy["ttl"], policy["only"]) == ("deny", 8 * 3600, [str(mine.home)])
    # and on a third machine, by that vault's own identity file
    third = elsewhere(tmp_path / "third", b"third")
    identity = other.home / ".local/share/lkr/vault/identity.age"
    third.lkr("vault", "import", str(backup), "--identity", str(identity), "--stdin", stdin=b"wrong", code=77)
    third.lkr("vault", "import", str(backup), "--identity", str(identity), "--stdin", stdin=b"elsewhere")
    assert third.lkr("exec", "-k", "anthropic:main", "--", "sh", "-c", f'printf %s "${B}"') == OTHER


# A disk that takes 20 ms to write something down.
SLOW_DISK = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_exit=20000"]


def test_a_rekey_of_more_than_a_second_shows_how_far_it_is_on_a_terminal_only(mine: User) -> None:
    keys = mine.home / ".local/share/lkr/vault/keys/openai"
    for number in range(48):
        (keys / f"k{number}.age").write_bytes((keys / "prod.age").read_bytes())
        (keys / f"k{number}.age").chmod(0o600)
    rekey = [*SLOW_DISK, *vaults.SEALING_CHEAPLY, "vault", "rekey"]
    done = subprocess.run(
        [*rekey, "--stdin"], input=PASS, env=mine.env, cwd=mine.home, capture_output=True, check=True
    )  # fmt: skip
    assert b"50 keys are encrypted" in done.stderr and b"encrypting" not in done.stderr
    child = pexpect.spawn(
        rekey[0], rekey[1:], env={**mine.env, "TERM": "xterm"}, cwd=str(mine.home), encoding="utf-8", timeout=60
    )  # fmt: skip
    child.expect("Passphrase")
    child.sendline(PASS.decode())
    child.expect(r"encrypting.*%")
    child.expect("50 keys are encrypted")
    child.close()


def test_a_passphrase_chosen_on_a_busy_machine_costs_as_much_work_as_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """age finds the machine slow at first."""
    factors, wanted = iter((14, 16, 12)), Secret("a passphrase")

    def encrypt(plain: bytes, passphrase: str) -> bytes:
        return b"age-encryption.org/v1\n-> scrypt c2FsdA %d\n" % next(factors)

    monkeypatch.setattr(pyrage.passphrase, "encrypt", encrypt)
    assert vault.passphrase_file(b"x", wanted).endswith(b" 16\n"), "of three"
    factors = iter((18, 19))
    assert vault.passphrase_file(b"x", wanted).endswith(b" 18\n"), "the first one that is enough"


EARLY = """
import sys
from lkrshell.core.errors import WrongPassphrase
from lkrshell.runtime import unlocking
def use(given):
    if given.reveal() == "right":
        return
    print("checking", flush=True)
    sys.stdin.readline()
    raise WrongPassphrase("wrong")
unlocking.until_right("Passphrase", use)
print("opened", flush=True)
sys.stdin.readline()
"""


def test_a_passphrase_typed_before_its_question_is_not_shown(user: User) -> None:
    child = pexpect.spawn(sys.executable, ["-c", EARLY], env=user.env, encoding="utf-8", timeout=60)
    said = io.StringIO()
    child.logfile_read = said
    for question, answer in (
        ("Passphrase", "not-it"),
        ("checking", "early"),
        ("Passphrase", "right"),
        ("opened", "seen"),
    ):
        child.expect(question)
        child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert not any(each in said.getvalue() for each in ("not-it", "early", "right")) and "seen" in said.getvalue()


# A filter that answers add_key and keyctl with an error, as container runtimes do, and then becomes the command.
SECCOMP = """
import ctypes, os, struct, sys
error = int(sys.argv[1])
op = lambda code, jt, jf, k: struct.pack("HBBI", code, jt, jf, k)
program = op(0x20, 0, 0, 0) + op(0x15, 1, 0, 248) + op(0x15, 0, 1, 250)
program += op(6, 0, 0, 0x50000 | error) + op(6, 0, 0, 0x7FFF0000)
buffer = ctypes.create_string_buffer(program)
class Fprog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Fprog(5, ctypes.addressof(buffer))), 0, 0) == 0
os.execvp(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("error", [1, 38], ids=["EPERM", "ENOSYS"])
def test_a_container_that_forbids_keyctl_is_served_from_memory_files(user: User, tmp_path: Path, error: int) -> None:
    folder = user.project("p")
    user.env |= {"XDG_RUNTIME_DIR": "", "LKR_QUIET": "1"}
    locked = [f"{BIN}/lkr", "lock"]
    unlock = [f"{BIN}/lkr", "unlock", "--stdin"]
    show = [f"{BIN}/lkr", "exec", "--", "sh", "-c", f'printf %s "${A}"']

    def run(words: list[str], stdin: bytes = b"") -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", SECCOMP, str(error), *words],
            input=stdin,
            env=user.env,
            cwd=folder,
            capture_output=True,
        )
        return done.returncode, (done.stdout + done.stderr).decode()

    recipient = (user.home / ".local/share/lkr/vault/recipient").read_text().strip()
    file = Path(f"/dev/shm/lkr-{os.getuid()}/lkr:{recipient}")
    assert run(show)[0] == 77
    assert run(unlock, PASS)[0] == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert run(show) == (0, VALUE)
    assert run(locked)[0] == 0
    assert not file.exists()
    assert run(show)[0] == 77
    # A session with a runtime folder of its own, and `lkr lock` in one without it.
    elsewhere = tempfile.mkdtemp(dir="/dev/shm", prefix="lkr-test-")
    try:
        user.env["XDG_RUNTIME_DIR"] = elsewhere
        assert run(unlock, PASS)[0] == 0
        user.env["XDG_RUNTIME_DIR"] = ""
        assert run(locked)[0] == 0
        user.env["XDG_RUNTIME_DIR"] = elsewhere
        assert run(show)[0] == 77
        assert not list(Path(elsewhere).rglob("lkr:*"))
    finally:
        shutil.rmtree(elsewhere)
    user.env["XDG_RUNTIME_DIR"] = ""
    user.lkr("unlock", "--stdin", stdin=PASS)


def test_a_process_that_holds_a_key_is_not_dumpable(user: User) -> None:
    folder = user.project("p")
    code = (
        "from lkrshell.state import config\nfrom lkrshell.stores import registry as stores\n"
        "stores.choose(config.load()).get(['openai:prod'])\n"
        "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=user.env, cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "0"


def test_doctor_finds_orphans_both_ways_and_fixes_them(mine: User) -> None:
    data = mine.home / ".local/share/lkr"
    folder = mine.project("p")
    mine.project("gone")
    mine.lkr("install", "bash", "zsh", "fish", "--yes")
    assert "nothing is wrong" in mine.lkr("doctor")
    (data / "index/vault/openai/prod").unlink()
    (data / "vault/keys/anthropic/main.age").unlink()
    (data / "index/vault/.tmp-999999999-x").touch(0o600)
    os.utime(data / "index/vault/.tmp-999999999-x", (1, 1))  # else its writer may just be about to lock it
    (mine.home / "gone/.lkr.toml").unlink()
    (mine.home / "gone").rmdir()
    found = json.loads(mine.lkr("doctor", "--json", code=1))
    assert sum(each["level"] == "wrong" for each in found) == 4
    mine.lkr("doctor", "--fix")
    assert "nothing is wrong" in mine.lkr("doctor")
    assert has(mine, folder) == VALUE
    (data / "vault").chmod(0o755)
    assert "chmod 700" in mine.lkr("doctor", code=1)


def test_losing_the_index_loses_nothing_but_dates(mine: User) -> None:
    mine.lkr("install", "bash", "zsh", "fish", "--yes")
    folder = mine.project("p")
    subprocess.run(["rm", "-r", str(mine.home / ".local/share/lkr/index")], check=True)
    assert has(mine, folder) == VALUE
    mine.lkr("doctor", "--fix")
    assert {row["name"] for row in json.loads(mine.lkr("list", "--json"))} == {"openai:prod", "anthropic:main"}


def test_losing_or_damaging_the_index_opens_no_key_to_more_than_it_was_for(mine: User) -> None:
    mine.lkr("install", "bash", "zsh", "fish", "--yes")
    folder = mine.project("p")
    elsewhere = mine.home / "elsewhere"
    elsewhere.mkdir()
    mine.lkr("policy", "openai:prod", "--only", str(elsewhere), "--agents", "deny", "--ttl", "8h")
    before = json.loads(mine.lkr("policy", "openai:prod", "--json"))
    index = mine.home / ".local/share/lkr/index"
    subprocess.run(["rm", "-r", str(index)], check=True)
    assert "other folders" in mine.lkr("exec", "--", "true", cwd=folder, code=2)
    mine.lkr("doctor", "--fix")
    assert json.loads(mine.lkr("policy", "openai:prod", "--json")) == before
    (index / "vault/openai/prod").write_bytes(b"damaged")
    mine.lkr("doctor", "--fix")
    assert json.loads(mine.lkr("policy", "openai:prod", "--json")) == before
    mine.typed("policy", "openai:prod", "--anywhere", "--agents", "exec", "--ttl", "off")
    subprocess.run(["rm", "-r", str(index)], check=True)
    assert has(mine, folder) == VALUE
    mine.lkr("rm", "openai:prod", "--yes")
    assert not list((mine.home / ".local/share/lkr/policy").rglob("prod"))


def test_a_backend_that_protects_nothing_is_taken_and_named(user: User) -> None:
    user.env |= {"LKR_BACKEND": "keyring", "PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring"}
    user.lkr("set", "openai:prod", "--stdin", "--force", stdin=b"sk-plain-12345678")
    assert user.lkr("exec", "-k", "openai:prod", "--", "sh", "-c", f'printf %s "${A}"') == "sk-plain-12345678"
    assert "does not protect" in user.lkr("doctor", code=1)


def test_the_last_use_is_noted(mine: User) -> None:
    folder = mine.project("p")
    entry = mine.home / ".local/share/lkr/index/vault/openai/prod"
    os.utime(entry, (1, 1))
    assert json.loads(mine.lkr("list", "--json"))[1]["last_use"] is None
    has(mine, folder)
    assert entry.stat().st_mtime > time.time() - 60


def test_a_backend_that_protects_nothing_is_not_taken_by_itself(user: User) -> None:
    user.env |= {"LKR_BACKEND": "keyring", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
    said = user.lkr("set", "openai:prod", "--stdin", "--force", stdin=b"sk-plain-12345678", code=69)
    assert "there is no keychain" in said
    assert not list((user.home / ".local/share").glob("python_keyring/*"))


def test_the_kernel_keeps_what_many_interrupted_rekeys_leave() -> None:
    """Each adds an identity until one goes through; a short buffer would read as locked."""
    name, data = f"lkr-test:{os.getpid()}", b"AGE-SECRET-KEY-1\n" * 300
    memory.put(name, data, 60)
    try:
        assert memory.get(name) == data
    finally:
        memory.forget(name)
    assert memory.get(name) is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become a user whose quota nobody else uses")
def test_locking_leaves_nothing_of_the_kernels_quota_used_up() -> None:
    """There is room for 20,000 bytes, and the kernel gives back what was lost only when it restarts."""
    code = f"""
import os, time
from lkrshell.state import memory, paths
memory.is_hard()  # loads what it needs, while we may read it
os.setuid({20000 + os.getpid() % 40000})
def used():
    (line,) = (line for line in open("/proc/key-users") if int(line.split(":")[0]) == os.getuid())
    return line.split()[-1]
memory.put("lkr-test:first", b"x", 60)
before = used()
for number in range(100):
    assert memory.put(f"lkr-test:{{number}}", b"x" * 80, 60) == "kernel"
    memory.forget(f"lkr-test:{{number}}")
    assert memory.get(f"lkr-test:{{number}}") is None
end = time.monotonic() + 60
while used() != before:  # the kernel removes them a little later
    assert time.monotonic() < end, (before, used())
    time.sleep(0.1)
memory.forget("lkr-test:first")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
