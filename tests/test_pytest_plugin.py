"""The pytest plugin in real pytest runs, with pytest-xdist and junit files: keys are there, no report has a value."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import OTHER, VALUE, User

from lkrshell.core.secret import Secret
from lkrshell.scan.cut_off import CutOff
from lkrshell.scan.values import Values

A, B = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"
BOTH = f'{A} = "openai:prod"\n{B} = "anthropic:main"'
LEAKS = f"""
import logging, os, sys, warnings
import pytest

def values():
    return os.environ["{A}"], os.environ["{B}"]

def test_passes_and_prints():
    print(*values())
    print(values()[0], file=sys.stderr)
    logging.getLogger("x").warning("with %s", values()[0])
    warnings.warn(f"a warning with {{values()[0]}}")

def test_fails():
    first, second = values()
    print(first)
    assert first == second + "x", f"{{first}} is not"

def test_raises(record_property):
    record_property("key", values()[0])
    def inner(key):
        raise ValueError(key, {{"deep": [key]}})
    inner(values()[0])

def test_skips():
    pytest.skip(f"because of {{values()[0]}}")

@pytest.mark.xfail(reason="no")
def test_fails_as_expected():
    raise RuntimeError(values()[0])

@pytest.fixture
def broken():
    print(values()[1])
    raise RuntimeError(values()[1])

def test_setup_fails(broken):
    pass

@pytest.mark.parametrize("key", [os.environ.get("{A}", "none")])
def test_parameter(key):
    print(repr(key), [key], key.encode())
    assert not key
"""


def run(user: User, folder: Path, *options: str, code: int = 0) -> str:
    """Runs pytest. It keeps its folders to itself, since at its end it removes those of earlier runs, our own too."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        env={**user.env, "PYTEST_DEBUG_TEMPROOT": str(user.home)}, cwd=folder, capture_output=True, text=True,
        timeout=250, start_new_session=True,
    )  # fmt: skip
    out = done.stdout + done.stderr
    assert done.returncode == code, out
    return out


@pytest.fixture
def folder(user: User) -> Path:
    folder = user.project("p", BOTH)
    (folder / "pytest.ini").write_text("[pytest]\nlkr = true\n")
    return folder


@pytest.mark.parametrize(
    "options", [["-rA", "--showlocals"], ["-n2", "-rA", "--tb=native"], ["-n2", "-v", "--tb=long"]]
)
def test_no_report_has_a_value_on_the_terminal_or_in_the_junit_file(
    user: User, folder: Path, options: list[str]
) -> None:
    (folder / "test_leaks.py").write_text(LEAKS)
    out = run(user, folder, *options, "--junitxml=junit.xml", "-o", "junit_logging=all", code=1)
    assert "3 failed, 1 passed, 1 skipped, 1 xfailed" in out
    junit = (folder / "junit.xml").read_text()
    for text in (out, junit):
        assert VALUE not in text and OTHER not in text
        assert "[lkr openai:prod]" in text
    if "--showlocals" in options:
        assert f"lkr: {A} (openai:prod), {B} (anthropic:main)" in out


SHORTENED = f"""
import os
import reprlib

def test_of_a_request():
    key = os.environ["{A}"]
    request = "POST /v1/responses HTTP/1.1\\r\\n" + "Accept: */*\\r\\n" * {{lines}}
    request += f"Authorization: Bearer {{key}}\\r\\n"
    request += "X: " + "y" * ({{size}} - len(request))
    assert len(request) > 1000

def test_of_a_key():
    assert os.environ["{B}"] == "other"

def test_of_a_key_in_the_middle():
    key = os.environ["{A}"]
    assert reprlib.repr([key + "-" * 20, "-" * 20 + key]) == "other"
"""
LONG = "sk-proj-Secret0123456789abcdefghijklmnopqrstuvwxyzSECR"


def test_a_value_that_pytest_shortens_is_masked_on_both_sides_of_the_dots(user: User) -> None:
    user.lkr("set", "openai:long", "--stdin", stdin=LONG.encode())
    folder = user.project("p", f'{A} = "openai:long"\n{B} = "openai:long"')
    for lines, size in ((12, 300), (4, 310), (5, 260)):
        code = SHORTENED.replace("{lines}", str(lines)).replace("{size}", str(size))
        (folder / f"test_{lines}.py").write_text(code)
    out = run(user, folder, "--lkr", "--showlocals", "--junitxml=junit.xml", code=1)
    assert "9 failed" in out and "[lkr part of a key]...[lkr part of a key]" in out
    for text in (out, (folder / "junit.xml").read_text()):
        shown = [LONG[at : at + 8] for at in range(len(LONG) - 7) if LONG[at : at + 8] in text]
        assert not shown, text


