"""What a hostile project tries, with its manifest, its files, its links and its .envrc. Nothing here is simulated."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BIN, VALUE, User
from shells import HOOK, Shell, cpu_seconds

Open = Callable[..., Shell]
A, B = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"
HOSTILE = "$(touch pwned)`touch pwned`'\"\\\n;touch pwned"


def nothing_loads(user: User, folder: Path, code: int = 78) -> str:
    """Both ways in refuse; what they said."""
    said = user.lkr("export", "bash", cwd=folder, code=code)
    assert "__lkr_set" not in said
    said += user.lkr("exec", "--", "env", cwd=folder, code=code)
    assert VALUE not in said
    return said


@pytest.mark.parametrize(
    "text",
    [
        f"version = 1\n[keys]\n{json.dumps('A$(touch pwned)')} = 'openai:prod'\n",
        f"version = 1\n[keys]\nA_KEY = {json.dumps(HOSTILE)}\n",
        f"version = 1\n[profiles.{json.dumps(HOSTILE)}.keys]\nA_KEY = 'openai:prod'\n",
        "version = 1\n[keys]\nA_KEY = 'openai:../../etc/passwd'\n",
        "version = 1\n[keys]\nA_KEY = '../vault:prod'\n",
        "version = 1\n[keys]\nLKR_STATE = 'openai:prod'\n",
        "version = 1\n[keys]\nBASH_ENV = 'openai:prod'\n",
        "version = 1\n[keys]\nPYTHONPATH = 'openai:prod'\n",
        "version = 1\n[keys]\nOPENAI_BASE_PATH = 'openai:prod'\n",
    ],
)
def test_a_malicious_manifest_is_refused_and_runs_nothing(user: User, text: str) -> None:
    folder = user.project("p", allow=False)
    (folder / ".lkr.toml").write_text(text)
    said = user.lkr("allow", "--yes", cwd=folder, code=78)
    assert said.isprintable() or said.strip("\n").replace("\n", "").isprintable(), "no control character of its own"
    nothing_loads(user, folder)
    assert not list(user.home.rglob("pwned"))


def test_a_manifest_swapped_while_i_am_asked_is_not_what_i_allowed(user: User, open_shell: Open) -> None:
    folder = user.project("p", allow=False)
    shell = open_shell(folder=folder, hook=False)
    shell.child.sendline("lkr allow")
    shell.child.expect(r"Allow\?")
    (folder / ".lkr.toml").write_text('version = 1\n[keys]\nANTHROPIC_API_KEY = "anthropic:main"\n')
    shell.child.sendline("y")
    shell.child.expect("allowed")
    shell.run(":")
    assert "changed since you allowed it" in nothing_loads(user, folder)


def test_a_manifest_swapped_in_after_our_own_write_is_not_allowed(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from lkrshell.cli import cmd_add
    from lkrshell.core import errors
    from lkrshell.project import grants, lookup, project_files

    for name, value in user.env.items():
        monkeypatch.setenv(name, value)
    folder = user.project("p")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PWD", str(folder))
    write = project_files.replace

    def then_swap(where: str, name: str, data: bytes) -> None:
        write(where, name, data)
        (folder / ".lkr.toml").write_text(f'version = 1\n[keys]\nSTOLEN_API_KEY = "openai:prod"\n# {len(data)}')

    monkeypatch.setattr(project_files, "replace", then_swap)
    cmd_add.command.callback("ANTHROPIC_API_KEY=anthropic:main", False)
    grant = grants.read(str(folder))
    assert grant is not None
    assert [binding.variable for binding in grant.bindings] == [A, B]
    assert not grant.covers(lookup.Place(str(folder)))
    with pytest.raises(errors.ManifestError):
        cmd_add.command.callback("GROQ_API_KEY=groq:ci", False)


def test_init_allows_no_local_manifest_that_came_with_the_project(user: User) -> None:
    folder = user.home / "cloned"
    folder.mkdir()
    (folder / ".lkr.local.toml").write_text('[keys]\nSTOLEN_API_KEY = "anthropic:main"\n')
    assert "was already there and is not allowed" in user.lkr("init", "--yes", cwd=folder, code=78)
    assert not (folder / ".lkr.toml").exists()
    (folder / ".lkr.toml").write_text("version = 1\n")
    nothing_loads(user, folder)


def test_links_and_hard_links_to_an_allowed_project_give_nothing(user: User) -> None:
    good = user.project("good")
    for name, link in (("symbolic", os.symlink), ("hard", os.link)):
        folder = user.home / name
        folder.mkdir()
        link(good / ".lkr.toml", folder / ".lkr.toml")
        assert "not allowed yet" in nothing_loads(user, folder)
    os.link(good / ".lkr.toml", user.home / "other-name")
    (user.home / "other-name").write_text('version = 1\n[keys]\nANTHROPIC_API_KEY = "anthropic:main"\n')
    assert "changed since you allowed it" in nothing_loads(user, good), "an edit through another name is an edit"


def test_a_folder_swapped_for_a_link_between_check_and_use_gives_nothing_new(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The swap happens at the worst instant: after the real path was taken, before the manifest is read."""
    from lkrshell.core.errors import ManifestError
    from lkrshell.project import grants, lookup, resolver

    for name, value in user.env.items():
        monkeypatch.setenv(name, value)
    good, bad = user.project("good"), user.project("bad", f'STOLEN_API_KEY = "anthropic:main"\n{A} = "openai:prod"')
    (user.home / "link").symlink_to(good)
    read = lookup.read_text

    def swap_first(path: str) -> str:
        (user.home / "link").unlink()
        (user.home / "link").symlink_to(bad)
        monkeypatch.setattr(lookup, "read_text", read)
        return read(path)

    monkeypatch.setattr(lookup, "read_text", swap_first)
    place = lookup.Place(str(user.home / "link"))
    assert place.real == str(good)
    with pytest.raises(ManifestError, match="changed since"):
        resolver.check(place, grants.read(place.real))


