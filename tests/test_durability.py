"""A write survives a power loss and a full disk: data before names, one change after the other."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import vaults
from conftest import BIN, OTHER, VALUE, User

PASS = b"a passphrase"
NEW = b"sk-new-value-12345678"

# Every command that writes: its words, its standard input, and how many renames, removals and new folders to expect.
WRITERS: dict[str, tuple[list[str], bytes, int]] = {
    "set": (["set", "openai:prod", "--stdin", "--force"], NEW, 3),
    "set-new": (["set", "groq:new", "--stdin"], NEW, 5),
    "rm": (["rm", "--yes", "openai:prod"], b"", 3),
    "rename": (["rename", "openai:prod", "groq:new"], b"", 7),
    "rotate": (["rotate", "openai:prod", "--stdin"], NEW, 4),
    "policy": (["policy", "openai:prod", "--kind", "admin"], b"", 3),
    "allow": (["allow", "--yes", "p"], b"", 2),
    "deny": (["deny", "q"], b"", 2),
    "passwd": (["passwd", "--stdin"], PASS + b"\nnew\n", 1),
    "rekey": (["vault", "rekey", "--stdin"], PASS, 5),
    "backup": (["vault", "export", "backup.age", "--stdin"], b"for the file", 1),
    "import": (["import", ".env", "--yes", "--replace", "--blank"], b"", 6),
}


@pytest.fixture
def mine(user: User) -> User:
    user.project("p", allow=False)
    user.project("q")
    (user.home / ".env").write_text(f"OPENAI_API_KEY={NEW.decode()}\n")
    return user


def traced(user: User, writer: str, calls: str, trace: Path, *more: str) -> "subprocess.CompletedProcess[bytes]":
    """With the names of open files, which lkr by prctl shows to root alone: here that does nothing."""
    words, stdin, _ = WRITERS[writer]
    shown = ["-y", "-e", f"trace={calls},prctl", "-e", "inject=prctl:retval=0"]
    # what the passphrase costs changes no write; paid at each step, it would be minutes
    program = vaults.SEALING_CHEAPLY if writer in ("passwd", "rekey", "backup") else [f"{BIN}/lkr"]
    command = ["strace", "-f", *shown, *more, "-o", str(trace), *program, *words]
    return subprocess.run(command, input=stdin, env=user.env, cwd=user.home, capture_output=True)


@pytest.mark.parametrize("writer", WRITERS)
def test_every_change_is_on_the_disk_before_the_next_one(mine: User, tmp_path: Path, writer: str) -> None:
    """So what a power loss leaves is what a kill at some instant leaves."""
    mine.lkr("unlock", "--stdin", stdin=PASS)
    trace = tmp_path / "trace"
    done = traced(mine, writer, "fsync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat", trace)
    assert done.returncode == 0, done.stderr
    waiting: str | None = None  # the folder whose change is not on the disk yet
    synced: set[str] = set()
    changes = 0
    for line in trace.read_text().splitlines():
        if " = 0" not in line:
            continue
        if "fsync(" in line:
            path = re.search(r"<(.*?)>", line)
            assert path, line
            synced.add(path[1])
            if path[1] == waiting:
                waiting = None
            continue
        found = re.findall(r'(?:<([^>]*)>, )?"([^"]+)"', line)  # a name may be relative to an open folder
        names = [str(mine.home / folder / name) for folder, name in found]
        if not names or "/__pycache__" in names[-1] or not names[-1].startswith(f"{mine.home}/"):
            continue  # a library that tries out the folder for temporary files, for instance
        if "/generations/" in names[-1]:  # a sign to live shells: none outlives a power loss
            changes += 1
            continue
        assert waiting is None, f"{waiting} was not synced before {line}"
        if "rename" in line:
            assert names[0] in synced, f"{names[1]} got its name before its data"
        waiting = str(Path(names[-1]).parent)
        changes += 1
    assert waiting is None, f"{waiting} was not synced at the end"
    assert changes >= WRITERS[writer][2], changes


FULL = [("set", "fsync"), ("set", "write"), *((name, "fsync") for name in ("rm", "rename", "allow", "passwd", "rekey"))]


@pytest.mark.parametrize(("writer", "call"), FULL)
def test_a_disk_that_fills_up_at_any_step_keeps_the_old_value_or_the_new_one(
    mine: User, writer: str, call: str
) -> None:
    """strace answers the Nth call with ENOSPC, for each N (each fourth of the slow rekey) until there is no Nth one."""
    mine.lkr("unlock", "--stdin", stdin=PASS)
    saved = mine.home.parent / "saved"
    shutil.copytree(mine.home, saved)
    for step in range(1, 60, 4 if writer == "rekey" else 1):
        log = mine.home.parent / "trace"
        done = traced(mine, writer, call, log, "-e", f"inject={call}:error=ENOSPC:when={step}")
        text = done.stderr.decode()
        assert "Traceback" not in text, text
        injected = [line for line in log.read_text().splitlines() if "(INJECTED)" in line and f"{call}(" in line]
        elsewhere = [line for line in injected if f"<{mine.home}/" not in line]  # stdout, stderr, a library's own files
        to_a_person = call == "write" and elsewhere == injected
        if done.returncode == 0:
            if not injected:
                break
            assert to_a_person or "audit" in text or "audit" in str(injected) or writer == "backup", (injected, text)
        else:
            assert to_a_person or "No space left" in text, (injected, text)
        stray = list(mine.home.rglob(".tmp-*"))
        assert not stray, (stray, injected)
        if writer in ("passwd", "rekey"):
            for passphrase in [PASS, b"new"]:
                if mine.run("unlock", "--stdin", stdin=passphrase).returncode == 0:
                    break
            else:
                pytest.fail(f"no passphrase opens the vault after {injected}")
        values = {
            name: mine.run("exec", "-k", f"V_KEY={name}", "--", "sh", "-c", 'printf %s "$V_KEY"').stdout
            for name in ("openai:prod", "groq:new")
        }
        assert values["openai:prod"] in (VALUE, NEW.decode(), ""), values
        if not values["openai:prod"]:
            assert writer == "rm" or (writer == "rename" and values["groq:new"] == VALUE), values
        shutil.rmtree(mine.home)
        shutil.copytree(saved, mine.home)
        if writer == "rekey":
            mine.lkr("unlock", "--stdin", stdin=PASS)
    else:
        pytest.fail("it never went through")
    assert (
        mine.lkr("exec", "-k", "V_KEY=anthropic:main", "--", "sh", "-c", 'printf %s "$V_KEY"', cwd=mine.home) == OTHER
    )
