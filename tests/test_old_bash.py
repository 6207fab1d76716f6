"""The hook in bash 3.2, Apple's /bin/bash: refused in one line, and nothing else happens.

No registry has a bash 3.2. We built one from its sources, and ran the hook, what `lkr install` writes and `make try` in
it. Here the version is a pretended one, and a rule keeps out what its parser cannot read: it reads the whole hook
before it comes to the refusal. On a Mac the real one runs.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import User

ROOT = Path(__file__).parent.parent
# Conditions, `case` ends and redirections that came with bash 4.
NEWER = re.compile(r"\[\[ (?:! )?-[vR] |;;?&|\|&|&>>|\bcoproc\b|=~ [^\"$]*\(")


@pytest.mark.parametrize("path", ["shell/lkr.bash", "lkr.plugin.bash", "completions/lkr.bash"])
def test_bash_3_2_can_read_what_it_is_given(path: str) -> None:
    lines = (ROOT / path).read_text().splitlines()
    assert [line for line in lines if NEWER.search(line) and not line.lstrip().startswith("#")] == []


def test_bash_3_2_is_refused_in_one_line(user: User) -> None:
    hook = user.lkr("hook", "bash")
    assert "BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404" in hook
    if sys.platform != "darwin":
        hook = hook.replace("BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404", "302 < 404")
    script = user.home / "rc"
    script.write_text(hook + '\necho "after: ${PROMPT_COMMAND-none}"\n')
    done = subprocess.run(["/bin/bash", "--norc", str(script)], env=user.env, capture_output=True, text=True)
    assert re.fullmatch(r"lkr: bash \S+ is too old; lkr needs 4.4 or later\n", done.stderr), done.stderr
    assert done.stdout == "after: none\n"


def test_install_says_that_this_bash_is_too_old(user: User) -> None:
    old = user.home / "bin/bash"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'GNU bash, version 3.2.57(1)-release (arm64-apple-darwin24)'\n")
    old.chmod(0o755)
    user.env["SHELL"] = str(old)
    assert "bash 3.2 is too old for lkr's hook, which needs 4.4: " in user.lkr("install", "bash", "--yes")
    assert "too old" not in user.lkr("install", "zsh", "--yes")


def test_where_bash_is_too_old_the_demo_runs_in_zsh(user: User) -> None:
    demo = [str(ROOT / "examples/try"), str(Path(user.program).parent), "zsh"]
    done = subprocess.run(demo, env=user.env, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True)
    told = [line.split()[3] for line in done.stdout.splitlines() if "a program sees" in line and "show()" not in line]
    assert told == ["0", "32", "0"]
