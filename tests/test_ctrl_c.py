"""Ctrl-C while the keys are being loaded leaves a shell that is right at the next prompt."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

from conftest import BIN, VALUE, User
from shells import Shell, is_idle, wait_until

A = "OPENAI_API_KEY"


def test_ctrl_c_while_loading_leaves_no_half_state(user: User, open_shell: Callable[..., Shell]) -> None:
    user.project("p")
    shell = open_shell(**{A: "mine"})
    for delay in (0.0, 0.005, 0.01, 0.02, 0.03, 0.05):
        shell.child.sendline("cd p")
        time.sleep(delay)
        shell.child.sendintr()
        time.sleep(0.3)
        # bash 5.3, even without a hook, loses or garbles what is typed while it handles Ctrl-C
        wait_until(lambda: is_idle(shell.child.pid))
        shell.run(":")
        shell.run(f"cd {user.home}/p")
        assert shell.value(A) == VALUE
        assert "Traceback" not in shell.log
        shell.run(f"cd {user.home}")
        assert shell.value(A) == "mine"


def test_an_interrupted_export_says_nothing(user: User) -> None:
    folder = user.project("p")
    for delay in (0.005, 0.02, 0.04):
        child = subprocess.Popen(
            [f"{BIN}/lkr", "export", "bash"], env={**user.env, "PWD": str(folder)}, cwd=folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        time.sleep(delay)
        os.kill(child.pid, signal.SIGINT)
        _, errors = child.communicate(timeout=60)
        assert VALUE.encode() not in errors


def test_bash_parses_no_input_of_its_own_in_the_hook(user: User) -> None:
    # bash reads `x=(…)` as a new input. Ctrl-C then leaves that input in force, and bash exits where it ends.
    script = 'eval "$(lkr hook bash)"; for f in $(compgen -A function __lkr); do declare -f "$f"; done'
    done = subprocess.run(["bash", "-c", script], env=user.env, capture_output=True, text=True, check=True)
    assert "__lkr_now ()" in done.stdout
    assert [line for line in done.stdout.splitlines() if "=(" in line] == []
