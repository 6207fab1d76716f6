"""The whole command line run as on macOS, over the stand-in: unlock, set, enter, leave, exec, lock, confirm, doctor.

The package is a copy that takes this system for macOS; everything else is the real program. At the end of each test
no process of it holds an object that it should have released.
"""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import standin
from conftest import UNDER_AGENT
from standin import PASSWORD, Mac, MacUser

VALUE, OTHER = "sk-test-0123456789-openai", "sk-ant-0123456789-anthropic"


@pytest.fixture
def mac(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mac]:
    mac = Mac(tmp_path / "mac", standin.build(tmp_path_factory.getbasetemp().parent))
    yield mac
    mac.check()


@pytest.fixture
def user(mac: Mac, tmp_path: Path) -> Iterator[MacUser]:
    """A user with openai:prod and anthropic:main in lkr's own keychain, which is open."""
    user = MacUser(tmp_path / "home", standin.darwin_package(tmp_path, mac.library), mac)
    user.lkr("unlock", "--stdin", stdin=PASSWORD.encode() + b"\n")
    user.lkr("set", "openai:prod", "--stdin", stdin=VALUE.encode())
    user.lkr("set", "anthropic:main", "--stdin", stdin=OTHER.encode())
    yield user
    mac.switch()
    user.lkr("lock")  # and the process that remembers for it ends


def test_the_keychain_is_chosen_and_files_are_where_macos_has_them(user: MacUser, mac: Mac) -> None:
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


def test_entering_and_leaving_in_a_real_shell(user: MacUser, mac: Mac) -> None:
    folder = user.project("p")
    from shells import Shell

    shell = Shell("bash", user.env, user.home, hook=False)
    try:
        shell.run('eval "$(lkr hook bash)"')
        shell.run(f"cd {folder}")
        assert VALUE in shell.run("printenv OPENAI_API_KEY")
        shell.run("cd /")
        assert VALUE not in shell.run("printenv OPENAI_API_KEY; :")
        assert mac.dialogs() == [], "a hook never asks"
        shell.run(f"cd {folder}")
        user.lkr("lock")
        shell.run(":")
        assert VALUE not in shell.run("printenv OPENAI_API_KEY; :"), "locking empties the shell at its next prompt"
    finally:
        shell.close()


def test_get_copies_for_a_while_and_hides_it_from_clipboard_managers(user: MacUser, mac: Mac) -> None:
    child = user.on_terminal("get", "openai:prod")
    child.expect("clipboard for 30 s")
    child.expect_exact("\r\n")
    child.close()
    assert mac.pasteboard() == {
        "this-host-only": "",  # not for Universal Clipboard
        "public.utf8-plain-text": VALUE,
        "org.nspasteboard.ConcealedType": "",
        "org.nspasteboard.TransientType": "",
    }


def test_the_pasteboard_is_cleared_unless_something_else_was_copied(mac: Mac, tmp_path: Path) -> None:
    program = standin.darwin_package(tmp_path, mac.library)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from lkrshell.system import macos_objects as m\n"
        "change = m.copy('one'); other = m.copy('two')\n"
        "assert not m.clear(change) and change != other\n"
        "assert m.clear(other)\n"
    )
    words = [sys.executable, "-I", "-c", code, str(program.parent.parent / "site")]
    subprocess.run(words, check=True, env={"LKR_STANDIN": str(mac.folder)})
    assert mac.pasteboard() == {}


def asks(user: MacUser) -> Path:
    """A project whose key has to be confirmed."""
    folder = user.project("p")
    user.lkr("policy", "openai:prod", "--confirm")
    return folder