def test_a_folder_that_was_allowed_and_replaced_by_a_link_is_the_other_folder(user: User, open_shell: Open) -> None:
    folder = user.project("work/p")
    user.lkr("policy", "openai:prod", "--only", str(user.home / "work"))
    other = user.home / "other"
    other.mkdir()
    (other / ".lkr.toml").write_bytes((folder / ".lkr.toml").read_bytes())
    shell = open_shell(folder=user.home)
    shell.run("cd work/p")
    assert shell.value(A) == VALUE
    folder.rename(user.home / "work/gone")
    folder.symlink_to(other)
    shell.run("cd ..")
    assert "not allowed yet" in shell.run("cd p")
    assert shell.value(A) is None


def test_a_forged_or_copied_grant_gives_nothing(user: User) -> None:
    good, bad = user.project("good"), user.project("bad", f'{A} = "openai:prod"\n', allow=False)
    store = user.home / ".local/share/lkr/grants"
    (real,) = [path for path in store.iterdir() if not path.name.startswith(".")]
    user.lkr("allow", "--yes", str(bad))
    (victim,) = [path for path in store.iterdir() if path != real and not path.name.startswith(".")]
    user.lkr("deny", str(bad))
    victim.write_bytes(real.read_bytes())  # as if both paths had one hash
    victim.chmod(0o600)
    assert "is damaged" in nothing_loads(user, bad)
    victim.unlink()
    os.link(real, victim)
    assert "is damaged" in nothing_loads(user, bad)
    victim.unlink()
    victim.symlink_to(real)
    nothing_loads(user, bad, code=1)
    victim.unlink()
    assert VALUE in user.lkr("exec", "--", "env", cwd=good)
    real.chmod(0o620)
    assert "chmod 600" in nothing_loads(user, good, code=1)


def test_a_grant_or_key_of_another_user_is_not_read(user: User) -> None:
    if os.getuid():
        pytest.skip("only root can give a file to another user")
    folder = user.project("p")
    data = user.home / ".local/share/lkr"
    (grant,) = [path for path in (data / "grants").iterdir() if not path.name.startswith(".")]
    for path in (grant, data / "vault/keys/openai/prod.age", data / "index/vault/openai/prod"):
        os.chown(path, 12345, 12345)
        assert "belongs to another user" in nothing_loads(user, folder, code=1)
        os.chown(path, 0, 0)
    assert VALUE in user.lkr("exec", "--", "env", cwd=folder)


def test_no_python_file_of_a_project_runs_when_lkr_runs_in_it(user: User) -> None:
    """`python -m` would look into the present folder first: the clipboard's process got the key that way once."""
    folder = user.project("p")
    for module in ("pyperclip", "base64", "hashlib", "click", "tomllib", "os", "sitecustomize", "keyring"):
        (folder / f"{module}.py").write_text(f"open({str(user.home / 'pwned')!r}, 'w').write('{module}')\n")
    (folder / "lkrshell").mkdir()
    (folder / "lkrshell/__init__.py").write_text(f"open({str(user.home / 'pwned')!r}, 'w')\n")
    user.env["DISPLAY"] = ""
    user.lkr("get", "openai:prod", cwd=folder, code=2)
    clipboard = [f"{BIN}/python", "-I", "-c", "from lkrshell.system import clipboard; clipboard.copy('v', 1)"]
    done = subprocess.run(clipboard, env=user.env, cwd=folder, capture_output=True, text=True)
    assert "there is no clipboard here" in done.stderr
    user.lkr("install", "bash", "zsh", "fish", "--yes", cwd=folder)
    for words in (["allow", "--yes"], ["status"], ["list"], ["doctor"], ["exec", "--", "true"]):
        user.lkr(*words, cwd=folder, code=0)
    assert not (user.home / "pwned").exists()


def test_a_hostile_envrc_beside_us_runs_nothing_and_takes_nothing(user: User, open_shell: Open) -> None:
    folder = user.project("p")
    for text in ("touch ~/pwned\n", "use lkr; touch ~/pwned\n", "use lkr\ntouch ~/pwned\n", "\0use lkr\n"):
        (folder / ".envrc").write_text(text)
        shell = open_shell(hook=False)
        direnv = "direnv hook fish | source" if shell.shell == "fish" else f'eval "$(direnv hook {shell.shell})"'
        shell.run(direnv)
        shell.run(HOOK[shell.shell])
        shell.run("cd p")
        # One that direnv was not allowed to load can at most keep the key away.
        assert shell.value(A) == (None if "use lkr\n" in text and "\0" not in text else VALUE)
        shell.run("cd ..")
        assert shell.value(A) is None
        shell.close()
    assert not (user.home / "pwned").exists()


@pytest.mark.parametrize("kind", ["fifo", "zero", "folder", "loop", "sparse"])
def test_a_manifest_or_envrc_that_is_not_text_blocks_nothing(user: User, kind: str) -> None:
    folder = user.project("p", allow=False)
    for path in (folder / ".lkr.toml", folder / ".envrc"):
        path.unlink(missing_ok=True)
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "zero":
            path.symlink_to("/dev/zero")
        elif kind == "folder":
            path.mkdir()
        elif kind == "loop":
            path.symlink_to(path.name)
        else:
            with path.open("wb") as file:
                file.truncate(1 << 40)
    user.env["LKR_HAS_DIRENV"] = "1"
    if kind == "loop":
        user.lkr("export", "bash", cwd=folder)  # it leads nowhere: there is no manifest
    else:
        assert "cannot read the manifest" in nothing_loads(user, folder)


@pytest.mark.parametrize("byte", [b"\0", b"x"])
def test_a_huge_manifest_takes_neither_the_shells_memory_nor_its_time(
    user: User, open_shell: Callable[..., Shell], byte: bytes
) -> None:
    folder = user.project("p", allow=False)
    with (folder / ".lkr.toml").open("wb") as file:
        if byte == b"\0":
            file.truncate(1 << 34)
        else:
            file.write(byte * (1 << 26))
    shell = open_shell()
    assert "cannot read the manifest" in shell.run("cd p")
    start = cpu_seconds(shell.child.pid)
    said = "".join(shell.run(":") for _ in range(5))
    assert cpu_seconds(shell.child.pid) - start < 5  # some tenths of a second in all
    assert "cannot read" not in said
    status = Path(f"/proc/{shell.child.pid}/status").read_text()
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak and int(peak[1]) < 200_000, status


def test_an_unpacked_archive_brings_no_grant(user: User, tmp_path: Path) -> None:
    user.project("p")
    subprocess.run(["tar", "-cf", tmp_path / "p.tar", "--transform=s/^p/other/", "-C", user.home, "p"], check=True)
    subprocess.run(["tar", "-xf", tmp_path / "p.tar", "-C", user.home], check=True)
    assert "not allowed yet" in nothing_loads(user, user.home / "other")
