"""The pytest plugin: a project's keys for a test session or for one test, with their values masked in every report.

It is off until the configuration says `lkr = true` or the command line `--lkr`. Until then it loads nothing else of lkr
and touches no report. lkrshell.integrations.pytest_session does the work.
"""

from argparse import BooleanOptionalAction

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from lkrshell.api.keys import Keys


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("lkr", "keys from lkr")
    group.addoption(
        "--lkr", action=BooleanOptionalAction, default=None, help="load this project's keys, and mask them in reports"
    )
    parser.addini("lkr", "load this project's keys, and mask their values in reports", type="bool", default=False)
    parser.addini("lkr_profile", "the profile of the manifest whose keys the tests get", default="")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", 'needs_key(name, ...): skip the test unless these keys, as "openai:prod", are there'
    )
    asked = config.getoption("lkr")
    if config.getini("lkr") if asked is None else asked:
        from lkrshell.integrations import pytest_session

        pytest_session.of(config).load()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs_key"):
        from lkrshell.integrations import pytest_session

        if reason := pytest_session.lacking(item.config, marker.args):
            pytest.skip(reason)


@pytest.fixture
def lkr_keys(request: pytest.FixtureRequest) -> "Iterator[Keys]":
    """This project's keys by variable, for one test. The environment does not change."""
    from lkrshell import LkrError
    from lkrshell.integrations import pytest_session

    try:
        keys = pytest_session.of(request.config).keys()
        keys.__enter__()
    except LkrError as error:
        pytest.fail(f"lkr: {error}", pytrace=False)
    try:
        yield keys
    finally:
        keys.__exit__(None, None, None)
