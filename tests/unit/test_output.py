"""Tables, colors and times as a person sees them."""

import io
import os
import pty
import sys

import pytest

from lkrshell.cli import output

ROWS = [("openai:prod", "runtime", "~/a/very/long/folder/name/that/does/not/fit"), ("x:y", "admin", "")]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "just now"), (59, "59 seconds ago"), (61, "1 minute ago"), (7200, "2 hours ago"), (86400, "1 day ago"),
     (86400 * 20, "2 weeks ago"), (86400 * 100, "3 months ago"), (86400 * 800, "2 years ago")],
)  # fmt: skip
def test_a_time_is_reported_in_one_unit(seconds: float, said: str) -> None:
    assert output.ago(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(900, "15 minutes"), (28800, "8 hours"), (5400, "1 hour 30 minutes"), (90061, "1 day 1 hour"), (0, "0 seconds")],
)
def test_a_length_of_time_is_reported_in_two_units(seconds: int, said: str) -> None:
    assert output.span(seconds) == said


def test_off_a_terminal_a_table_is_whole_and_bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert output.table(("NAME", "KIND", "PROJECT"), ROWS) == (
        "openai:prod  runtime  ~/a/very/long/folder/name/that/does/not/fit\nx:y          admin\n"
    )


@pytest.mark.parametrize("no_color", ["", "1"])
def test_on_a_terminal_it_has_headings_and_fits(monkeypatch: pytest.MonkeyPatch, no_color: str) -> None:
    controller, terminal = pty.openpty()
    monkeypatch.setattr(sys, "stdout", os.fdopen(terminal, "w"))
    monkeypatch.setattr(output, "width", lambda: 40)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    shown = output.table(("NAME", "KIND", "PROJECT"), ROWS)
    assert ("\033[1mNAME" in shown) == (not no_color)
    if no_color:
        lines = shown.splitlines()
        assert lines[0].split() == ["NAME", "KIND", "PROJECT"]
        assert max(map(len, lines)) <= 40 and lines[1].endswith("…")
        shown = output.table(("NAME", "KIND", "PROJECT"), [(*ROWS[0][:2], "…" + ROWS[0][2])])
        assert "…" in shown and shown.endswith("not/fit\n"), "a path keeps its end"
    os.close(controller)


def test_wide_characters_keep_columns_aligned_and_names_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    controller, terminal = pty.openpty()
    monkeypatch.setattr(sys, "stdout", os.fdopen(terminal, "w"))
    monkeypatch.setattr(output, "width", lambda: 40)
    monkeypatch.setenv("NO_COLOR", "1")
    name = "anthropic:research-assistant-of-the-team"
    lines = output.table(("PROJECT", "PROGRAM"), [("~/日本語", "lkr"), ("~/plain", "lkr")]).splitlines()
    assert [output.columns(line.partition("lkr")[0]) for line in lines[1:]] == [10, 10]
    lines = output.table(("NAME", "PROJECT"), [(name, "~/日本語フォルダ/とても長い")]).splitlines()
    assert lines[1].startswith(f"{name}  ~/日本") and output.columns(lines[1].removeprefix(name)) <= 10
    os.close(controller)
