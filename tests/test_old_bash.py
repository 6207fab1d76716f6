"""The hook in bash 3.2, Apple's /bin/bash: refused in one line, and nothing else happens.

No registry has a bash 3.2. We built one from its sources once and ran the hook in it. Here the version is a pretended
one, and a rule keeps out what its parser cannot read: it reads the whole hook before it comes to the refusal. On a Mac
the real one runs.
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
    assert re.fullmatch(r"lkr: bash \S+ is too old, 4.4 or later is needed\n", done.stderr), done.stderr
    assert done.stdout == "after: none\n"
