"""Connects an agent's own model to the broker, by the rows of `known_agents`: variables, arguments, and a line for the
person where these are not enough. Takes nothing from a manifest, and puts no key into an argument."""

import os
from collections.abc import Iterable

from lkrshell.core.secret import Secret
from lkrshell.runtime.known_agents import ADAPTERS, PROVIDERS, Adapter
from lkrshell.vendors import routes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.core.binding import Binding

_MOST = 1 << 20  # bytes of a settings file to read


class Adapted:
    """What to add: `variables` (None removes one), `arguments` before the person's own, and `notes`."""

    __slots__ = ("arguments", "notes", "variables")

    def __init__(self) -> None:
        self.variables: dict[str, str | None] = {}
        self.arguments: list[str] = []
        self.notes: list[str] = []


def adapt(
    agent: str, given: "Iterable[tuple[Binding, Secret]]", port: str, words: list[str], environment: dict[bytes, bytes]
) -> Adapted:
    """Returns what this agent needs to use its virtual keys. `words` are the person's arguments."""
    found = Adapted()
    vendors: set[str] = set()
    for binding, secret in given:
        name = binding.key.partition(":")[0]
        vendor = routes.ALIASES.get(name, name)
        adapter = _of(agent, vendor)
        if adapter is None or vendor in vendors:
            continue
        vendors.add(vendor)
        fields = _fields(vendor not in ADAPTERS[agent], vendor, port, binding.variable, secret)
        for variable, text in adapter.sets:
            before = found.variables.get(variable) or environment.get(variable.encode(), b"").decode("utf-8", "replace")
            found.variables[variable] = _filled(text, fields, before) if text else None
        for variable, text in adapter.defaults:
            if variable.encode() not in environment:
                found.variables[variable] = _filled(text, fields)
        if not _has_any(adapter.unless, words):
            found.arguments += [_filled(text, fields) for text in adapter.arguments]
        if adapter.note and _filled(adapter.text, fields) not in _settings(adapter.file):
            found.notes.append(_filled(adapter.note, fields))
    return found


def _of(agent: str, vendor: str) -> Adapter | None:
    rows = ADAPTERS.get(agent, {})
    return rows.get(vendor) or (rows.get("*") if vendor in PROVIDERS else None)


def _fields(by_provider: bool, vendor: str, port: str, variable: str, secret: Secret) -> dict[str, str]:
    url = next(iter(routes.bases(vendor, int(port)).values()))
    provider, path = PROVIDERS.get(vendor, (vendor, ""))
    if by_provider:
        url = f"http://127.0.0.1:{port}/{vendor}{path}"
    here = os.path.dirname(os.path.abspath(__file__))
    return {"url": url, "key": secret.reveal(), "variable": variable, "provider": provider, "here": here}


def _filled(text: str, fields: dict[str, str], before: str = "") -> str:
    for name, value in fields.items():
        text = text.replace(f"<{name}>", value)
    if not text.startswith("{"):
        return text
    import json

    try:
        there = json.loads(before or "{}")
    except ValueError:
        there = {}  # the agent could not read it either
    return json.dumps(_merged(there if isinstance(there, dict) else {}, json.loads(text)))


def _merged(there: dict[str, object], more: dict[str, object]) -> dict[str, object]:
    found = dict(there)
    for name, value in more.items():
        inner = found.get(name)
        found[name] = _merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return found


def _has_any(unless: tuple[str, ...], words: list[str]) -> bool:
    """True when the words contain one of these options, or begin with one of these subcommands."""
    options = {word.partition("=")[0] for word in words if word.startswith("-")}
    return bool(options.intersection(unless) or (words and words[0] in unless))


def _settings(name: str) -> str:
    """Returns the text of a file in the home folder; empty when there is none."""
    try:
        with open(os.path.join(os.path.expanduser("~"), name), encoding="utf-8", errors="replace") as file:
            return file.read(_MOST)
    except OSError:
        return ""
