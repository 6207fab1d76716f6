"""What is generated for the sake of speed says what its source says."""

import calendar
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkrshell.cli import main
from lkrshell.core import clock
from tools import helptext, providers


def test_the_help_is_what_click_writes() -> None:
    assert helptext.FILE.read_text() == helptext.text(), "run make generated"


@pytest.mark.parametrize("columns", [40, 66, 80, 81, 99, 100, 140])
def test_the_help_fits_a_terminal_as_clicks_does(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    served = 0
    for path in helptext.paths():
        for words in ([*path.split(), "--help"], [*path.split(), "-h"], ["help", *path.split()]):
            if page := main._help(words):
                assert page == helptext.by_click(path, columns)
                served += 1
    assert served or columns < 80


def test_help_loads_no_click() -> None:
    script = "import sys; from lkrshell.cli.main import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    for words in (["--help"], ["policy", "--help"]):
        done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
        assert "Usage: lkr" in done.stdout
        assert "click" not in done.stderr.split()


def test_the_vendors_table_is_that_of_the_toml_file() -> None:
    assert (providers.VENDORS / "builtin.py").read_text() == providers.text(), "run make generated"


@given(st.integers(-62135596800, 253402300799))
def test_a_date_is_read_as_the_standard_library_reads_it(seconds: int) -> None:
    date = clock.stamp(seconds)
    if len(date) == 20:  # strftime writes the years before 1000 without noughts on some systems
        assert clock.is_date(date)
        assert clock.seconds(date) == calendar.timegm(time.strptime(date, "%Y-%m-%dT%H:%M:%SZ")) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "x", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01 00:00:00Z",
     "2026-01-01T00:00:00Z ", "2026-01-01T00:00:00",
     "٢026-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "1900-02-29T00:00:00Z"],
)  # fmt: skip
def test_text_that_is_not_a_date_gives_no_date(text: str) -> None:
    assert not clock.is_date(text)


def test_a_leap_day_is_a_date() -> None:
    assert clock.is_date("2024-02-29T23:59:59Z") and clock.is_date("2000-02-29T23:59:59Z")
