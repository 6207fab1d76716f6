"""The audit log, as its writers, a suspicious user and whoever damages it see it."""

import base64
import fcntl
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import BIN, UNDER_AGENT, VALUE, User
from shells import Shell

from lkrshell.core.events import EVENTS
from lkrshell.state import audit

A, B = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"
PASS = b"a passphrase"
Row = dict[str, str]


def log_of(user: User) -> Path:
    return user.home / ".local/state/lkr/audit"


def rows(user: User, *words: str) -> list[Row]:
    return [json.loads(line) for line in user.lkr("audit", "--json", *words).splitlines()]


def use(user: User, folder: Path, count: int = 1) -> None:
    for _ in range(count):
        user.lkr("exec", "--", "true", cwd=folder)


@pytest.fixture
def write(user: User, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Adds lines to the user's log, with long paths of projects in them until it has `size` bytes."""
    for name, value in user.env.items():
        monkeypatch.setenv(name, value)

    def fill(size: int, count: int = 0) -> None:
        number = 0
        while (left := size - log_of(user).stat().st_size) > 0 or number < count:
            assert audit.record("exec", [f"k:{number}"], project="/" + "x" * max(1, min(left - 250, 20000))) is None
            number += 1

    return fill


def every_line(user: User) -> list[str]:
    """The lines as they lie there, oldest first."""
    paths = [log_of(user).with_name(f"audit.{number}") for number in range(audit.KEPT, 0, -1)] + [log_of(user)]
    return [line for path in paths if path.exists() for line in path.read_text().splitlines(keepends=True)]


def whole(user: User) -> int:
    """The number of lines, of which none is broken."""
    found = re.search(r"(\d+) lines, the chain is intact", user.lkr("audit", "--verify"))
    assert found
    return int(found[1])


@pytest.mark.skipif(UNDER_AGENT, reason="the test itself has an agent above it")
def test_every_use_is_in_the_log(user: User) -> None:
    user.at_home()
    folder = user.project("p")
    user.lkr("export", "bash", cwd=folder)
    use(user, folder)
    user.lkr("get", "openai:prod", "--force-plain")
    user.below_agent("claude", f"{BIN}/lkr exec -- true", folder)
    user.below_agent("claude", f"{BIN}/lkr export bash", folder)
    found = [row for row in rows(user) if row["event"] in ("shell", "exec", "get", "refused")]
    uses = [(row["event"], row["agent"]) for row in found]
    assert uses == [("shell", ""), ("exec", ""), ("get", ""), ("exec", "claude"), ("refused", "claude")]
    for row in found:
        assert row["keys"] == "openai:prod"
    for row in (found[0], found[1], found[4]):
        assert (row["variables"], row["project"]) == (A, str(folder))
    assert re.fullmatch(r"\d+ lkr", found[0]["process"])
    assert re.fullmatch(r"\d+ true", found[1]["process"]), "what ran with the keys"
    assert re.search(r"\b(pytest|python)", found[0]["ancestors"])
    assert "claude" in found[4]["ancestors"].split()
    assert user.lkr("audit", "--agent", "claude").count("openai:prod") == 2
    assert user.lkr("audit", "--agent", "any").count("openai:prod") == 2
    assert log_of(user).stat().st_mode & 0o777 == 0o600


def test_each_event_is_a_line_and_none_holds_a_value_or_a_hash_of_one(user: User) -> None:
    fresh = "sk-fresh-0123456789-openai"
    folder = user.project("p")
    user.lkr("unlock", "--stdin", stdin=PASS)
    user.lkr("set", "groq:new", "--stdin", stdin=fresh.encode())
    user.lkr("set", "openai:prod", VALUE, code=64)
    user.lkr("set", VALUE, code=64)
    user.lkr("get", VALUE, code=64)
    user.lkr("get", "openai:prod", "--json")
    user.lkr("get", "openai:prod", code=2)
    user.lkr("export", "bash", cwd=folder)
    user.lkr("export", "direnv", cwd=folder)
    user.lkr("exec", "--", "sh", "-c", f": {VALUE}", cwd=folder)
    user.lkr("exec", "-k", "openai:prod", "--", VALUE, code=127)
    user.lkr("agent-env", "--", "sh", "-c", f": {VALUE}", cwd=folder)
    load = [sys.executable, "-c", "import lkrshell; lkrshell.load()", VALUE]
    subprocess.run(load, env=user.env, cwd=folder, check=True, timeout=100)
    user.lkr("agent-env", VALUE, cwd=folder, code=127)
    user.lkr("token", "openai:prod", cwd=folder)
    (folder / "t.example").write_text(f"{A}=\n")
    user.lkr("gen", "t.example", "--force", cwd=folder)
    (folder / "t").unlink()
    user.lkr("rename", "groq:new", "groq:newer")
    user.lkr("rotate", "groq:newer", "--stdin", stdin=f"{fresh}2".encode())
    user.lkr("policy", "openai:prod", "--ttl", "8h")
    (folder / ".env").write_text(f"{A}={fresh}\n")
    user.lkr("import", ".env", "--yes", "--replace", cwd=folder)
    user.lkr("vault", "export", "all.age", "--stdin", stdin=b"for the file")
    user.lkr("rm", "groq:newer", "--yes")
    user.lkr("vault", "import", "all.age", "--stdin", stdin=b"for the file")
    user.lkr("source", "add", "team", "command", "/bin/echo", fresh, "--yes")
    shared = user.project("q", f'{A} = "team/openai:prod"')
    user.lkr("refresh", cwd=shared)
    user.lkr("team", "init", "me", "--yes", cwd=folder)
    user.lkr("seal", "openai:prod", "--yes", cwd=folder)
    user.lkr("unseal", "openai:prod", cwd=folder)
    (folder / ".lkr/sealed/openai/prod.age").unlink()
    user.lkr("seal", "openai:prod", "--stdin", "--yes", cwd=folder, stdin=fresh.encode())
    shutil.copytree(folder, user.home / "clone")
    user.lkr("unseal", "--yes", cwd=user.home / "clone")
    user.lkr("deny", str(folder))
    user.lkr("passwd", "--stdin", stdin=PASS + b"\nnew\n")
    user.lkr("vault", "rekey", "--stdin", stdin=b"new")
    user.lkr("scan", "-", stdin=VALUE.encode(), code=1)
    user.lkr("redact", stdin=VALUE.encode())
    user.lkr("lock")
    seen = {row["event"] for row in rows(user)}
    elsewhere = {"confirm", "enroll", "login", "logout", "migrate", "unenroll", "usage"}  # tests of their own
    assert seen == set(EVENTS) - elsewhere
    data = log_of(user).read_bytes()
    for value in (VALUE, fresh, f"{fresh}2", PASS.decode(), "for the file"):
        assert value.encode() not in data
        assert value[-12:].encode() not in data
        for text in (value, f"{value}\n"):
            for name in hashlib.algorithms_guaranteed:
                hashed = hashlib.new(name, text.encode())
                for size in (hashed.digest_size,) if hashed.digest_size else (16, 32, 64):
                    digest = hashed.digest() if hashed.digest_size else hashed.digest(size)  # type: ignore[call-arg]
                    for form in (digest, digest.hex().encode(), base64.b64encode(digest)[:20]):
                        assert form not in data, name
            for size in (8, 16, 20, 32):
                assert hashlib.blake2b(text.encode(), digest_size=size).hexdigest().encode() not in data


def test_what_an_agent_was_refused_is_in_the_log(user: User) -> None:
    folder = user.project("p", allow=False)
    (folder / "t.example").write_text(f"{A}=\n")
    (folder / ".env").write_text(f"GROQ_API_KEY={VALUE}\n")
    user.by_agent()
    for words, key in (
        (("allow", "--yes"), ""),  # before the manifest is read
        (("get", "openai:prod", "--force-plain"), "openai:prod"),
        (("gen", "t.example", "--force"), ""),
        (("policy", "openai:prod", "--agents", "allow"), "openai:prod"),
        (("import", ".env", "--yes"), ""),
    ):
        user.lkr(*words, cwd=folder, code=2)
        last = rows(user)[-1]
        assert (last["event"], last["agent"], last["keys"]) == ("refused", "claude", key), words


def test_a_key_for_other_folders_is_refused_by_name(user: User) -> None:
    folder = user.project("p")
    (user.home / "other").mkdir()
    user.lkr("policy", "openai:prod", "--only", str(user.home / "other"))
    user.lkr("export", "bash", cwd=folder, code=2)
    user.lkr("exec", "--", "true", cwd=folder, code=2)
    for row in rows(user, "--event", "refused"):
        assert (row["keys"], row["variables"], row["project"]) == ("openai:prod", A, str(folder))
    assert len(rows(user, "--event", "refused")) == 2


def test_an_import_that_cannot_go_through_stores_nothing(user: User) -> None:
    (user.home / ".env").write_text("GROQ_API_KEY=gsk_12345678901234\nMISTRAL_API_KEY=12345678901234567890\n")
    blocked = user.home / ".local/share/lkr/vault/keys/mistral"
    blocked.write_text("in the way")
    user.lkr("import", ".env", "--yes", code=1)
    assert rows(user)[-1]["event"] == "set"
    assert "groq:main" not in user.lkr("list")


def test_the_log_is_filtered_by_key_event_agent_project_and_days(user: User) -> None:
    one, other = user.project("work/one"), user.project("workshop", f'{B} = "anthropic:main"')
    (user.home / "link").symlink_to(user.home / "work")
    use(user, one)
    use(user, other)
    assert {row["keys"] for row in rows(user, "--key", "anthropic:main")} == {"anthropic:main"}
    assert {row["event"] for row in rows(user, "--event", "allow")} == {"allow"}
    assert {row["project"] for row in rows(user, "--project", str(user.home / "link"))} == {str(one)}
    assert len(rows(user, "--project", str(other), "--event", "exec", "--key", "anthropic:main", "--days", "1")) == 1
    relative = user.lkr("audit", "--project", ".", cwd=one)
    assert relative.count("\n") == 2
    assert "~/work/one" in relative
    assert "no matching lines" in user.lkr("audit", "--agent", "codex")
    log = log_of(user)
    log.write_text(log.read_text().replace(time.strftime("%Y-"), "2001-"))
    assert rows(user, "--days", "36500")
    assert not rows(user, "--days", "3")


@pytest.mark.parametrize(
    "words",
    [
        "--verify --follow", "--unused 3 --older 3", "--gone --verify", "--unused 3 --days 3", "--verify --key a:b",
        "--gone --event exec", "--older 3 --project .", "--event exek", "--days 0", "--key sk-0123456789abcdef01234",
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_reported(user: User, words: str) -> None:
    said = user.lkr("audit", *words.split(), code=64)
    assert said.startswith("lkr: ")
    assert said.count("\n") == 1
    assert "0123456789abcdef" not in said


def test_a_line_fits_a_terminal_and_says_who(user: User) -> None:
    folder = user.project("p")
    use(user, folder)
    user.by_agent("GEMINI_CLI")
    use(user, folder)
    del user.env["GEMINI_CLI"]
    lines = user.lkr("audit").splitlines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  exec     openai:prod  ~/p  true", lines[-2])
    assert lines[-1].endswith("openai:prod  ~/p  true by gemini")
    assert max(map(len, lines)) < 80
    names = [f"k:{number}" for number in range(300)]
    env = {**os.environ, **user.env}
    code = f"from lkrshell.state import audit; print(audit.record('backup', {names!r}))"
    subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True)
    assert user.lkr("audit").splitlines()[-1].endswith("backup   k:0 k:1 k:2 and 297 more")
    assert len(rows(user)[-1]["keys"].split()) == 300


def test_without_a_log_that_is_reported(user: User) -> None:
    log_of(user).unlink()
    done = user.run("audit")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "lkr: the audit log has no matching lines\n")
    assert whole(user) == 0
    assert rows(user) == []


def test_a_hostile_project_name_is_one_line_and_comes_back_as_it_is(user: User) -> None:
    name = "a\tb\nc\\d\re \x1b[31m\u2028\x85\x0cé"
    folder = user.project(name)
    use(user, folder)
    lines = log_of(user).read_bytes().count(b"\n")
    assert whole(user) == lines == len(rows(user))
    assert rows(user)[-1]["project"] == str(folder)
    shown = user.lkr("audit").splitlines()[-1]
    assert shown.isprintable()
    assert r"~/a\tb\nc\d\re \x1b[31m\u2028\x85\x0cé" in shown
    assert len(rows(user, "--project", str(folder))) == 2


def damages(lines: list[bytes]) -> dict[str, tuple[bytes, int]]:
    """What is done to the log, and the first line that shows it."""
    at = next(number for number, line in enumerate(lines) if b"\texec\t" in line)
    place, last = at + 1, len(lines)
    before, it, after = b"".join(lines[:at]), lines[at], b"".join(lines[at + 1 :])
    good = before + it + after
    return {
        "a changed key": (before + it.replace(b"openai:prod", b"openai:pr0d") + after, place),
        "a changed time": (before + b"1" + it[1:] + after, place),
        "a line removed": (before + after, place),
        "the first line removed": (b"".join(lines[1:]), 1),
        "a line twice": (before + it + it + after, place + 1),
        "two lines swapped": (before + lines[at + 1] + it + b"".join(lines[at + 2 :]), place),
        "a line of nothing": (before + b"\n" + it + after, place),
        "a forged line": (before + b"2026-01-01T00:00:00Z\tget\t" + b"0" * 32 + b"\n" + it + after, place),
        "bytes that are no text": (before + it.replace(b"openai", b"\xff\xfe\x00") + after, place),
        "zeros in place of a line": (before + b"\0" * len(it) + after, place),
        "zeros at the end": (good + b"\0" * 512, last + 1),
        "the end of the last line cut": (good[:-20], last),
        "the last line break cut": (good[:-1], last),
    }


def test_a_damaged_log_is_found_and_the_first_line_named(user: User) -> None:
    use(user, user.project("p"), 5)
    good = log_of(user).read_bytes()
    assert whole(user) == good.count(b"\n")
    for what, (bad, place) in damages(good.splitlines(keepends=True)).items():
        log_of(user).write_bytes(bad)
        said = user.lkr("audit", "--verify", code=1)
        assert re.search(rf"/audit:{place}[,;]", said), (what, said)
        report = user.lkr("audit", "--verify", "--json", code=1).splitlines()[0]
        assert json.loads(report)["broken"][0].endswith(f"/audit:{place}"), what
        user.lkr("audit")
        assert all(json.loads(line) for line in user.lkr("audit", "--json").splitlines()), what
    log_of(user).write_bytes(good)
    assert json.loads(user.lkr("audit", "--verify", "--json")) == {"lines": good.count(b"\n"), "broken": []}


def test_after_a_line_cut_short_the_rest_can_be_checked_still(user: User) -> None:
    folder = user.project("p")
    use(user, folder)
    good = log_of(user).read_text()
    log_of(user).write_text(good + "2026-01-01T00:00:00Z\texec\t/ho")
    use(user, folder, 3)
    place = good.count("\n") + 1
    broken = json.loads(user.lkr("audit", "--verify", "--json", code=1).splitlines()[0])
    assert broken == {"lines": place + 3, "broken": [f"{log_of(user)}:{place}"]}
    text = log_of(user).read_text()
    log_of(user).write_text(text[:-100].replace("true", "false"))
    broken = json.loads(user.lkr("audit", "--verify", "--json", code=1).splitlines()[0])
    assert len(broken["broken"]) > 1, "what was changed after it is found"


def test_a_missing_log_in_the_middle_is_found_and_the_oldest_may_go(user: User, write: Callable[..., None]) -> None:
    for _ in range(4):
        write(audit.MAX_BYTES + 1)
        write(0, 1)
    logs = sorted(log_of(user).parent.glob("audit.*"))
    assert [path.name for path in logs] == ["audit.1", "audit.2", "audit.3", "audit.4"]
    whole(user)
    shutil.move(logs[2], user.home)
    assert re.search(r"/audit\.2:1[,;]", user.lkr("audit", "--verify", code=1))
    shutil.move(user.home / "audit.3", logs[2])
    (log_of(user).parent / "audit.1").write_bytes(b"")
    assert re.search(r"/audit:1[,;]", user.lkr("audit", "--verify", code=1))


def test_a_long_log_is_put_aside_and_the_chain_goes_on(
    user: User, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "MAX_BYTES", 2000)
    write(0, 400)
    assert len(list(log_of(user).parent.glob("audit*"))) == 1 + audit.KEPT
    count = whole(user)
    assert 50 < count < 400
    keys = [row["keys"] for row in rows(user, "--event", "exec")]
    assert keys == [f"k:{number}" for number in range(400 - count, 400)]


def test_sixteen_writers_at_once_while_the_log_is_put_aside_lose_no_line(
    user: User, write: Callable[..., None]
) -> None:
    folder = user.project("p")
    for _ in range(3):
        write(audit.MAX_BYTES - 2000)  # some writers fill it, one puts it aside, the others go on
        before = len(every_line(user))
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda _: use(user, folder), range(48)))
        assert whole(user) == len(every_line(user)) == before + 48
    assert sorted(path.name for path in log_of(user).parent.glob("audit.*")) == ["audit.1", "audit.2", "audit.3"]


