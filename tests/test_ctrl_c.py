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