def test_confirm_asks_by_touch_id_and_is_remembered_by_a_process_that_lock_ends(user: MacUser, mac: Mac) -> None:
    folder = asks(user)
    assert "awaits your confirmation" in user.lkr("export", "bash", cwd=folder)
    mac.switch("touch=yes")
    user.lkr("confirm", cwd=folder)
    assert mac.dialogs() == [f"authenticate let {folder} have OPENAI_API_KEY (openai:prod)"]
    assert VALUE in user.lkr("export", "bash", cwd=folder)
    user.lkr("lock")
    user.lkr("unlock", "--stdin", stdin=PASSWORD.encode() + b"\n")
    assert "awaits your confirmation" in user.lkr("export", "bash", cwd=folder)


@pytest.mark.parametrize(
    ("switch", "words"),
    [
        ("touch=cancel", "was not confirmed"),
        ("touch=failed", "macOS did not recognize you"),
        ("touch=lockout", "Touch ID is locked after too many tries"),
        ("touch=none", "no terminal to ask on"),
        ("no-gui", "no terminal to ask on"),
    ],
)
def test_a_confirmation_that_is_not_given_is_told_apart(user: MacUser, mac: Mac, switch: str, words: str) -> None:
    folder = asks(user)
    mac.switch(switch)
    assert words in user.lkr("confirm", cwd=folder, code=2)
    assert VALUE not in user.lkr("export", "bash", cwd=folder)


def test_over_ssh_the_terminal_is_asked(user: MacUser, mac: Mac) -> None:
    folder = asks(user)
    mac.switch("no-gui")
    user.typed("confirm", cwd=folder)
    assert VALUE in user.lkr("export", "bash", cwd=folder)


def test_touch_id_opens_the_keychain_if_it_was_enrolled(user: MacUser, mac: Mac) -> None:
    mac.switch("touch=cancel")
    assert "canceled" in user.lkr("vault", "enroll", "touch-id", "--stdin", stdin=PASSWORD.encode(), code=2)
    mac.switch("touch=yes")
    user.lkr("vault", "enroll", "touch-id", "--stdin", stdin=PASSWORD.encode())
    assert "Touch ID can open the keychain" in user.lkr("vault", "enroll")
    user.lkr("lock")
    mac.dialogs()
    assert "unlocked" in user.lkr("unlock"), "without a terminal, too"
    assert mac.dialogs() == ["authenticate unlock lkr's keychain"]
    assert VALUE in user.lkr("get", "openai:prod", "--force-plain")
    for path in (*user.home.rglob("*"), mac.folder / "login.keychain-db"):
        content = path.read_bytes() if path.is_file() and path != user.keychain() else b""
        assert PASSWORD.encode() not in content and PASSWORD.encode().hex().encode() not in content, path
    user.lkr("vault", "unenroll")
    assert b"item" not in (mac.folder / "login.keychain-db").read_bytes()
    user.lkr("lock")
    user.lkr("unlock", code=2)  # macOS asks for the password itself, and nobody answers
    assert mac.dialogs() == [f"unlock {user.keychain()}"]


@pytest.mark.parametrize(
    ("switch", "said"),
    [
        ("touch=cancel", ""),
        ("touch=lockout", "Touch ID is locked after too many tries"),
        ("no-gui", "no desktop session"),
        ("fail=SecKeychainFindGenericPassword:-25293", "is kept from this lkr"),
    ],
)
def test_where_touch_id_does_not_open_it_the_password_is_asked_for(
    user: MacUser, mac: Mac, switch: str, said: str
) -> None:
    mac.switch("touch=yes")
    user.lkr("vault", "enroll", "touch-id", "--stdin", stdin=PASSWORD.encode())
    user.lkr("lock")
    mac.switch(*(["touch=yes"] if "=" in switch and "touch" not in switch else []), switch)
    child = user.on_terminal("unlock")
    child.expect_exact("Passphrase of the keychain: ")
    assert said in str(child.before)
    child.sendline(PASSWORD)
    child.expect_exact("lkr: unlocked")
    child.close()