@pytest.mark.skipif(os.getuid() != 0, reason="which files lkr has open is shown to root alone, by strace too")
@pytest.mark.parametrize("call", ["rename", "openat", "write", "lseek,pread64", "fcntl"])
def test_a_kill_at_any_step_of_putting_aside_loses_no_line(
    user: User, write: Callable[..., None], tmp_path: Path, call: str
) -> None:
    folder = user.project("p")
    for _ in range(3):
        write(audit.MAX_BYTES + 1)
        write(0, 1)
    write(audit.MAX_BYTES + 1)
    state, saved = log_of(user).parent, tmp_path / "saved"
    shutil.copytree(state, saved)
    before = every_line(user)
    killed = 0
    trace = tmp_path / "trace"
    only = ["-P", str(state), *(word for number in range(1, 10) for word in ("-P", f"{state}/audit.{number}"))]
    for step in range(1, 40):
        kill = ["strace", "-f", "-o", str(trace), "-P", str(log_of(user)), *only, "-e", f"trace={call}",
                "-e", f"inject={call}:signal=KILL:when={step}"]  # fmt: skip
        done = subprocess.run([*kill, user.program, "exec", "--", "true"], env=user.env, cwd=folder)
        if done.returncode == 0:
            break
        killed += 1
        use(user, folder)
        after = every_line(user)
        assert after[: len(before)] == before, (call, step)
        assert whole(user) == len(after)
        assert len(after) - len(before) in (1, 2)
        shutil.rmtree(state)
        shutil.copytree(saved, state)
    else:
        pytest.fail("it never went through")
    assert killed, call


