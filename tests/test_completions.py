"""Tab, in the real shells: commands, options, names of keys, profiles; and the files are those of the program."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from conftest import User

from lkrshell import completions

FOLDER = Path(__file__).parent.parent / "completions"
SETUP = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        f"bind 'set enable-bracketed-paste off'; source {FOLDER}/lkr.bash",
    ),
    "zsh": (["zsh", "-f", "-i"], f"fpath=({FOLDER} $fpath); autoload -U compinit; compinit -u -D; setopt no_beep"),
    "fish": (["fish", "-N", "-i"], f"source {FOLDER}/lkr.fish"),
}


@pytest.mark.parametrize("name", completions.FILES)
def test_the_files_are_what_the_command_line_says(name: str) -> None:
    assert (FOLDER / name).read_text() == completions.text(completions.FILES[name]), "run make completions"


def tab(user: User, shell: str, line: str, cwd: Path) -> str:
    """What stands on the line after Tab, as the shell would run it: the program is a function that prints its words."""
    command, setup = SETUP[shell]
    env = {**user.env, "TERM": "dumb" if shell != "fish" else "xterm", "PS1": "> ", "PROMPT": "> "}
    child = pexpect.spawn(
        command[0], command[1:], env=env, cwd=str(cwd), encoding="utf-8", timeout=20, dimensions=(40, 200)
    )
    try:
        child.sendline(setup)
        show = 'function lkr; echo "got<$argv>"; end' if shell == "fish" else 'lkr() { echo "got<$*>"; }'
        child.sendline(show)
        child.sendline("echo rea''dy")
        child.expect("ready")
        child.send(line + "\t")
        child.expect_exact(line.split(" ")[-1])
        child.expect(pexpect.TIMEOUT, timeout=1.5)
        child.sendline("")
        child.expect(r"got<([^<>]*)>")
        assert child.match is not None
        return str(child.match.group(1)).strip()
    finally:
        child.close(force=True)


@pytest.fixture
def place(user: User) -> Iterator[Path]:
    yield user.project("p", 'OPENAI_API_KEY = "openai:prod"\n[profiles.staging.keys]\nOPENAI_API_KEY = "openai:stg"')


@pytest.mark.parametrize("shell", SETUP)
@pytest.mark.parametrize(
    ("line", "full"),
    [
        ("lkr ren", "rename"),
        ("lkr rm openai:p", "rm openai:prod"),
        ("lkr rm anth", "rm anthropic:main"),
        ("lkr exec -k ope", "exec -k openai:prod"),
        ("lkr use sta", "use staging"),
        ("lkr hook fi", "hook fish"),
        ("lkr set openai:prod --st", "set openai:prod --stdin"),
        ("lkr add OPENAI", "add OPENAI_API_KEY"),
        ("lkr add TAV", "add TAVILY_API_KEY"),
    ],
)
def test_tab_completes(user: User, place: Path, shell: str, line: str, full: str) -> None:
    assert tab(user, shell, line, place) == full


def test_completing_a_name_starts_no_process(user: User, place: Path) -> None:
    script = f"source {FOLDER}/lkr.bash; COMP_LINE='lkr rm op' COMP_POINT=9; _lkr; echo ${{COMPREPLY[*]}}"
    done = subprocess.run(
        ["strace", "-f", "-e", "trace=process", "bash", "--norc", "-c", script],
        env=user.env, cwd=place, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "openai:prod"
    assert "execve(" in done.stderr, "strace sees what there is"
    assert not re.search(r"\b(v?fork|clone3?)\(", done.stderr)
