"""What lkr leaves on the disk: modes, leftovers, locks, and what lies where one of our files should be."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import vaults
from conftest import BIN, OTHERS, VALUE, User
from shells import Shell

A = "OPENAI_API_KEY"
DATA, STATE = ".local/share/lkr", ".local/state/lkr"


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
    assert user.python(code, str(folder)).split() == ["new", "False"]


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
thread = threading.Thread(target=files.replace_file, args=(f"{folder}/x", b"new", 0o600))
thread.start()
thread.join()
print(open(f"{folder}/x").read())
"""
    folder = user.home / "ours"
    folder.mkdir(mode=0o700)
    # another process counts none, nor does another thread of ours
    assert user.python(code, str(folder)).split() == ["0", "0", "0", "new"]


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
    "pipe": "is not a regular file",
    "size": "is larger than 64 KiB",
}


@pytest.mark.parametrize("change", [pytest.param(each, marks=OTHERS) if "owner" in each else each for each in CONFIG])
def test_settings_that_others_could_have_written_stop_every_command(user: User, change: str) -> None:
    folder = user.project("p")
    user.lkr("policy", "openai:prod", "--confirm")
    user.config(pinentry(user))
    path = user.home / ".config/lkr/config.toml"
    assert "+OPENAI" in user.lkr("export", "bash", cwd=folder) or "awaits your confirmation" in user.lkr(
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


@OTHERS
def test_with_sudo_that_keeps_home_no_file_is_to_change_its_owner(user: User) -> None:
    user.config("quiet = true\n")
    for path in (user.home, *user.home.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    for what in ("config.toml", "the vault"):
        said = user.lkr("list", code=1)
        assert "belongs to another user; run lkr without sudo\n" in said, what
        assert "chown" not in said + user.lkr("doctor", code=1)
        shutil.rmtree(user.home / ".config/lkr", ignore_errors=True)


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


def test_a_disk_that_takes_no_new_file_keeps_no_key_of_a_denied_project_in_a_shell(
    user: User, open_shell: Callable[..., Shell]
) -> None:
    folder, denied = user.project("p"), user.home / DATA / "denied"
    shell = open_shell()
    shell.run(f"cd {folder}")
    assert shell.value(A) == VALUE
    denied.write_text("where the folder would be")
    assert user.lkr_code("deny", cwd=folder) == 1
    shell.run("true")
    assert shell.value(A) is None


def test_a_keychain_is_locked_for_lkr_on_a_full_disk_too(user: User) -> None:
    folder = user.project("p")
    user.env |= {"LKR_BACKEND": "keyring", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
    lock = ["bash", "-c", "ulimit -f 0; lkr lock"]  # no file can grow
    done = subprocess.run(lock, env=user.env, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, "lkr: locked" in done.stderr) == (0, True), done.stderr
    assert "lkr is locked" in user.lkr("exec", "--", "true", cwd=folder, code=77)


def test_a_keychain_that_cannot_be_locked_makes_shells_look_again(user: User) -> None:
    user.project("p")
    user.config('collection = "lkr"\n')
    user.env |= {"LKR_BACKEND": "keyring", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"}
    before = os.listdir(user.home / STATE / "generations")
    user.lkr("lock", code=69)
    assert os.listdir(user.home / STATE / "generations") != before


def test_a_damaged_entry_stops_no_lock(user: User) -> None:
    folder, entry = user.project("p"), user.home / DATA / "index/vault/team~openai/prod"
    entry.parent.mkdir(mode=0o700)
    entry.write_bytes(b"damaged")
    entry.chmod(0o600)
    assert user.lkr("lock") == "lkr: locked\n"
    user.lkr("exec", "--", "true", cwd=folder, code=77)


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
    assert user.python(code).split() == ["ONE_API_KEY", "TWO_API_KEY", "None", "OPENAI_API_KEY"]


@pytest.mark.parametrize("change", ["mode", pytest.param("owner", marks=OTHERS), "text", "pipe", "link"])
def test_a_grant_that_is_not_right_stops_no_list_and_doctor_names_it(user: User, change: str) -> None:
    user.project("good")
    user.project("bad", 'ANTHROPIC_API_KEY = "anthropic:main"')
    grants = user.home / DATA / "grants"
    path = next(each for each in grants.iterdir() if b"anthropic" in each.read_bytes())
    if change == "mode":
        path.chmod(0o644)
    elif change == "owner":
        os.chown(path, 65534, 65534)
    elif change == "text":
        path.write_text("damaged")
    else:
        path.rename(user.home / "elsewhere")
        os.mkfifo(path) if change == "pipe" else path.symlink_to(user.home / "elsewhere")
    out = user.lkr("list")
    assert "~/good" in out and "anthropic:main" in out and "~/bad" not in out
    assert path.name in user.lkr("doctor", code=1)
    user.lkr("export", "bash", cwd=user.home / "bad", code=78 if change == "text" else 1)


LIFE = (
    ("unlock --stdin", b"a passphrase"), ("set openai:prod --stdin", b"sk-first"), ("set groq:x --stdin", b"v"),
    ("import .env --yes", b""), ("install bash zsh fish --direnv --completions --yes", b""), ("allow --yes", b""),
    ("policy openai:prod --ttl 8h", b""), ("rotate openai:prod --stdin", b"sk-second"), ("exec -- true", b""),
    ("export bash", b""), ("lock", b""), ("unlock --stdin", b"a passphrase"), ("rename groq:x groq:y", b""),
    ("vault rekey --stdin", b"a passphrase"), ("vault export backup.age --stdin", b"for the file"),
    ("gen .env.example --force", b""), ("rm --yes groq:y", b""), ("deny", b""), ("uninstall --yes", b""),
    ("install zsh --yes", b""), ("doctor", b""),
)  # fmt: skip


# A mode is either the program's own, or what the umask leaves of it. The first of these takes nothing away, the second
# all: what is right under both is right under each in between.
@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_a_life_of_commands_leaves_nothing_open_to_others(tmp_path: Path, umask: int) -> None:
    home = tmp_path / "mine"
    home.mkdir()
    user = User(home)
    theirs = {
        ".zshrc": "mine\n",
        ".env": "GROQ_API_KEY=gsk_0123456789abcdef0123\n",
        ".env.example": "GROQ_API_KEY={{lkr:groq:main}}\n",
    }
    for name, text in theirs.items():
        (home / name).write_text(text)
    # Root may all: without these rights it sees, as others do, whether its own are there.
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"] if os.getuid() == 0 else []
    for words, stdin in LIFE:
        done = subprocess.run(
            [*drop, *vaults.SEALING_CHEAPLY, *words.split()],
            input=stdin, env=user.env, cwd=home, capture_output=True, umask=umask,
        )  # fmt: skip
        assert done.returncode == 0 or words == "doctor", (words, done.stderr.decode())
        assert b"cannot" not in done.stderr, (words, done.stderr.decode())
    shell = [*drop, "zsh", "-ic", ":"]  # keeps the hook
    subprocess.run(shell, env={**user.env, "TERM": "dumb"}, cwd=home, check=True, capture_output=True, umask=umask)
    assert (home / ".cache/lkr/hook.zsh").exists()
    ours = [home / folder for folder in (DATA, STATE, ".cache/lkr")]
    for path in home.rglob("*"):
        mode = path.stat().st_mode & 0o777
        private = any(path == each or each in path.parents for each in ours) or path.name in (".env.out", "backup.age")
        assert not mode & (0o077 if private else 0o022) or path.name in theirs, (path, oct(mode))
        assert mode & 0o400, (path, oct(mode))
        assert "tmp" not in path.name


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_something_else_in_place_of_one_of_our_files_hangs_nothing_and_is_not_followed(user: User, kind: str) -> None:
    folder = user.project("p")
    user.lkr("export", "bash", cwd=folder)
    found = [path for part in (DATA, STATE) for path in (user.home / part).rglob("*") if path.is_file()]
    found = [path for path in found if path.parent.name != "generations"]  # whose names change
    assert len(found) > 8
    target = user.home / "target"
    for path in found:
        kept = user.home / "kept"
        path.rename(kept)
        target.write_text("theirs")
        if kind == "pipe":
            os.mkfifo(path, 0o600)
        elif kind == "link":
            path.symlink_to(target)
        else:
            path.mkdir(mode=0o700)
        for words in (["export", "bash"], ["list"], ["doctor"], ["set", "openai:prod", "--stdin"]):
            done = user.run(*words, stdin=b"new", cwd=folder)
            assert "Traceback" not in done.stderr and "unexpected" not in done.stderr, (path, words, done.stderr)
        assert target.read_text() == "theirs", path
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        kept.replace(path)
