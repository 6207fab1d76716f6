"""The manual page and the help: what the command line says, and clean in the eyes of both readers of manual pages."""

import subprocess
from pathlib import Path

from conftest import User

from lkrshell.cli import main as cli
from tools import manpage

PAGE = Path(__file__).parent.parent / "man" / manpage.FILES[0]


def test_the_page_is_what_the_command_line_says() -> None:
    assert PAGE.read_text() == manpage.text(), "run make completions"


def test_both_readers_of_manual_pages_find_nothing_to_warn_of() -> None:
    man = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(PAGE)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert man.stderr == ""
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(PAGE)], capture_output=True, text=True)
    assert (lint.returncode, lint.stdout) == (0, "")


def test_a_reader_finds_every_command_with_its_options() -> None:
    env = {"MANWIDTH": "100", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    shown = subprocess.run(["man", "-l", str(PAGE)], capture_output=True, text=True, check=True, env=env).stdout
    for command in cli.COMMANDS:
        assert f"lkr {command}" in shown
    assert "--confirm" in shown
    assert "lkr vault export [OPTIONS] FILE" in shown
    assert "\\" not in shown


def test_every_command_is_one_whole_sentence_in_the_help(user: User) -> None:
    listed = [line for line in user.lkr("--help").partition("Start:\n")[2].splitlines() if line.startswith("  ")]
    assert len(listed) == len(cli.COMMANDS)
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []
