"""A hostile environment at hook time: LKR_* variables, PATH, what Python reads, escape codes, other users' folders."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import BIN, OTHER, VALUE, User
from shells import Shell, wait_until

from lkrshell.core.errors import LkrError
from lkrshell.state import memory

Open = Callable[..., Shell]
A = "OPENAI_API_KEY"
NASTY = "x'\"$(touch ~/pwned)`touch ~/pwned`;touch ~/pwned\n(touch ~/pwned)\\"
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"


def unhurt(user: User) -> None:
    assert not list(user.home.rglob("pwned*"))


def test_hostile_lkr_variables_change_no_more_than_what_they_name(user: User, open_shell: Open) -> None:
    folder = user.project("p")
    hostile = {
        "LKR_STATE": f"{A}={NASTY} PATH;x=y a[$(touch$IFS~/pwned)]=k",
        f"LKR_OLD_{A}": NASTY,
        "LKR_OLD_": NASTY,
        "LKR_WAS": NASTY,
        "LKR_OVER": f"{A} {NASTY}",
        "LKR_DIR": NASTY,
        "LKR_HAS_DIRENV": NASTY,
        "LKR_QUIET": NASTY,
        "EPOCHSECONDS": "a[$(touch ~/pwned)]",
        "__lkr_until": "a[$(touch ~/pwned)]",
        "__lkr_gen": NASTY,
        "__lkr_at": str(folder),
        "__lkr_watch": NASTY,
        f"__lkr_old_{A}": NASTY,
    }
    shell = open_shell(**hostile)
    assert shell.value(A) == NASTY, "the original that a parent shell saved, as it was"
    shell.run("cd ~/p")
    assert shell.value(A) == VALUE
    shell.run(":")
    assert shell.value(A) == VALUE
    shell.run("cd ~")
    assert shell.value(A) == NASTY
    unhurt(user)


def test_a_hostile_profile_or_backend_is_reported_and_loads_nothing(user: User, open_shell: Open) -> None:
    user.project("p")
    for name, says in (("LKR_PROFILE", "no profile"), ("LKR_BACKEND", "unknown backend")):
        shell = open_shell(**{name: NASTY + ESCAPES})
        assert says in shell.run("cd ~/p")
        assert shell.value(A) is None
        shell.run(":")
        assert ESCAPES[:4] not in shell.log
        shell.run("cd ~")
        unhurt(user)


def test_a_forged_direnv_flag_only_keeps_keys_away(user: User, open_shell: Open) -> None:
    user.project("p")
    shell = open_shell(LKR_DIRENV=NASTY)
    shell.run("cd ~/p")
    assert shell.value(A) is None
    shell.run("cd ~")
    unhurt(user)


def test_no_program_on_a_hostile_path_runs_at_hook_time(user: User, open_shell: Open) -> None:
    user.project("p")
    evil = user.home / "evil"
    evil.mkdir()
    names = "python python3 direnv git xclip xsel wl-copy sh env cat lkr dbus-send secret-tool setpriv ls stat date"
    for name in names.split():
        (evil / name).write_text(f"#!/bin/bash\necho {name} >>{user.home}/pwned\n")
        (evil / name).chmod(0o755)
    shell = open_shell()
    line = {"fish": f"set -gx PATH {evil} $PATH"}.get(shell.shell, f"export PATH={evil}:$PATH")
    shell.run(line)
    assert f"+{A}" in shell.run("cd ~/p")
    shell.run(":")
    assert f"-{A}" in shell.run("cd ~")
    unhurt(user)


@pytest.mark.parametrize("variable", ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONUSERBASE",
    "PYTHONPLATLIBDIR", "PYTHONPYCACHEPREFIX", "PYTHONBREAKPOINT", "PYTHONWARNINGS", "PYTHONVERBOSE"])  # fmt: skip
def test_python_reads_none_of_its_variables_at_hook_time(user: User, variable: str) -> None:
    folder = user.project("p")
    evil = user.home / "evil"
    evil.mkdir()
    for module in (
        "os",
        "_blake2",
        "pyrage",
        "lkrshell",
        "encodings",
        "sitecustomize",
        "usercustomize",
        "fcntl",
        "time",
    ):
        (evil / f"{module}.py").write_text(f"open({str(user.home / 'pwned')!r}, 'w')\n")
        (folder / f"{module}.py").write_text(f"open({str(user.home / 'pwned')!r}, 'w')\n")
    script = f'{user.lkr("hook", "bash")}\nexport {variable}={evil}\n__lkr_hook; echo "<${A}>"'
    done = subprocess.run(["bash", "--norc", "-c", script], env=user.env, cwd=folder, capture_output=True, text=True)
    assert done.stdout == f"<{VALUE}>\n", done
    assert done.stderr == f"lkr: +{A} (openai:prod)\n"
    unhurt(user)


def test_no_escape_code_reaches_the_terminal_from_names_messages_or_the_log(user: User, open_shell: Open) -> None:
    folder = user.project(f"p{ESCAPES}")
    shell = open_shell(GO=str(folder))
    shell.run("cd -- $GO" if shell.shell == "fish" else 'cd -- "$GO"')
    assert shell.value(A) == VALUE
    (folder / ".lkr.local.toml").write_text("[keys]\n")
    said = [shell.run(":")]
    script = user.home / f"bin{ESCAPES}" / f"tool{ESCAPES}"
    script.parent.mkdir()
    script.write_text(f"#!/bin/bash\n{BIN}/lkr exec -k openai:prod -- true\nexit 0\n")
    script.chmod(0o755)
    subprocess.run([str(script)], env=user.env, cwd=folder, check=True, capture_output=True)
    said.append(user.lkr("exec", "--", f"none{ESCAPES}", cwd=folder, code=78))
    said.append(user.lkr("allow", "--yes", cwd=folder))
    said.append(user.lkr("exec", "--", f"none{ESCAPES}", cwd=folder, code=127))
    said += [user.lkr(word, cwd=folder) for word in ("audit", "status", "list", "use", "deny")]
    said.append(user.lkr("audit", "--json"))
    said.append(user.lkr("get", f"name{ESCAPES}", "--show", cwd=folder, code=64))
    said.append(user.lkr(f"none{ESCAPES}", cwd=folder, code=64))
    for text in said:
        assert not re.search("[\x07\x1b\x9b\u202e]", text), ascii(text)
        assert "owned\x07" not in text


@pytest.fixture
def no_kernel_keyring(monkeypatch: pytest.MonkeyPatch, user: User) -> Iterator[Path]:
    """As on a machine whose kernel keeps no keys: the folder on a memory file system that lkr would use."""
    monkeypatch.setattr(memory, "_calls", lambda: None)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    folder = Path(f"/dev/shm/lkr-{os.getuid()}")
    aside = folder.with_name(f"{folder.name}.aside-{os.getpid()}")
    if folder.exists():
        folder.rename(aside)
    yield folder
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
    if aside.exists():
        aside.rename(folder)


def test_a_link_in_the_memory_file_systems_folder_leads_no_identity_to_a_disk(
    no_kernel_keyring: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    no_kernel_keyring.symlink_to(disk)
    with pytest.raises(LkrError, match="is a link"):
        memory.put("attack", b"identity", 60)
    assert not list(disk.iterdir())
    (disk / "attack").write_bytes(b"9999999999\nforged")
    (disk / "attack").chmod(0o600)
    assert memory.get("attack") is None
    memory.forget("attack")
    assert (disk / "attack").exists(), "lock removes nothing elsewhere"


def test_a_folder_that_another_user_squats_keeps_nobody_from_locking(no_kernel_keyring: Path) -> None:
    if os.getuid():
        pytest.skip("only root can be two users")
    as_other = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"]
    subprocess.run([*as_other, "mkdir", "-m", "777", str(no_kernel_keyring)], check=True)
    (no_kernel_keyring / "attack").write_bytes(b"9999999999\nforged")
    (no_kernel_keyring / "attack").chmod(0o600)
    assert memory.get("attack") is None, "not even a file of ours in it"
    with pytest.raises(LkrError, match="belongs to another user"):
        memory.put("attack", b"identity", 60)
    memory.renew("attack", 60)
    memory.forget("attack")


@pytest.mark.parametrize("variable", ["XDG_DATA_HOME", "XDG_STATE_HOME"])
def test_folders_of_another_user_are_not_used(user: User, variable: str) -> None:
    if os.getuid():
        pytest.skip("only root can be two users")
    folder = user.project("p")
    theirs = user.home / "theirs"
    source = user.home / (".local/share" if variable == "XDG_DATA_HOME" else ".local/state")
    shutil.copytree(source, theirs)
    for path in (theirs, *theirs.rglob("*")):
        os.chown(path, 12345, 12345)
    user.env[variable] = str(theirs)
    said = user.lkr("export", "bash", cwd=folder, code=1)
    assert "belongs to another user" in said
    assert VALUE not in said
    said = user.lkr("set", "openai:prod", "--stdin", "--force", stdin=b"sk-new-value-1234567890", cwd=folder, code=1)
    assert "another user" in said


def test_a_manifest_of_another_user_in_tmp_waits_to_be_allowed(user: User, tmp_path: Path) -> None:
    """/tmp/.lkr.toml, planted by whoever, is found by everybody who stands below /tmp: it gets nothing."""
    if os.getuid():
        pytest.skip("only root can be two users")
    shared = tmp_path / "shared"
    (shared / "mine").mkdir(parents=True)
    shared.chmod(0o1777)
    (shared / ".lkr.toml").write_text(f'version = 1\n[keys]\n{A} = "openai:prod"\n')
    os.chown(shared / ".lkr.toml", 12345, 12345)
    said = user.lkr("export", "bash", cwd=shared / "mine", code=78)
    assert "is not allowed yet" in said
    (shared / "mine/.lkr.toml").write_text(
        'version = 1\ninherit = true\n[keys]\nANTHROPIC_API_KEY = "anthropic:main"\n'
    )
    user.lkr("allow", "--yes", cwd=shared / "mine")
    said = user.lkr("export", "bash", cwd=shared / "mine", code=78)
    assert OTHER not in said


def test_a_variable_named_as_the_clock_stops_no_time_out(user: User, open_shell: Callable[..., Shell]) -> None:
    user.project("p")
    user.lkr("policy", "openai:prod", "--ttl", "4s")
    shell = open_shell(EPOCHSECONDS="0", EPOCHREALTIME="0")
    shell.run("cd p")
    assert shell.value("OPENAI_API_KEY") == VALUE
    wait_until(lambda: shell.value("OPENAI_API_KEY") is None)
