"""What lkr leaves on the disk: modes, leftovers, locks, and what lies where one of our files should be."""

import os
import subprocess
import sys
from pathlib import Path

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
    shown = ["-y", "-e", "trace=openat,getdents64,prctl", "-e", "inject=prctl:retval=0"]  # to others than root, too
    command = ["strace", "-f", *shown, "-o", str(trace), f"{BIN}/lkr"]
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


def pinentry(user: User) -> str:
    """Settings with a program of their writer, which leaves a mark when it runs."""
    program = user.home / "pin"
    program.write_text("#!/bin/sh\ntouch ~/ran\n")
    program.chmod(0o755)
    return f'pinentry = "{program}"\n'


CONFIG = {
    "other's write bit": "can be changed by other users; chmod go-w",
    "group's write bit": "can be changed by other users; chmod go-w",
    "owner": "belongs to another user; chown",
    "owner of a link's end": "belongs to another user; chown",
    "mode of the folder": "can be changed by other users; chmod go-w",
    "owner of the folder": "belongs to another user; chown",
    "mode of a link's folder": "can be changed by other users; chmod go-w",
    "pipe": "is no regular file",
    "size": "is larger than 64 KiB",
}


@pytest.mark.parametrize("change", CONFIG)
def test_settings_that_others_could_have_written_stop_every_command(user: User, change: str) -> None:
    folder = user.project("p")
    user.lkr("policy", "openai:prod", "--confirm")
    user.config(pinentry(user))
    path = user.home / ".config/lkr/config.toml"
    assert "+OPENAI" in user.lkr("export", "bash", cwd=folder) or "waits for you" in user.lkr(
        "export", "bash", cwd=folder
    )
    end = user.home / "dotfiles/config.toml"
    end.parent.mkdir()
    if "link" in change:
        path.rename(end)
        path.symlink_to(end)
    if "write bit" in change:
        path.chmod(0o646 if change.startswith("other") else 0o664)
    elif change.startswith("owner"):
        os.chown({"owner": path, "owner of the folder": path.parent}.get(change, end), 65534, 65534)
    elif change.startswith("mode"):
        (path.parent if change == "mode of the folder" else end.parent).chmod(0o777)
    elif change == "pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        path.write_text(path.read_text() + "#" * 65536)
    for words in (["exec", "--", "true"], ["export", "bash"], ["list"], ["get", "openai:prod"], ["confirm"]):
        said = user.lkr(*words, cwd=folder, code=1)
        assert CONFIG[change] in said, (words, said)
    assert "A=" not in said and not (user.home / "ran").exists()
    assert CONFIG[change].partition(";")[0] in user.lkr("doctor", code=1)


def test_settings_that_others_may_read_are_settings(user: User) -> None:
    user.config("quiet = true\n")
    path = user.home / ".config/lkr/config.toml"
    path.chmod(0o644)
    path.parent.chmod(0o755)
    (user.home / "dotfiles").mkdir()
    path.rename(user.home / "dotfiles/config.toml")
    path.symlink_to(user.home / "dotfiles/config.toml")
    assert "+OPENAI" not in user.lkr("export", "bash", cwd=user.project("p"))


def test_settings_that_cannot_be_read_stop_no_lock(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    mine = User(tmp_path / "mine")
    mine.lkr("unlock", "--stdin", stdin=b"a passphrase")
    mine.lkr("set", "openai:prod", "--stdin", stdin=b"value")
    mine.config("")
    generation = next((mine.home / STATE / "generations").iterdir()).name
    path = mine.home / ".config/lkr/config.toml"
    path.chmod(0o666)
    assert "chmod go-w" in mine.lkr("lock", code=1)
    path.chmod(0o600)
    assert "locked" in mine.lkr("exec", "-k", "openai:prod", "--", "true", code=77)
    assert next((mine.home / STATE / "generations").iterdir()).name != generation, "live shells look again"


def test_a_program_that_runs_on_sees_changed_settings(user: User) -> None:
    code = """
import os, sys
from lkrshell.vendors import providers
path = os.path.expanduser("~/.config/lkr/config.toml")
for name in ("one", "two"):
    with open(path, "w") as file:
        file.write(f'[providers.{name}]\\nvariable = "{name.upper()}_API_KEY"\\n')
    print(providers.variable_of(f"{name}:x"))
os.unlink(path)
print(providers.variable_of("two:x"), providers.variable_of("openai:x"))
"""
    user.config("")
    assert python(user, code).split() == ["ONE_API_KEY", "TWO_API_KEY", "None", "OPENAI_API_KEY"]