def test_a_log_held_by_a_stopped_process_keeps_nobody_waiting(user: User) -> None:
    folder = user.project("p")
    with log_of(user).open("rb+") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        trace = user.home / "trace"
        command = ["strace", "-o", str(trace), "-e", "trace=fcntl", user.program, "export", "bash"]
        done = subprocess.run(command, env=user.env, cwd=folder, capture_output=True, text=True, check=True)
    out = done.stdout + done.stderr
    assert 1 < trace.read_text().count("F_SETLK") < 300, "a look each two thousandths of a second"
    assert VALUE in out
    assert out.count("lkr: the audit log cannot be written") == 1
    assert "another process holds it" in out


def test_half_a_line_on_a_full_disk_is_taken_back(user: User) -> None:
    folder = user.project("p")
    good = log_of(user).read_bytes()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(good) + 20, resource.RLIM_INFINITY))

    command = [user.program, "exec", "--", "sh", "-c", f"echo ${A}"]
    done = subprocess.run(command, env=user.env, cwd=folder, capture_output=True, text=True, preexec_fn=limit)
    assert VALUE in done.stdout
    assert "the audit log cannot be written" in done.stderr
    assert log_of(user).read_bytes() == good
    use(user, folder)
    whole(user)


def in_the_way(user: User, what: str) -> None:
    log = log_of(user)
    log.unlink()
    if what == "a folder":
        log.mkdir()
    elif what == "a link":
        (user.home / "elsewhere").write_text("")
        log.symlink_to(user.home / "elsewhere")
    elif what == "a pipe":
        os.mkfifo(log, 0o600)
    elif what == "a log open to others":
        log.touch(0o644)
        log.chmod(0o644)
    elif what == "a log of another user":
        if os.getuid() != 0:
            pytest.skip("only root can give a file to another user")
        log.touch(0o600)
        os.chown(log, 1234, 1234)