def test_touch_id_opens_the_vault_too_and_a_changed_password_is_told(user: MacUser, mac: Mac) -> None:
    user.env["LKR_BACKEND"] = "vault"
    user.lkr("unlock", "--stdin", stdin=b"a passphrase\n")
    mac.switch("touch=yes")
    user.lkr("vault", "enroll", "touch-id", "--stdin", stdin=b"a passphrase\n")
    user.lkr("vault", "rekey", "--stdin", stdin=b"a passphrase\n")
    user.lkr("lock")
    assert "unlocked" in user.lkr("unlock")
    user.lkr("lock")


RUN = "import subprocess, sys\nsubprocess.run(sys.argv[-1], shell=True)\n"


def script(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def shows(user: MacUser, folder: Path, *words: str, **env: str) -> str:
    """What `lkr export bash` prints when `words` start it."""
    call = f"{user.program} export bash"
    done = subprocess.run([*words, call], env={**user.env, **env}, cwd=folder, capture_output=True, text=True)
    return done.stdout + done.stderr


agents_here = pytest.mark.skipif(UNDER_AGENT, reason="the test itself has an agent above it")


@agents_here
@pytest.mark.parametrize("how", ["script", "interpreter", "module", "node"])
def test_an_agent_above_is_known_by_what_libproc_and_sysctl_tell(
    user: MacUser, tmp_path: Path, mac: Mac, how: str
) -> None:
    folder = user.project("p")
    aider = script(tmp_path, "aider", f"#!{sys.executable}\n{RUN}")
    js = "require('child_process').spawnSync('sh', ['-c', process.argv[process.argv.length - 1]], {stdio: 'inherit'})"
    words = {
        "script": [aider],
        "interpreter": [sys.executable, "-u", "-X", "utf8", aider],
        "module": [sys.executable, "-m", "aider"],
        "node": ["node", "--no-warnings", script(tmp_path, "codex.js", js)],
    }[how]
    (tmp_path / "m").mkdir()
    script(tmp_path / "m", "aider.py", RUN)
    out = shows(user, folder, *words, PYTHONPATH=str(tmp_path / "m"))
    assert "no keys for a coding agent" in out and VALUE not in out


@agents_here
def test_a_program_of_mine_is_not_an_agent(user: MacUser, tmp_path: Path) -> None:
    folder = user.project("p")
    assert VALUE in shows(user, folder, sys.executable, script(tmp_path, "mine.py", RUN), "claude")


@agents_here
@pytest.mark.parametrize("restricted", [False, True])
def test_a_mark_is_seen_in_the_parents_environment_where_macos_shows_that(
    user: MacUser, tmp_path: Path, mac: Mac, restricted: bool
) -> None:
    folder = user.project("p")
    mine = script(tmp_path, "mine.py", "import os, sys\nos.environ.pop('CLAUDECODE')\n" + RUN)
    if restricted:  # Apple's own programs keep theirs back
        mac.switch("restricted=python", "restricted=" + Path(sys.executable).resolve().name)
    out = shows(user, folder, sys.executable, mine, CLAUDECODE="1")
    assert (VALUE in out) is restricted


@agents_here
def test_an_agent_above_a_program_of_another_user_is_seen(user: MacUser, tmp_path: Path, mac: Mac) -> None:
    """As Terminal's login, which belongs to root, or sudo."""
    folder = user.project("p")
    shell = Path("/bin/sh").resolve().name
    mac.switch(f"others={shell}")
    claude = script(tmp_path, "claude", f"#!{sys.executable}\n{RUN}")
    out = shows(user, folder, claude)
    assert "coding agent (claude)" in out and VALUE not in out


@agents_here
def test_a_command_that_an_agent_sent_to_the_background_is_its_own(user: MacUser, tmp_path: Path) -> None:
    import time

    folder, out = user.project("p"), tmp_path / "out"
    text = f"#!/bin/sh\n(sleep 1; {user.program} export bash >{out} 2>&1) </dev/null &\nsleep 4\n"
    subprocess.run([script(tmp_path, "claude", text)], env=user.env, cwd=folder, start_new_session=True)
    time.sleep(0.2)
    assert "coding agent (claude)" in out.read_text()


def test_the_vault_works_too_its_identity_in_a_process_that_forgets(user: MacUser, mac: Mac, tmp_path: Path) -> None:
    folder = user.project("p", allow=False)
    user.env["LKR_BACKEND"] = "vault"
    user.lkr("unlock", "--stdin", stdin=b"a passphrase\n")
    user.lkr("set", "openai:prod", "--stdin", stdin=VALUE.encode())
    user.lkr("allow", "--yes", str(folder))
    assert VALUE in user.lkr("export", "bash", cwd=folder)
    place = mac.folder / "T/lkr"
    assert place.stat().st_mode & 0o777 == 0o700 and (place / "memory").is_socket()
    for path in place.rglob("*"):
        assert not path.is_file() or b"AGE-SECRET-KEY" not in path.read_bytes(), "nothing of it is on a disk"
    user.lkr("lock")
    assert "locked" in user.lkr("export", "bash", cwd=folder, code=77)


def test_the_process_that_remembers_ends_with_the_last_thing(user: MacUser, mac: Mac, tmp_path: Path) -> None:
    import time

    code = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "from lkrshell.state import memory\n"
        "assert memory.put('one', b'1' * 3000, 60) == 'a process' and memory.get('one') == b'1' * 3000\n"
        "memory.put('two', b'2', 1); memory.renew('two', 2); time.sleep(1.2); assert memory.get('two') == b'2'\n"
        "time.sleep(2); assert memory.get('two') is None and memory.get('one')\n"
        "memory.put('one', b'3', 60); assert memory.get('one') == b'3'\n"
        "memory.forget('one'); time.sleep(0.5); assert memory.get('one') is None\n"
        "memory.put('four', b'4', 1); time.sleep(1.5); assert memory.get('four') is None\n"
    )
    site = str(Path(user.program).parent.parent / "site")
    subprocess.run([sys.executable, "-I", "-c", code, site], check=True, env=user.env)
    time.sleep(0.5)
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(OSError):
        client.connect(str(mac.folder / "T/lkr/memory"))