def test_a_shortened_value_of_many_equal_characters_is_masked_in_few_steps() -> None:
    parts = CutOff(Values({"own:0": Secret("x" * 400)}))
    calls = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        out = parts.masked(b"<" + b"x" * 100 + b"..." + b"x" * 9 + b"\\n" + b"x" * 90 + b">", b"M")
    finally:
        sys.setprofile(before)
    assert out == b"<M...M>"
    assert calls < 5000


def test_with_xdist_a_mask_shows_the_name_of_the_key(user: User, folder: Path) -> None:
    (folder / "test_it.py").write_text(f'import os\ndef test_it():\n    assert os.environ["{A}"] == "x"\n')
    assert "[lkr openai:prod]" in run(user, folder, "-n1", code=1)


def test_a_module_that_fails_while_it_is_collected_shows_no_value(user: User, folder: Path) -> None:
    (folder / "test_import.py").write_text(
        f'import os\nprint(os.environ["{A}"])\nraise ValueError(os.environ["{A}"])\n'
    )
    out = run(user, folder, code=2)
    assert VALUE not in out and "[lkr openai:prod]" in out


def test_what_no_report_shows_is_left_as_it_is(user: User, folder: Path) -> None:
    (folder / "conftest.py").write_text(
        f'import os\ndef pytest_collectstart(collector):\n    collector.config.kept = [os.environ["{A}"]]\n'
    )
    (folder / "test_it.py").write_text(
        f'import os\ndef test_it(request, tmp_path_factory):\n    assert request.config.kept == [os.environ["{A}"]]\n'
    )
    run(user, folder)


def test_workers_ask_the_store_no_second_time(user: User, folder: Path) -> None:
    (folder / "test_it.py").write_text(
        f'import os\ndef test_it():\n    assert len(os.environ["{A}"]) == {len(VALUE)}\n'
    )
    run(user, folder, "-n2")
    assert user.lkr("audit", "--event", "python").count("openai:prod") == 1


FIXTURE = f"""
import os
def test_it(lkr_keys):
    assert "{A}" not in os.environ
    print(lkr_keys["{A}"])
    assert len(lkr_keys["{A}"]) == 1, lkr_keys["{A}"]
"""


def test_the_fixture_gives_keys_to_one_test_and_masks_them_even_where_the_rest_is_off(user: User) -> None:
    folder = user.project("p")
    (folder / "test_it.py").write_text(FIXTURE)
    out = run(user, folder, code=1)
    assert VALUE not in out and "[lkr openai:prod]" in out
    user.lkr("deny", str(folder))
    out = run(user, folder, code=1)
    assert "is not allowed: you denied it; to allow it again: lkr allow" in out
    assert "Traceback" not in out


NEEDS = """
import pytest
@pytest.mark.needs_key("openai:prod")
def test_has():
    pass
@pytest.mark.needs_key("groq:ci")
def test_has_not():
    pass
"""


def test_a_test_that_needs_a_key_is_skipped_with_the_reason(user: User) -> None:
    folder = user.project("p")
    (folder / "test_it.py").write_text(NEEDS)
    options = ["-rs", "--strict-markers", "-W", "error"]
    out = run(user, folder, *options)
    assert "2 skipped" in out and "needs openai:prod: run pytest --lkr" in out
    out = run(user, folder, *options, "--lkr")
    assert "1 passed, 1 skipped" in out and "needs groq:ci: not stored here: lkr set groq:ci" in out
    user.lkr("lock")
    out = run(user, folder, *options, "--lkr")
    assert "2 skipped" in out and "needs openai:prod: the vault is locked; lkr unlock" in out
    user.env[A] = "set-by-ci"
    out = run(user, folder, *options)
    assert "1 passed, 1 skipped" in out, "as in CI, where the variable is set"


OFF = """
import os, sys
def test_it(request):
    ours = sorted(name for name in sys.modules if name.startswith("lkrshell"))
    assert ours == ["lkrshell", "lkrshell.pytest_plugin"], ours
    assert not request.config.pluginmanager.hasplugin("lkr-session")
    assert "OPENAI_API_KEY" not in os.environ
"""


@pytest.mark.parametrize("options", [[], ["--no-lkr"]])
def test_when_it_is_off_nothing_is_loaded(user: User, options: list[str]) -> None:
    folder = user.project("p")
    if options:
        (folder / "pytest.ini").write_text("[pytest]\nlkr = true\n")
    (folder / "test_it.py").write_text(OFF)
    run(user, folder, *options)


def test_a_profile_can_be_chosen_in_pyproject(user: User) -> None:
    user.lkr("set", "openai:stg", "--stdin", stdin=b"sk-staging-0123456789")
    folder = user.project("p", f'{A} = "openai:prod"\n[profiles.staging.keys]\n{A} = "openai:stg"')
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\nlkr = true\nlkr_profile = "staging"\n')
    (folder / "test_it.py").write_text(
        "import os\ndef test_it():\n    assert len(os.environ['OPENAI_API_KEY']) == 21\n"
    )
    assert f"lkr: {A} (openai:stg)" in run(user, folder)