@pytest.mark.parametrize("what", ["a folder", "a link", "a pipe", "a log open to others", "a log of another user"])
def test_a_log_that_cannot_be_written_stops_nothing_and_is_reported(user: User, what: str) -> None:
    folder = user.project("p")
    in_the_way(user, what)
    user.env["LKR_QUIET"] = "1"
    for words in (("export", "bash"), ("exec", "--", "env"), ("agent-env", "--", "env")):
        out = user.lkr(*words, cwd=folder)
        assert (VALUE in out) == (words[0] != "agent-env")
        assert out.count("lkr: the audit log cannot be written") == 1, (words, out)
    assert "the audit log cannot be written" in user.lkr("policy", "openai:prod", "--ttl", "8h")
    if what == "a link":
        assert (user.home / "elsewhere").read_text() == ""
    said = user.lkr("audit", code=1)
    assert "audit" in said
    assert said.startswith("lkr: ")
    assert said.count("\n") == 1
    user.lkr("audit", "--verify", code=1)


def test_a_shell_says_once_that_the_log_cannot_be_written(user: User, open_shell: Callable[..., Shell]) -> None:
    folder = user.project("p")
    in_the_way(user, "a folder")
    for quiet in ("", "1"):
        shell = open_shell(LKR_QUIET=quiet)
        assert shell.run(f"cd '{folder}'").count("the audit log cannot be written") == 1
        assert shell.value(A) == VALUE
        assert "audit" not in shell.run(":")
        assert "audit" not in shell.run("cd ..")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
