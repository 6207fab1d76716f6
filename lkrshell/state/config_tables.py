"""Checks the tables of `config.toml`: `[agents]`, `[broker]`, `[prices]` and, in part, `[providers]`.

Each error is a LkrError that names the file, the field, and what to write. No error repeats text that could be a
secret.
"""

import decimal
import os
import typing
import urllib.parse
from collections.abc import Iterable

from lkrshell.core import limits, names
from lkrshell.core.errors import LkrError

Rows = tuple[tuple[str, ...], ...]
_MOST = 1_000_000  # US dollars per million tokens
_PRICES = ("input", "output", "cache_read", "cache_write")


def agents(where: str, table: dict[str, object]) -> tuple[Rows, Rows]:
    """Reads `NAME = ["provider:label"]`, or a table of `keys`, `marks`, `processes` and limits, for each agent.

    Returns the rows (name, keys, marks, processes), the last three joined by line breaks, and the rows (name, models,
    budget, rate, tokens) of agents that have limits.
    """
    rows, limited = [], []
    lists = ("keys", "marks", "processes")
    for name, given in table.items():
        hint = 'write agents.claude = ["anthropic:main"]'
        if not names.is_profile(name):
            raise LkrError(f"{where}: {names.redacted(name)} is not a valid name for an agent", hint)
        parts: dict[str, typing.Any] = given if isinstance(given, dict) else {"keys": given}
        _known(f"{where}: agents.{name}", parts, (*lists, *limits.FIELDS))
        for part in lists:
            words = parts.get(part, [])
            if not isinstance(words, list) or not all(isinstance(word, str) and word.isprintable() for word in words):
                raise LkrError(f"{where}: agents.{name}: {part} must be a list of strings", hint)
            if not all(
                names.is_key(word) if part == "keys" else word not in {"", *names.SHELL_WORDS} for word in words
            ):
                raise LkrError(f"{where}: agents.{name}: {part} contains a word that is not a valid name", hint)
        rows.append((name, *("\n".join(parts.get(part, ())) for part in lists)))
        texts = [
            _limit(f"{where}: agents.{name}", field, parts[field]) if field in parts else "" for field in limits.FIELDS
        ]
        if any(texts):
            limited.append((name, *texts))
    return tuple(rows), tuple(limited)


def _limit(where: str, field: str, value: object) -> str:
    """A limit in the form of core.limits."""
    if field == "models" and isinstance(value, list) and all(isinstance(each, str) and each for each in value):
        value = "" if any(" " in each for each in value) else " ".join(value)
    elif field == "models":
        value = None
    if not isinstance(value, str) or not value or not limits.is_limit(field, value):
        raise LkrError(f"{where}: {field} is not a valid limit", limits.HINTS[field])
    return value


def broker(where: str, table: dict[str, object]) -> tuple[bool, str, str, Rows]:
    """Whether agents get virtual keys, the file of certificates, the proxy, and the rows (vendor, URL)."""
    where = f"{where}: broker"
    _known(where, table, ("agents", "ca", "proxy", "upstream"))
    by_broker, ca, proxy = table.get("agents", True), table.get("ca", ""), table.get("proxy", "")
    if not isinstance(by_broker, bool):
        raise LkrError(f"{where}.agents must be true or false", "write agents = false")
    if not isinstance(ca, str) or not ca.isprintable() or (ca and not os.path.expanduser(ca).startswith("/")):
        raise LkrError(f"{where}.ca must be the path of a file of certificates", 'write ca = "/etc/ssl/company.pem"')
    if "proxy" in table and not _is_url(proxy, ("http", "https"), ("", "/")):
        hint = 'write proxy = "http://proxy.example:3128", without a name or a password'
        raise LkrError(f"{where}.proxy must be an http or https URL", hint)
    upstream = table.get("upstream", {})
    form = 'write upstream.{} = "https://gateway.example"'
    hint = form.format("openai")
    if not isinstance(upstream, dict):
        raise LkrError(f"{where}.upstream must be a table", hint)
    for vendor, url in upstream.items():
        if not names.is_own(f"{vendor}:x"):
            raise LkrError(f"{where}.upstream: {names.redacted(vendor)} is not a valid name for a vendor", hint)
        if not _is_url(url, ("https",)):
            raise LkrError(f"{where}.upstream.{vendor} must be an https URL with a host", form.format(vendor))
    rows = tuple((vendor, url.rstrip("/")) for vendor, url in upstream.items())
    return by_broker, os.path.expanduser(ca), str(proxy), rows


def _is_url(text: object, schemes: tuple[str, ...], paths: tuple[str, ...] = ()) -> bool:
    """True for a URL with one of these schemes and a host, and without user, query and fragment. `paths`: the paths
    that it may have, empty for any."""
    if not isinstance(text, str) or not text.isascii() or any(c <= " " or c in "\\?#" for c in text):
        return False
    try:
        parts = urllib.parse.urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    good = parts.scheme in schemes and bool(parts.hostname) and "@" not in parts.netloc and port != 0
    return good and (not paths or parts.path in paths)


def prices(where: str, table: dict[str, object]) -> Rows:
    """The rows (model, input, output, cache_read, cache_write): US dollars for a million tokens, as texts without an
    exponent. Reading from a cache and writing to it cost as much as other input unless the table says otherwise."""
    rows = []
    for model, fields in table.items():
        hint = 'write [prices."NAME"] with input and output: US dollars per million tokens'
        if not 0 < len(model) <= names.MAX_NAME or not model.isprintable():
            raise LkrError(f"{where}: prices contains something that is not the name of a model", hint)
        label = f"{where}: prices.{names.redacted(model)}"
        if not isinstance(fields, dict) or not {"input", "output"} <= set(fields):
            raise LkrError(f"{label} needs input and output", hint)
        _known(label, fields, _PRICES)
        found = {name: _price(label, name, fields[name]) for name in fields}
        rows.append((model, *(found.get(name, found["input"]) for name in _PRICES)))
    return tuple(rows)


def _price(where: str, name: str, value: object) -> str:
    hint = f"write {name} = 2.50"
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        raise LkrError(f"{where}.{name} must be US dollars per million tokens", hint)
    exact = decimal.Decimal(str(value))  # keep a float as it was written
    if exact != round(exact, 6):
        raise LkrError(f"{where}.{name} has more than six decimal places", hint)
    return f"{exact:f}"


def check_providers(where: str, table: dict[str, object]) -> None:
    """Refuses unknown fields at once. vendors.providers checks the values when it needs them."""
    for name, fields in table.items():
        if isinstance(fields, dict):
            _known(
                f"{where}: providers.{names.redacted(name)}", fields, ("variable", "aliases", "prefix", "shape", "docs")
            )


def _known(where: str, table: Iterable[str], fields: tuple[str, ...]) -> None:
    if unknown := set(table) - set(fields):
        hint = names.did_you_mean(min(unknown), fields, f"known: {', '.join(fields)}")
        raise LkrError(f"{where}: unknown field {names.redacted(min(unknown))}", hint)