def test_a_folder_that_others_made_is_not_used_for_the_identity(user: MacUser, mac: Mac) -> None:
    (mac.folder / "T").mkdir(exist_ok=True)
    (mac.folder / "T/lkr").mkdir(mode=0o755)
    (mac.folder / "T/lkr").chmod(0o755)
    user.env["LKR_BACKEND"] = "vault"
    out = user.lkr("unlock", "--stdin", stdin=b"a passphrase\n", code=1)
    assert "open to other users" in out
    (mac.folder / "T/lkr").chmod(0o700)


def test_entering_takes_all_of_lkr_out_of_the_bundle(user: MacUser, tmp_path: Path) -> None:
    folder = user.project("p")
    user.lkr("hook", "bash")  # writes the bundle
    root = Path(user.program).parent.parent / "site/lkrshell"
    site = [str(root.parent), *(path for path in sys.path if path.endswith("site-packages"))]
    words = [
        sys.executable,
        "-I",
        "-S",
        "-X",
        "utf8",
        "-v",
        str(root / "boot.py"),
        "\n".join(site),
        "bash",
        str(folder),
    ]
    done = subprocess.run(words, env={**user.env, "PWD": str(folder)}, cwd=folder, capture_output=True, text=True)
    assert VALUE in done.stdout
    opened = [
        line for line in done.stderr.splitlines() if str(root) in line and (".pyc" in line or "code object" in line)
    ]
    assert not opened
    for slow in ("ctypes/__init__", "platformdirs", "/keyring/", "/json/", "subprocess"):
        assert slow not in done.stderr