def test_a_full_or_read_only_disk_stops_no_load(user: User, tmp_path: Path) -> None:
    folder, disk = user.project("p"), tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=True)
    try:
        shutil.copytree(log_of(user).parent, disk / "lkr")
        user.env["XDG_STATE_HOME"] = str(disk)
        log = disk / "lkr/audit"
        with (disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):
            while filler.write(b"x" * 4096):
                pass
        for _ in range(40):  # what is left of the last page
            said = user.lkr("export", "bash", cwd=folder)
            assert VALUE in said
        assert said.count("the audit log cannot be written") == 1
        assert "No space left" in said
        assert log.read_bytes().endswith(b"\n")
        whole(user)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        said = user.lkr("export", "bash", cwd=folder)
        assert VALUE in said
        assert said.count("the audit log cannot be written") == 1
        assert "Read-only" in said
        whole(user)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def follow(user: User) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> "subprocess.Popen[str]":
        command = [user.program, "audit", "--follow", "--json", *words]
        started.append(subprocess.Popen(
            command, env=user.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ))  # fmt: skip
        return started[-1]

    yield start
    for child in started:
        child.kill()
        child.communicate()


def take(child: "subprocess.Popen[str]", count: int) -> list[Row]:
    assert child.stdout
    return [json.loads(child.stdout.readline()) for _ in range(count)]


