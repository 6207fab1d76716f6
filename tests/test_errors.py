"""Bad input gets one clear line and the right exit code, and changes nothing."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import BIN, VALUE, User

from lkrshell.core.errors import ManifestError
from lkrshell.project import manifest

SECRET = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz"
HEAD = "version = 1\n[keys]\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no version"),
        ("version = 2\n", "version 1 only; install a newer lkr"),
        ("version = '1'\n", "version 1 only; write version = 1"),
        ("version = 1\ncolor = 3\n", "unknown field 'color'"),
        ("version = 1\n[key]\nA_KEY = 'openai:prod'\n", ":2:1: unknown field 'key'; did you mean keys?"),
        ("version = 1\n[profile.x.keys]\n", ":2:1: unknown field 'profile'; did you mean profiles?"),
        ("version = 1\nkeys = 'x'\n", "; write [keys], and below it VARIABLE"),
        ("\ufeffversion = 1\n", "byte order mark"),
        ("version = \n", "line 1, column 11"),
        (HEAD + 'PATH = "openai:prod"\n', ":3:1: PATH changes how programs run"),
        (HEAD + 'HTTPS_PROXY = "openai:prod"\n', "changes how programs run"),
        (HEAD + 'LD_PRELOAD = "openai:prod"\n', "changes how programs run"),
        (HEAD + 'openai = "openai:prod"\n', "not a valid variable name"),
        (HEAD + 'A_KEY = "openai"\n', "needs the name of a key"),
        (HEAD + f'A_KEY = "{SECRET}"\n', "looks like a real key"),
        (HEAD + 'A_KEY = "openai:prod"\nA_KEY = "openai:stg"\n', "not TOML: line 4: A_KEY is there twice"),
        (HEAD + 'A_KEY = "OpenAI:prod"\n', '; write it in lower case: "openai:prod"'),
        (HEAD + 'A_KEY = { key = "openai:prod", mode = 1 }\n', "unknown field 'mode'"),
        (HEAD + 'A_KEY = { key = "openai:prod", scope = "shel" }\n', 'did you mean scope = "shell"?'),
        (HEAD + 'A_KEY = { key = "openai:prod", scope = "all" }\n', 'scope = "exec" or scope = { commands = ['),
        ('version = 1\nkeys = ["unknown:prod"]\n', "no known variable"),
        ('version = 1\nkeys = ["openai:a", "openai:b"]\n', "set twice"),
        ("version = 1\n[profiles.x]\nkey = 1\n", "may contain only keys"),
        ("version = 1\n#" + "x" * 70000, "larger than 64 KiB"),
        (HEAD + "".join(f'K{n}_KEY = "openai:prod"\n' for n in range(257)), "more than 256"),
    ],
)
def test_every_error_of_a_manifest_names_the_place_and_the_mend(text: str, says: str) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest.parse("/p/.lkr.toml", text)
    message = str(caught.value)
    assert says in message
    assert message.startswith("/p/.lkr.toml")
    assert SECRET not in message


def test_damaged_files_of_ours_are_reported_and_nothing_loads(user: User) -> None:
    folder = user.project("p")
    data, state = user.home / ".local/share/lkr", user.home / ".local/state/lkr"
    (grant,) = (data / "grants").iterdir()
    vault_file = data / "vault/keys/openai/prod.age"
    for path, code in (
        (grant, 78),
        (vault_file, 1),
        (data / "index/vault/openai/prod", 1),
    ):
        good = path.read_bytes()
        path.write_bytes(b"rubbish")
        out = user.lkr("exec", "--", "env", cwd=folder, code=code)
        assert "damaged" in out
        path.write_bytes(good)
    (state / "generations" / "not ours").write_bytes(b"\xff\xfe")
    assert VALUE in user.lkr("exec", "--", "env", cwd=folder)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("backend = 'no'", "unknown backend"),
        ("quiet = 3", "quiet must be true or false"),
        ("lock_after = '15m'", "lock_after must be a whole number"),
        ("bakend = 'vault'", "did you mean backend?"),
        ("[providers.acme]\nvariabel = 'ACME_API_KEY'", "unknown field 'variabel'; did you mean variable?"),
        ("x\ny = 2", "line 1"),
        ("y = 1", "unknown"),
    ],
)
def test_a_bad_config_is_reported(user: User, config: str, says: str) -> None:
    path = user.home / ".config/lkr/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(config)
    assert says in user.lkr("list", code=1)


def test_a_folder_that_was_removed_is_named_as_the_reason(user: User) -> None:
    for words in ("status", "allow", "edit", "add openai:prod", "init --yes"):
        script = f'mkdir gone && cd gone && rmdir ../gone && "{user.program}" {words}'
        done = subprocess.run(["sh", "-c", script], env=user.env, cwd=user.home, capture_output=True, text=True)
        assert "no longer exists" in done.stdout + done.stderr
        assert "lkr init" not in done.stdout + done.stderr


def test_folders_that_others_can_open_are_refused(user: User) -> None:
    grants = user.home / ".local/share/lkr/vault/keys/openai/prod.age"
    folder = user.project("p")
    grants.chmod(0o644)
    assert "chmod 600" in user.lkr("exec", "--", "env", cwd=folder, code=1)
    grants.chmod(0o600)
    if os.getuid() == 0:
        os.chown(grants, 12345, -1)
        assert "belongs to another user" in user.lkr("exec", "--", "env", cwd=folder, code=1)


@pytest.mark.parametrize(
    "words",
    [
        ["set", "openai:new", SECRET],
        ["set", "openai:new", f"--value={SECRET}"],
        ["set", "openai:new", f"--{SECRET}"],
        ["add", SECRET],
        ["list", SECRET],
        ["get", "openai:prod", "--clear-after", SECRET],
        ["policy", "openai:prod", "--agents", SECRET],
        ["vault", SECRET],
        ["export", SECRET],
        ["hook", SECRET],
        [SECRET],
    ],
    ids=lambda words: " ".join(words).replace(SECRET, "VALUE"),
)
def test_a_value_typed_in_the_wrong_place_is_not_repeated(user: User, words: list[str]) -> None:
    done = user.run(*words)
    assert done.returncode and done.stderr.startswith("lkr: ") and SECRET[8:] not in done.stdout + done.stderr


def test_status_names_the_profile_outside_of_a_project_too(user: User) -> None:
    user.env["LKR_PROFILE"] = "staging"
    assert "Profile  staging, chosen by LKR_PROFILE" in user.lkr("status")


def test_a_key_that_only_the_index_has_leads_to_doctor(user: User) -> None:
    shutil.rmtree(user.home / ".local/share/lkr/vault/keys/openai")
    said = user.lkr("get", "openai:prod", "--json", code=1)
    assert said == "lkr: lkr list has openai:prod, but the vault does not; lkr doctor says what to do\n"


def test_unlock_says_that_there_is_no_keychain(user: User) -> None:
    user.env["LKR_BACKEND"] = "keyring"
    said = user.lkr("unlock", code=69)
    assert "there is no keychain" in said and "lkr: unlocked" not in said


@pytest.mark.parametrize(
    "words",
    [
        ["set", SECRET, "--stdin"],
        ["set", "openai:new", SECRET],
        ["set", f"openai:new={SECRET}"],
        ["set", "openai:new=short"],
        ["set", "openai:new", f"--value={SECRET}"],
        ["rotate", "openai:prod", "0123456789abcdef"],
    ],
    ids=lambda words: " ".join(words).replace(SECRET, "VALUE"),
)
def test_a_value_is_never_taken_as_an_argument_and_must_be_revoked(user: User, words: list[str]) -> None:
    said = user.lkr(*words, stdin=b"x", code=64)
    assert "history" in said and "revoke it at the vendor" in said and words[-1] not in said
    assert "openai:new" not in user.lkr("list")


def test_a_word_too_many_is_no_alarm(user: User) -> None:
    assert user.lkr("set", "openai", "main", code=64) == "lkr: too many arguments; see lkr set --help\n"


@pytest.mark.parametrize("value", [b"", b"a\0b", b"x" * 65537])
def test_a_bad_value_is_refused_and_the_old_one_stays(user: User, value: bytes) -> None:
    folder = user.project("p")
    user.lkr("set", "openai:prod", "--stdin", "--force", stdin=value, code=1)
    assert VALUE in user.lkr("exec", "--", "env", cwd=folder)


def test_codes_for_no_home_no_command_no_grant_and_a_wrong_passphrase(user: User) -> None:
    folder = user.project("p", allow=False)
    assert "not allowed yet" in user.lkr("exec", "--", "env", cwd=folder, code=78)
    user.lkr("nonsense", code=64)
    user.lkr("unlock", "--stdin", stdin=b"wrong", code=77)
    user.env["HOME"] = "relative"
    assert "no home folder" in user.lkr("list", code=1)


def test_a_locked_vault_is_one_line_and_unlocking_brings_the_keys_back(user: User, tmp_path: Path) -> None:
    own = User(tmp_path / "own")
    own.home.mkdir()
    own.lkr("unlock", "--stdin", stdin=b"mine")
    own.lkr("set", "openai:prod", "--stdin", "--force", stdin=VALUE.encode())
    folder = own.project("p")
    own.lkr("lock")
    assert "the vault is locked" in own.lkr("exec", "--", "env", cwd=folder, code=77)
    own.lkr("set", "openai:more", "--stdin", stdin=b"needs no unlock")
    own.lkr("unlock", "--stdin", stdin=b"mine")
    assert VALUE in own.lkr("exec", "--", "env", cwd=folder)
    own.lkr("lock")


def test_a_full_or_read_only_disk_keeps_the_old_value(user: User, tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can mount a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=True)
    try:
        shutil.copytree(user.home, disk / "home")
        small = User(disk / "home")
        folder = small.project("p")
        big = b"sk-" + os.urandom(24000).hex().encode()
        with (disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(b"x" * 4096):
                pass
        assert "No space left" in small.lkr("set", "openai:prod", "--stdin", "--force", stdin=big, code=1)
        assert "No space left" in small.lkr("set", "openai:new", "--stdin", stdin=big, code=1)
        assert VALUE in small.lkr("exec", "--", "env", cwd=folder)
        assert not list(disk.rglob(".tmp-*"))
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        assert "Read-only" in small.lkr("set", "openai:prod", "--stdin", "--force", stdin=b"sk-other-value", code=1)
        assert VALUE in small.lkr("exec", "--", "env", cwd=folder)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("way", [">/dev/full", ">&-"])
@pytest.mark.parametrize("words", ["list", "status --json", "hook bash", "get openai:prod --force-plain", "--help"])
def test_output_that_cannot_be_written_is_an_error_and_no_success(user: User, words: str, way: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f"exec {BIN}/lkr {words} {way}"], env=user.env, cwd=user.home, capture_output=True, text=True
    )
    why = "No space left on device" if "full" in way else "Bad file descriptor"
    assert done.stderr.splitlines()[-1] == f"lkr: cannot write to standard output: {why}"
    assert done.returncode == 1 and "Traceback" not in done.stderr


def test_a_locale_without_arrows_gets_an_escape(user: User) -> None:
    user.env["PYTHONIOENCODING"] = "ascii"
    user.project("p\u00e9")
    assert "~/p\\xe9\n" in user.lkr("list")


@pytest.mark.parametrize("way", ["2>/dev/full", "2>&-", "<&-"])
def test_a_message_that_nobody_can_read_stops_nothing(user: User, way: str) -> None:
    script = f"exec {BIN}/lkr allow --yes {way}"
    folder = user.project("p", allow=False)
    assert subprocess.run(["sh", "-c", script], env=user.env, cwd=folder, stdout=subprocess.DEVNULL).returncode == 0
    assert VALUE in user.lkr("exec", "--", "env", cwd=folder)