def test_doctor_fix_has_macos_ask_once_for_each_key_of_another_version(user: MacUser, mac: Mac) -> None:
    folder = user.project("p")
    user.env["LKR_STANDIN_SELF"] = "/opt/homebrew/bin/python3.13 2222"  # as after an upgrade of Python
    out = user.lkr("export", "bash", cwd=folder, code=2)
    assert "macOS does not let this lkr read openai:prod" in out and "lkr doctor --fix" in out and VALUE not in out
    assert "does not let this lkr read anthropic:main" in user.lkr("doctor", code=1)
    assert mac.dialogs() == []
    mac.switch("no-gui")
    assert "no desktop session" in user.lkr("doctor", "--fix", code=1)
    mac.switch("answer=cancel")
    assert "canceled" in user.lkr("doctor", "--fix", code=1)
    mac.dialogs()
    mac.switch("answer=allow")
    assert "choose Always Allow" in user.lkr("doctor", "--fix", code=1)
    mac.dialogs()
    mac.switch("answer=always")
    assert user.lkr("doctor", "--fix", code=1).count("fixed") == 2, "bash alone is wrong still: it does not load lkr"
    assert mac.dialogs() == ["allow anthropic:main", "allow openai:prod"]
    mac.switch()
    assert VALUE in user.lkr("export", "bash", cwd=folder)


def test_the_report_for_a_bug_names_no_key_folder_or_person(user: MacUser, mac: Mac) -> None:
    user.project("secretproject")
    out = user.lkr("doctor", "--report")
    for part in ("darwin", "macOS keychain lkr.keychain-db", "open, 2 keys", "a process, answers", "processes above"):
        assert part in out
    for private in (VALUE, "openai", "anthropic", "secretproject", str(user.home), "/tmp"):
        assert private not in out
    assert "failed" not in out and mac.dialogs() == []
    assert "cannot be used with other options" in user.lkr("doctor", "--report", "--fix", code=64)


@pytest.mark.parametrize("name", ["Prüfung", "a b", "日本"])
def test_a_project_whose_name_macos_writes_in_two_ways(user: MacUser, name: str) -> None:
    """APFS finds a folder by both forms of a letter and keeps the one that it was made with. Here they are two."""
    import unicodedata

    user.project(unicodedata.normalize("NFD", name))
    folder = user.home / unicodedata.normalize("NFD", name)
    assert VALUE in user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder)


@pytest.mark.parametrize(("kept", "reached"), [("Proj", "proj"), ("e\u0301tude", "\u00e9tude")])
def test_a_project_is_the_same_by_any_name_that_the_file_system_finds_it_by(
    user: MacUser, mac: Mac, kept: str, reached: str
) -> None:
    """Two folders stand for the one that a Mac would find by both names."""
    user.project(kept)
    other = user.project(reached, allow=False)
    assert "not allowed" in user.lkr("exec", "--", "true", cwd=other, code=78)
    mac.switch(f"kept={other}|{user.home / kept}")
    assert VALUE in user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=other)
    user.env["PWD"] = str(other)
    assert VALUE in user.lkr("export", "bash", cwd=other)
    user.lkr("policy", "openai:prod", "--only", str(other))
    assert VALUE in user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=user.home / kept)
    user.lkr("deny", cwd=other)
    assert "not allowed" in user.lkr("exec", "--", "true", cwd=user.home / kept, code=78)


def test_a_project_below_a_link_as_tmp_is_on_macos(user: MacUser) -> None:
    folder = user.project("private/tmp/p")
    (user.home / "tmp").symlink_to("private/tmp")
    user.env["PWD"] = str(user.home / "tmp/p")
    assert VALUE in user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=user.home / "tmp/p")
    assert VALUE in user.lkr("export", "bash", cwd=folder)


def test_passwd_names_macos_own_tool(user: MacUser) -> None:
    out = user.lkr("passwd", "--stdin", stdin=b"a\nb\n", code=64)
    assert "security set-keychain-password lkr.keychain-db" in out