def test_following_shows_what_comes_and_ends_quietly(
    user: User, follow: Callable[..., "subprocess.Popen[str]"]
) -> None:
    folder = user.project("p")
    log_of(user).unlink()
    child = follow("--event", "exec")
    use(user, folder)
    assert take(child, 1)[0]["keys"] == "openai:prod"
    user.lkr("policy", "openai:prod", "--ttl", "8h")
    use(user, folder, 2)
    assert [row["event"] for row in take(child, 2)] == ["exec", "exec"]
    log_of(user).write_bytes(b"")
    time.sleep(0.6)
    use(user, folder)
    log_of(user).unlink()
    use(user, folder)
    assert [row["event"] for row in take(child, 2)] == ["exec", "exec"], "emptied, removed"
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=10) == ("", "")
    assert child.returncode == -signal.SIGINT


def test_following_loses_no_line_when_the_log_is_put_aside(
    user: User, write: Callable[..., None], follow: Callable[..., "subprocess.Popen[str]"],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    child = follow("--event", "exec")
    write(0, 1)
    take(child, 1)
    monkeypatch.setattr(audit, "MAX_BYTES", 2000)
    write(0, 150)  # faster than one looks: several logs are put aside between two looks
    assert len(list(log_of(user).parent.glob("audit*"))) > 4
    assert [row["keys"] for row in take(child, 150)] == [f"k:{number}" for number in range(150)]


def test_following_a_long_log_reads_only_what_is_new(
    user: User, write: Callable[..., None], follow: Callable[..., "subprocess.Popen[str]"]
) -> None:
    write(900_000)
    child = follow()
    take(child, len(every_line(user)))

    def bytes_read() -> int:
        return int(re.findall(r"rchar: (\d+)", Path(f"/proc/{child.pid}/io").read_text())[0])

    time.sleep(0.5)
    before = bytes_read()
    time.sleep(1.5)
    write(0, 1)
    take(child, 1)
    assert bytes_read() - before < 10_000


def test_a_reader_that_goes_gets_no_traceback(user: User, write: Callable[..., None]) -> None:
    write(500_000)
    write(0, 2000)
    for command in ("lkr audit | head -n1", "lkr audit --json | head -n1", "lkr audit --follow | head -n1"):
        child = subprocess.Popen(
            ["bash", "-c", command], env=user.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        out, err = child.communicate(timeout=60)
        assert (out.count("\n"), err) == (1, ""), command


def set_dates(user: User, name: str, created: str, used: str | None = None) -> None:
    entry = user.home / ".local/share/lkr/index/vault" / name.replace(":", "/")
    entry.write_text(re.sub(r"(?m)^created\t.*$", f"created\t{created}T00:00:00Z", entry.read_text()))
    stamp = time.mktime(time.strptime(used or created, "%Y-%m-%d"))
    os.utime(entry, (stamp, stamp - 86400 * (not used)))


def test_keys_nobody_uses_and_old_ones_are_shown_the_longest_first(user: User) -> None:
    user.lkr("set", "groq:new", "--stdin", stdin=b"gsk_12345678901234")
    user.lkr("set", "groq:used", "--stdin", stdin=b"gsk_12345678901234")
    yesterday = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))
    set_dates(user, "openai:prod", "2021-01-01")
    set_dates(user, "anthropic:main", "2020-01-01", "2022-01-01")
    set_dates(user, "groq:used", "2019-01-01", yesterday)

    def names(*words: str) -> list[str]:
        return [json.loads(line)["name"] for line in user.lkr("audit", *words, "--json").splitlines()]

    assert names("--unused", "30") == ["openai:prod", "anthropic:main"]
    assert names("--older", "30") == ["groq:used", "anthropic:main", "openai:prod"]
    assert names("--unused", "30", "--key", "anthropic:main") == ["anthropic:main"]
    assert names("--older", "30", "--key", "groq:new") == []
    assert user.lkr("audit", "--unused", "30").splitlines()[0] == "openai:prod     stored 2021-01-01  never used"
    assert "no such keys" in user.lkr("audit", "--unused", "36500")
    assert "no key groq:none" in user.lkr("audit", "--older", "3", "--key", "groq:none", code=1)

    user.lkr("policy", "openai:prod", "--ttl", "8h")
    user.lkr("rename", "openai:prod", "openai:moved")
    assert names("--unused", "30")[0] == "openai:moved", "neither is a use"
    user.lkr("rotate", "openai:moved", "--stdin", stdin=b"sk-new-value-12345678")
    assert names("--older", "30") == ["groq:used", "anthropic:main"], "the value is new"
    user.lkr("exec", "-k", "anthropic:main", "--", "true")
    assert names("--unused", "30") == []


