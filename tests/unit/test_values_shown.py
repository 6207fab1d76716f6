"""What programs that show or copy Python objects make of a key: a traceback with locals, a pretty printer, asdict."""

import copy
import dataclasses
import io
import pickle
import pprint
import traceback
from collections.abc import Callable

import pytest
from _pytest._io.saferepr import saferepr
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from lkrshell.api import keys as given_keys
from lkrshell.api.keys import Keys, Value
from lkrshell.core.secret import Secret
from lkrshell.integrations import redaction

LEAK = "Q7x" * 2  # whoever shows our source shows no more than that


@dataclasses.dataclass
class Client:
    """As a program holds its keys."""

    key: str
    secret: Secret


def long_value() -> str:
    """Longer than what rich cuts, as OpenAI's keys are; not in a local variable of the test."""
    return "sk-proj-" + "Q7x" * 50


def objects() -> tuple[object, ...]:
    keys = Keys(None, None)
    keys._values = {"OPENAI_API_KEY": Value(long_value())}
    value, secret = Value(long_value()), Secret(long_value())
    return value, value[:60], keys, dict(keys), list(keys.items()), secret, Client(value, secret)


def by_rich(error: Exception) -> str:
    out = io.StringIO()
    shown = Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True)
    Console(file=out, width=400).print(shown)
    return out.getvalue()


SHOWS: dict[str, Callable[[object], str]] = {
    "repr": repr,
    "pprint": lambda one: pprint.pformat(one, width=10),
    "pytest -l": lambda one: saferepr(one, maxsize=40),
    "rich": lambda one: pretty_repr(one, max_string=80),
}
TRACEBACKS: dict[str, Callable[[Exception], str]] = {
    "capture_locals": lambda e: "".join(traceback.TracebackException.from_exception(e, capture_locals=True).format()),
    "rich": by_rich,
}


@pytest.mark.parametrize("way", SHOWS)
def test_a_key_is_shown_as_a_mask(way: str) -> None:
    for one in objects():
        assert LEAK not in SHOWS[way](one)


@pytest.mark.parametrize("way", TRACEBACKS)
def test_a_traceback_with_local_variables_shows_no_key(way: str) -> None:
    def fails() -> float:
        value, part, keys, mapping, items, secret, client = objects()
        return 1 / (0 if (value, part, keys, mapping, items, secret, client) else 1)

    with pytest.raises(ZeroDivisionError) as caught:
        fails()
    text = TRACEBACKS[way](caught.value)
    assert "client" in text and LEAK not in text


def test_a_secret_is_copied_as_itself_and_not_pickled() -> None:
    secret = Secret(long_value())
    assert copy.copy(secret) is copy.deepcopy(secret) is secret
    assert dataclasses.asdict(Client("", secret))["secret"] is secret
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_value_is_a_plain_text_for_programs() -> None:
    value = Value("sk-abc")
    assert value[:3] == "sk-" and value[-1] == "c" and f"Bearer {value}" == "Bearer sk-abc"
    assert pickle.loads(pickle.dumps(value)) == "sk-abc"


def test_two_variables_with_two_values_of_one_key_are_both_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given_keys, "given_to", [])
    values = {"A_TOKEN": "Qw3rTy8uIo9pAs", "B_TOKEN": "Zx6cVb7nMk2lJh"}
    for variable, value in values.items():
        monkeypatch.setenv(variable, value)
    redactor = redaction.Redactor()
    redactor.add_kept(dict.fromkeys(values, "openai:prod"))
    shown = redactor.text(" ".join(values.values()))
    assert shown.startswith("[lkr openai:prod] [lkr openai:prod") and not any(each in shown for each in values.values())
