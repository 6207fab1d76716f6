"""A pytest session with keys: loads them, and masks their values in every report, in the process that writes it.

So no value reaches the terminal, a junit file, or pytest-xdist's controller.
"""

import os
import warnings

import pytest

import lkrshell
from lkrshell.integrations import redaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

_NAME = "lkr-session"
_DEEPEST = 20  # levels of nesting in a report
# In a collection report, these lead to the tests themselves, and from there to the whole session. No report shows them.
_NOT_SHOWN = ("nodeid", "result", "call")


class Session:
    """The plugin that is registered when the first key is needed."""

    def __init__(self, config: pytest.Config) -> None:
        self._config, self._redactor = config, redaction.begin()
        self._profile = config.getini("lkr_profile") or None
        self.loaded: lkrshell.Loaded | None = None

    def keys(self) -> lkrshell.Keys:
        return lkrshell.keys(self._profile, folder=self._config.rootpath)

    def load(self) -> None:
        """Loads the keys for the whole session into its environment. On a terminal, first asks the person the necessary
        questions."""
        if capture := self._config.pluginmanager.getplugin("capturemanager"):
            capture.suspend_global_capture(in_=True)  # pytest has already redirected output; it resumes both
        self.loaded = lkrshell.load(self._profile, folder=self._config.rootpath, required=False)
        self._redactor.add_kept(self.loaded.kept)
        self._redactor.add_environment()

    def pytest_report_header(self) -> str | None:
        if self.loaded is None:
            return None
        if self.loaded.problem:
            return f"lkr: no keys: {self.loaded.problem}"
        there = {**self.loaded.loaded, **dict.fromkeys(self.loaded.kept, "was set already")}
        return f"lkr: {', '.join(f'{variable} ({key})' for variable, key in there.items()) or 'no keys'}"

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> "Generator[None, pytest.TestReport, pytest.TestReport]":
        report = yield
        self._mask(report, 0)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> "Generator[None, pytest.CollectReport, pytest.CollectReport]":
        report = yield
        self._mask(report, 0)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage) -> None:
        said = str(warning_message.message)
        if (masked := self._redactor.text(said)) != said:
            warning_message.message = warning_message.category(masked)

    @pytest.hookimpl(tryfirst=True)
    def pytest_make_parametrize_id(self, val: object) -> str | None:
        return "key" if isinstance(val, str) and self._redactor.text(val) != val else None

    def _mask(self, made: object, depth: int) -> object:
        """Masks what pytest's reports consist of. Changes objects in place, and returns a new text."""
        if isinstance(made, str):
            return self._redactor.text(made)
        if depth > _DEEPEST:
            return made
        if isinstance(made, list):
            made[:] = [self._mask(each, depth + 1) for each in made]
        elif type(made) is tuple:
            return tuple(self._mask(each, depth + 1) for each in made)
        elif isinstance(made, dict):
            for name in made:
                made[name] = self._mask(made[name], depth + 1)
        elif type(made).__module__.startswith("_pytest.") and hasattr(made, "__dict__"):
            for name, value in list(vars(made).items()):
                if name not in _NOT_SHOWN:
                    vars(made)[name] = self._mask(value, depth + 1)
        return made


def of(config: pytest.Config) -> Session:
    """Returns the session, and creates it when needed."""
    found: Session | None = config.pluginmanager.getplugin(_NAME)
    if found is None:
        found = Session(config)
        config.pluginmanager.register(found, _NAME)
    return found


def lacking(config: pytest.Config, names: tuple[str, ...]) -> str:
    """Says why a test that needs these keys cannot run; empty if it can run.

    A key counts as present when lkr loaded it, or when its variable is set, as in CI.
    """
    from lkrshell.vendors import providers

    session: Session | None = config.pluginmanager.getplugin(_NAME)
    loaded = session.loaded if session else None
    here = set(loaded.loaded.values()) | set(loaded.kept.values()) if loaded else set()
    absent = [name for name in names if name not in here and not os.environ.get(providers.variable_of(name) or "")]
    if not absent:
        return ""
    why = "run pytest --lkr" if loaded is None else str(loaded.problem or f"not stored here: lkr set {absent[0]}")
    return f"needs {', '.join(absent)}: {why}"