def test_projects_that_are_gone_are_shown(user: User) -> None:
    kept, moved, emptied, forgotten = (user.project(name) for name in ("kept", "moved", "emptied", "forgotten"))
    plain = user.home / "plain"
    plain.mkdir()
    for folder in (kept, moved, emptied, forgotten):
        use(user, folder)
    user.lkr("exec", "-k", "openai:prod", "--", "true", cwd=plain)
    assert "every project still exists" in user.lkr("audit", "--gone")
    user.lkr("deny", str(forgotten))
    shutil.rmtree(forgotten)
    shutil.move(moved, user.home / "elsewhere")
    (emptied / ".lkr.toml").unlink()
    found = {
        Path(row["project"]).name: row for row in map(json.loads, user.lkr("audit", "--gone", "--json").splitlines())
    }
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert list(found) == ["emptied", "forgotten", "moved"]
    assert (found["emptied"]["missing"], found["emptied"]["allowed"]) == ("manifest", ["openai:prod"])
    assert (found["forgotten"]["missing"], found["forgotten"]["allowed"]) == ("folder", [])
    assert (found["moved"]["missing"], found["moved"]["last_use"][:10]) == ("folder", today)
    log_of(user).unlink()
    line = f"{moved}  no folder  not in the log  still allowed openai:prod\n"
    assert user.lkr("audit", "--gone", "--project", str(moved)) == line
