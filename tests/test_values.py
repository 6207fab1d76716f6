"""Any value reaches a program through any shell unchanged: a property, against the real shells."""

import os
import subprocess

import pytest
from conftest import User
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from shells import START

from lkrshell.shells.base import dialect

VALUES = st.binary(max_size=300).filter(lambda data: b"\0" not in data)
EVERY_BYTE = bytes(range(1, 256))
NASTY = "'\"\\ $(touch x) `touch x` !! * ~ \t\r\n\n ü日本 \\' end'".encode()
PRINT = "import os,sys; sys.stdout.buffer.write(os.environb[b'V_KEY'])"


@pytest.mark.parametrize("shell", START)
def test_every_value_survives_the_quoting(shell: str) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(VALUES)
    @example(EVERY_BYTE)
    @example(NASTY)
    @example(b"x" * 65536)
    @example(b"'" * 999)
    def check(value: bytes) -> None:
        quoted = dialect(shell).quote(value.decode("utf-8", "surrogateescape"))
        export = "set -gx V_KEY " if shell == "fish" else "export V_KEY="
        script = export.encode() + quoted.encode("utf-8", "surrogateescape") + f'\npython3 -c "{PRINT}"\n'.encode()
        command = START[shell][:-1]  # without -i
        env = {"PATH": "/usr/bin:/bin:" + os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nonexistent"}
        done = subprocess.run(command, input=script, capture_output=True, env=env, check=True)
        assert done.stdout == value

    check()


@pytest.mark.parametrize("value", [EVERY_BYTE, NASTY, b"y" * 65536])
@pytest.mark.parametrize("shell", START)
def test_every_value_survives_store_hook_and_shell(user: User, shell: str, value: bytes) -> None:
    folder = user.project("p", 'V_KEY = "any:value"', allow=True)
    user.lkr("set", "any:value", "--stdin", stdin=value + b"\n")
    command = START[shell][:-1]  # without -i
    hook = user.lkr("hook", shell)
    script = f'{hook}\n__lkr_hook\npython3 -c "{PRINT}"\n'
    done = subprocess.run([*command, "-c", script], cwd=folder, capture_output=True, env=user.env)
    assert done.stdout == value


def test_age_itself_opens_the_vault(user: User) -> None:
    vault = user.home / ".local/share/lkr/vault"
    done = subprocess.run(
        ["python3", "-c", "import pty,sys; pty.spawn(['age','-d','-o',sys.argv[2],sys.argv[1]])",
         str(vault / "identity.age"), str(user.home / "identity")],
        input=b"a passphrase\n", capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    done = subprocess.run(
        ["age", "-d", "-i", str(user.home / "identity"), str(vault / "keys/openai/prod.age")],
        capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout == b'{"value": "sk-test-0123456789-openai", "kind": "runtime"}'
