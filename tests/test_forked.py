"""What the tests' way to start `lkr` shows is what a new process shows."""

import os
import subprocess
import sys
from pathlib import Path

import forked
import pytest
import vaults
from conftest import VALUE, User

A = "OPENAI_API_KEY"


def both(user: User, *words: str, cwd: Path | None = None, stdin: bytes = b"") -> tuple[int, bytes, bytes]:
    """The exit code and the output of a call; they are the same from the helper and from a process."""
    forked.lkr(words, user.env, cwd or user.home, stdin)  # the first call of a command is a process
    (done, fresh) = (
        forked.lkr(words, user.env, cwd or user.home, stdin),
        subprocess.run(
            [user.program, *words], env=user.env, cwd=cwd or user.home, input=stdin, capture_output=True,
            start_new_session=True,
        ),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (fresh.returncode, fresh.stdout, fresh.stderr)
    return done.returncode, done.stdout, done.stderr


def test_a_command_gets_the_environment_the_folder_the_input_and_the_umask(user: User) -> None:
    folder = user.project("p")
    script = 'printf %s "$OPENAI_API_KEY$MINE${HOME##*/}"; pwd; umask; cat; ps -o sid= -p $$ | grep -c .; exit 7'
    user.env["MINE"] = "\udcff one\ntwo"
    before = os.umask(0o027)
    try:
        code, out, _ = both(user, "exec", "--", "sh", "-c", script, cwd=folder, stdin=b"typed")
    finally:
        os.umask(before)
    assert code == 7
    assert out == f"{VALUE}".encode() + b"\xff one\ntwohome" + f"{folder}\n0027\ntyped1\n".encode()
    env = both(user, "exec", "--", "sh", "-c", "env | sort", cwd=folder)[1].splitlines()
    assert {line.partition(b"=")[0].decode("utf-8", "surrogateescape") for line in env} >= {*user.env, A}
    assert not [line for line in env if line.startswith(b"PYTEST")]


def test_a_call_that_is_wrong_killed_or_refused_ends_as_it_does_in_a_process(user: User) -> None:
    assert both(user, "nonsense")[0] == 64
    assert both(user, "exec", "--", "env", cwd=user.home)[0] == 78
    folder = user.project("p")
    assert both(user, "exec", "--", "sh", "-c", "kill -9 $$", cwd=folder)[0] == -9
    assert b"list" in both(user, "--help")[1]


def test_nothing_that_one_call_did_is_there_in_the_next(user: User) -> None:
    both(user, "list")
    user.config("quiet = true\n[providers.mine]\nvariable = 'MINE_API_KEY'\n")
    user.lkr("set", "mine:x", "--stdin", "--force", stdin=b"mine-0123456789")
    assert b"MINE_API_KEY" in both(user, "list", "--json")[1]
    user.config("")
    assert b"MINE_API_KEY" not in both(user, "list", "--json")[1]


def test_an_account_of_another_home_is_looked_up(user: User) -> None:
    user.at_home()
    both(user, "doctor", "--json")


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONHOME", "LANG", "LD_LIBRARY_PATH"])
def test_what_changes_how_python_starts_starts_python(user: User, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    both(user, "list")
    user.env[name] = f"/nothing/{name}"
    monkeypatch.setattr(forked._Helper, "run", lambda *_: pytest.fail("it was forked"))
    forked.lkr(["list"], user.env, user.home)


def test_only_in_the_helper_a_seal_costs_little(user: User) -> None:
    vault = user.home / ".local/share/lkr/vault"
    forked._seen.add("passwd")
    work = []
    for run in (
        forked.lkr,
        lambda words, env, cwd, stdin: subprocess.run([user.program, *words], env=env, input=stdin),
    ):
        run(["passwd", "--stdin"], user.env, user.home, stdin=b"a passphrase\na passphrase\n")
        work.append(int((vault / "identity.age").read_bytes().split(b"\n")[1].split()[-1]))
    assert work[0] == vaults._LOG_N and work[1] > vaults._LOG_N, work


def test_a_call_that_does_not_end_is_killed(user: User) -> None:
    folder = user.project("p")
    both(user, "exec", "--", "true", cwd=folder)
    with pytest.raises(subprocess.TimeoutExpired):
        forked.lkr(["exec", "--", "sleep", "1000"], user.env, folder, timeout=2)


def test_the_helper_ends_with_the_tests(user: User, tmp_path: Path) -> None:
    code = "import sys; sys.path[:0] = sys.argv[1:3]; import forked, pathlib\n"
    code += "for _ in range(2): forked.lkr(['list'], {'LANG': 'C.UTF-8', 'HOME': sys.argv[3]}, pathlib.Path('/'))\n"
    code += "(helper,) = forked._helpers.values(); print(helper._process.pid, flush=True); import os; os._exit(0)"
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code, str(here), str(here.parent), str(tmp_path)], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    from shells import wait_until

    wait_until(lambda: not Path(f"/proc/{int(done.stdout)}").exists())
