"""What lkr leaves on the disk: modes, leftovers, locks, and what lies where one of our files should be."""

import os
import subprocess
import sys

import pytest
from conftest import BIN, User

A = "OPENAI_API_KEY"
DATA, STATE = ".local/share/lkr", ".local/state/lkr"


def python(user: User, code: str, *words: str, **more: str) -> str:
    """Runs `code` with our package, as this user; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env={**user.env, **more}, cwd=user.home, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_leftover_of_a_pid_that_lives_again_stops_no_write_and_goes(user: User) -> None:
    """In a container the first command has the same pid each time."""
    code = """
import os, sys
from lkrshell.state import files
folder = sys.argv[1]
stale = f"{folder}/.tmp-{os.getpid()}-x"
open(stale, "w").close()
os.utime(stale, (1, 1))
files.write_private(f"{folder}/x", b"new")
with files.locked(folder):
    print(open(f"{folder}/x").read(), os.path.exists(stale))
"""
    folder = user.home / "ours"
    folder.mkdir(mode=0o700)
    assert python(user, code, str(folder)).split() == ["new", "False"]


def test_the_temporary_file_of_a_living_writer_is_not_swept(user: User) -> None:
    code = """
import os, sys, threading
from lkrshell.state import files
folder = sys.argv[1]
sync, seen = os.fsync, []
def fsync(fd):
    if not seen:
        seen.append(1)
        for name in os.listdir(folder):
            os.utime(f"{folder}/{name}", (1, 1))
        beside = os.spawnl(os.P_WAIT, sys.executable, "python", "-c",
            "import sys; from lkrshell.state import files; print(len(files.leftovers(sys.argv[1])))", folder)
        print(len(files.leftovers(folder)), beside, flush=True)
    sync(fd)
os.fsync = fsync
thread = threading.Thread(target=files.replace_file, args=(f"{folder}/x", b"new", 0o600, folder, "x"))
thread.start()
thread.join()
print(open(f"{folder}/x").read())
"""
    folder = user.home / "ours"
    folder.mkdir(mode=0o700)
    # another process counts none, nor does another thread of ours
    assert python(user, code, str(folder)).split() == ["0", "0", "0", "new"]


def test_a_lock_does_not_walk_through_all_keys_each_time(user: User) -> None:
    folder = user.home / DATA / "index/vault"
    user.lkr("set", "groq:a", "--stdin", stdin=b"value")
    trace = user.home.parent / "trace"
    command = ["strace", "-f", "-e", "trace=openat,getdents64", "-y", "-o", str(trace), f"{BIN}/lkr"]
    done = subprocess.run(
        [*command, "set", "groq:b", "--stdin"], input=b"value", env=user.env, cwd=user.home, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    read = [line for line in trace.read_text().splitlines() if "getdents64" in line and str(folder) in line]
    assert not read, read


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_file_keeps_its_mode_under_any_umask(user: User, umask: int) -> None:
    manifest = user.project("p") / ".lkr.toml"
    rc = user.home / ".zshrc"
    rc.write_text("mine\n")
    env = user.home / ".env"
    env.write_text("GROQ_API_KEY=gsk_0123456789abcdef0123\n")
    for path, mode in ((manifest, 0o664), (rc, 0o666), (env, 0o640)):
        path.chmod(mode)
    before = os.umask(umask)
    try:
        user.lkr("add", f"{A[:-4]}_TOKEN_KEY=anthropic:main", cwd=manifest.parent)
        user.lkr("install", "zsh", "--yes")
        user.lkr("import", ".env", "--yes", "--blank")
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (manifest, rc, env)] == [0o664, 0o666, 0o640]
    assert (user.home / ".lkr.toml").stat().st_mode & 0o777 == 0o644 & ~umask, "a new one goes by the umask"
