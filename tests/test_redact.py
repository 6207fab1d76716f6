"""Stored keys taken out of what is printed: `lkr redact`, `lkr exec --redact`, `lkr exec` for an agent."""

import base64
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import forked
import pexpect
import pytest
from conftest import OTHER, VALUE, User

from lkrshell.core.secret import Secret
from lkrshell.scan.values import Redactor, Values

PROGRAM = forked.PROGRAM


def redact(user: User, data: bytes, *words: str, code: int = 0) -> bytes:
    done = forked.lkr(["redact", *words], user.env, user.home, data)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_a_stored_key_is_replaced_by_its_name(user: User) -> None:
    assert redact(user, f"key={VALUE}\nother\n".encode()) == b"key=[lkr openai:prod]\nother\n"


@pytest.mark.parametrize(
    "written",
    [
        base64.b64encode(b"user:" + VALUE.encode()),
        base64.encodebytes(b"x" * 41 + VALUE.encode() * 2),
        json.dumps({"a": f"'{VALUE}'"}).encode(),
        f"{VALUE[:7]}\n{VALUE[7:]}".encode(),
    ],
    ids=["base64", "wrapped base64", "JSON", "two lines"],
)
def test_an_encoded_key_is_replaced(user: User, written: bytes) -> None:
    out = redact(user, b"before " + written + b" after")
    assert out.startswith(b"before ") and out.endswith(b" after") and b"[lkr openai:prod]" in out
    joined = out.replace(b"\n", b"")
    seen = [decoded(word[at:]) for word in re.split(rb"[^A-Za-z0-9+/]+", joined) for at in range(4)]
    assert VALUE[8:].encode() not in joined + b" ".join(seen)


def test_what_holds_no_key_comes_out_as_it_went_in(user: User) -> None:
    data = random.Random(3).randbytes(60000)
    assert redact(user, data) == data
    assert redact(user, b"") == b""


def test_text_comes_out_while_more_is_to_come_and_no_part_of_a_key_does(user: User) -> None:
    process = subprocess.Popen([PROGRAM, "redact"], env=user.env, cwd=user.home, stdin=-1, stdout=-1)
    assert process.stdin and process.stdout
    out = process.stdout.fileno()
    process.stdin.write(b"Name: s")
    process.stdin.flush()
    seen = b""
    while seen != b"Name: s":  # `s` may begin a key, and a prompt must not wait
        seen += os.read(out, 100)
    process.stdin.write(b"o\n" + VALUE[:15].encode())
    process.stdin.flush()
    seen = b""
    while seen != b"o\n":
        seen += os.read(out, 100)
    time.sleep(0.3)
    process.stdin.write(VALUE[15:].encode() + b"\n")
    process.stdin.close()
    assert process.stdout.read() == b"[lkr openai:prod]\n"
    assert process.wait() == 0


def test_an_agent_cannot_guess_a_key_by_when_output_comes(user: User) -> None:
    values = Values({"openai:prod": Secret(VALUE)})
    for even in (False, True):
        waits = set()
        for guess in (VALUE[:-1], VALUE[:-2] + "!", "!" * (len(VALUE) - 1)):
            redactor = Redactor(values, even)
            out = redactor.feed(b"x" * 9000 + guess.encode()) + redactor.idle()
            waits.add(len(out))
        assert (len(waits) == 1) == even
    user.by_agent()
    text = b"x" * 5000 + VALUE.encode() + b" and\n" + VALUE.encode()
    assert redact(user, text) == text.replace(VALUE.encode(), b"[lkr openai:prod]")


def test_a_locked_store_passes_nothing_on(user: User) -> None:
    user.lkr("lock")
    assert redact(user, f"{VALUE}\n".encode(), code=77) == b""


def test_claude_codes_hook_keeps_the_results_shape(user: User) -> None:
    result = {"stdout": f"key {VALUE}\n", "stderr": "", "interrupted": False, "isImage": False, "n": [1, None, OTHER]}
    event = {"hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_input": {}, "tool_response": result}
    user.by_agent()  # Claude Code runs it
    answer = json.loads(redact(user, json.dumps(event).encode(), "--hook", "claude"))
    output = answer["hookSpecificOutput"]
    assert output["hookEventName"] == "PostToolUse"
    assert output["updatedToolOutput"] == {
        **result, "stdout": "key [lkr openai:prod]\n", "n": [1, None, "[lkr anthropic:main]"],
    }  # fmt: skip
    event["tool_response"] = {"stdout": "nothing"}
    assert redact(user, json.dumps(event).encode(), "--hook", "claude") == b""


def decoded(word: bytes) -> bytes:
    return base64.b64decode(word[: len(word) // 4 * 4])


def run(user: User, *words: str, **more: object) -> "subprocess.CompletedProcess[bytes]":
    folder = user.home / "p"
    if not folder.exists():
        user.project("p")
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [PROGRAM, "exec", "--redact", "--", *words], env=user.env, cwd=folder, capture_output=True, timeout=60, **more
    )


def test_exec_replaces_the_keys_that_the_command_prints_on_both_streams(user: User) -> None:
    done = run(
        user, "sh", "-c", 'echo "a $OPENAI_API_KEY"; echo "b $OPENAI_API_KEY" >&2; echo $OPENAI_API_KEY | base64'
    )
    assert done.stdout.startswith(b"a [lkr openai:prod]\n") and b"b [lkr openai:prod]\n" in done.stderr
    assert done.stdout.count(b"[lkr openai:prod]") == 2


def test_an_agents_command_has_the_key_and_does_not_show_it(user: User) -> None:
    folder = user.project("p")
    user.by_agent()
    code = "import os, sys; v = os.environ['OPENAI_API_KEY']; print(v, len(v))"
    assert user.lkr("exec", "--", sys.executable, "-c", code, cwd=folder) == f"[lkr openai:prod] {len(VALUE)}\n"
    assert VALUE not in user.lkr("exec", "-k", "openai:prod", "--", "env", cwd=folder)


def test_a_persons_exec_becomes_the_command_and_changes_nothing(user: User) -> None:
    folder = user.project("p")
    process = subprocess.Popen(
        [PROGRAM, "exec", "--", "sh", "-c", "echo $$ $OPENAI_API_KEY"], env=user.env, cwd=folder, stdout=-1
    )
    out, _ = process.communicate()
    assert out.split() == [str(process.pid).encode(), VALUE.encode()]


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", -15), ("kill -KILL $$", -9)]
)
def test_exec_ends_as_the_command_did(user: User, script: str, code: int) -> None:
    assert run(user, "sh", "-c", script).returncode == code


def test_a_command_that_is_not_there_is_reported(user: User) -> None:
    done = run(user, "no-such-program-1")
    assert done.returncode == 127 and b"cannot run no-such-program-1" in done.stderr


def test_output_to_one_place_keeps_its_order(user: User) -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done"
    folder = user.project("p")
    done = subprocess.run(
        [PROGRAM, "exec", "--redact", "--", "sh", "-c", script], env=user.env, cwd=folder, stdout=-1, stderr=-2
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if not line.startswith(b"lkr:")]
    assert lines == [f"{kind} {i}".encode() for i in range(1, 10) for kind in ("out", "err")]


def test_what_goes_on_in_the_background_neither_holds_us_up_nor_shows_a_key(user: User) -> None:
    script = "(sleep 1; echo late $OPENAI_API_KEY) & echo early; exit 3"
    folder = user.project("p")
    process = subprocess.Popen(
        [PROGRAM, "exec", "--redact", "--", "sh", "-c", script], env=user.env, cwd=folder, stdout=-1
    )
    assert process.wait() == 3
    assert process.stdout and process.stdout.read() == b"early\nlate [lkr openai:prod]\n"


def test_a_reader_that_goes_away_ends_the_command(user: User) -> None:
    folder = user.project("p")
    for option in ("--redact", "--clean"):
        script = f"{PROGRAM} exec {option} -- yes | head -n 1; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", script], env=user.env, cwd=folder, capture_output=True, timeout=60)
        assert done.stdout.split() == [b"y", b"141"], done


def test_a_signal_reaches_the_command(user: User) -> None:
    folder = user.project("p")
    script = "trap 'echo got it; exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    process = subprocess.Popen(
        [PROGRAM, "exec", "--redact", "--", "sh", "-c", script], env=user.env, cwd=folder, stdout=-1
    )
    assert process.stdout and process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == b"got it\n"
    assert process.wait() == 5


def test_the_command_ends_when_we_are_killed(user: User) -> None:
    folder = user.project("p")
    process = subprocess.Popen(
        [PROGRAM, "exec", "--redact", "--", "sh", "-c", "echo $$; exec sleep 60"], env=user.env, cwd=folder, stdout=-1
    )
    assert process.stdout
    pid = int(process.stdout.readline())
    process.kill()
    process.wait()
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]:
        time.sleep(0.05)


@pytest.fixture
def bash(user: User) -> "pexpect.spawn[str]":
    """An interactive bash on a terminal, in a project."""
    folder = user.project("p")
    child = pexpect.spawn(
        "bash", ["--norc", "--noprofile"], env={**user.env, "PS1": "<$?>> ", "TERM": "xterm"}, cwd=str(folder),
        encoding="utf-8", timeout=60, dimensions=(31, 97), echo=False,
    )  # fmt: skip
    child.expect("<0>> ")
    child.sendline("bind 'set enable-bracketed-paste off'")
    child.expect("<0>> ")
    return child


def typed(child: "pexpect.spawn[str]", line: str) -> str:
    child.sendline(line)
    child.expect(r"<(\d+)>> ")
    return str(child.before)


def test_on_a_terminal_the_command_has_one_of_the_same_size(bash: "pexpect.spawn[str]") -> None:
    code = "import os; print(*map(os.isatty, range(3)), *os.get_terminal_size(1), os.environ['OPENAI_API_KEY'])"
    out = typed(bash, f'lkr exec --redact -- {sys.executable} -c "{code}"')
    assert "True True True 97 31 [lkr openai:prod]" in out, out


def test_a_new_size_reaches_the_command(bash: "pexpect.spawn[str]") -> None:
    code = (
        "import os, signal, time; "
        "signal.signal(signal.SIGWINCH, lambda *_: os.write(1, b'%d %d' % os.get_terminal_size(1))); "
        "print('ready', flush=True); [time.sleep(0.1) for _ in range(100)]"
    )
    bash.sendline(f'lkr exec --redact -- {sys.executable} -c "{code}"')
    bash.expect("ready")
    bash.setwinsize(40, 120)
    bash.expect("120 40")
    bash.sendintr()
    bash.expect("<130>> ")


def test_ctrl_c_ends_the_command_and_the_shell_goes_on(bash: "pexpect.spawn[str]") -> None:
    bash.sendline("lkr exec --redact -- sh -c 'echo ready; exec sleep 60'")
    bash.expect("ready")
    bash.sendintr()
    bash.expect("<130>> ")


def test_ctrl_z_stops_it_and_fg_goes_on(bash: "pexpect.spawn[str]") -> None:
    bash.sendline("lkr exec --redact -- sh -c 'echo ready; read x; echo got $x $OPENAI_API_KEY'")
    bash.expect("ready")
    bash.send("\x1a")
    bash.expect(r"Stopped.*<148>> ")
    bash.sendline("fg")
    bash.expect("lkr exec")
    bash.sendline("it")
    bash.expect(r"got it \[lkr openai:prod\]")
    bash.expect("<0>> ")


def test_a_hidden_question_stays_hidden(bash: "pexpect.spawn[str]") -> None:
    code = "import getpass; print(len(getpass.getpass('Word: ')))"
    bash.sendline(f'lkr exec --redact -- {sys.executable} -c "{code}"')
    bash.expect("Word: ")
    time.sleep(0.3)
    bash.sendline("unseen")
    bash.expect("<0>> ")
    assert "6" in str(bash.before) and "unseen" not in str(bash.before)


def test_a_program_that_takes_the_whole_screen_reads_single_keys(bash: "pexpect.spawn[str]") -> None:
    code = "import curses; print(repr(curses.wrapper(lambda s: (s.addstr('READY'), s.refresh(), s.getch())[-1])))"
    bash.sendline(f'lkr exec --redact -- {sys.executable} -c "{code}"')
    bash.expect("READY")
    bash.send("q")  # without Enter
    bash.expect("113")
    bash.expect("<0>> ")
    assert "still" in typed(bash, "stty -a | grep -c -- '-icanon\\|-echo '; echo still")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who reads a terminal")
@pytest.mark.parametrize("command", ["less f", "sh -c 'cat f | less'", "git -c core.pager=less log"])
def test_a_pager_that_reads_the_terminal_of_its_output_gets_the_keys(
    bash: "pexpect.spawn[str]", user: User, command: str
) -> None:
    folder = user.home / "p"
    (folder / "f").write_text("".join(f"line-{number}. {VALUE}\n" for number in range(100)))
    user.git("init", "-q", cwd=folder)
    user.git("commit", "-q", "--allow-empty", "-F", "f", cwd=folder)
    bash.sendline(f"lkr exec --redact -- {command}")
    bash.expect(r"line-20\. \[lkr openai:prod\]")
    bash.send(" ")
    bash.expect(r"line-40\. ")
    bash.send("q")
    bash.expect("<0>> ")
    assert "still" in typed(bash, "stty -a | grep -c -- '-icanon\\|-echo '; echo still")
