"""Computes what a request costs, in millionths of a US dollar, rounded up. Uses Decimal and int, never float.

The prices come from the package genai-prices; `[prices]` in config.toml overrides them. `load` is slow once per version
of the package, and then takes a few milliseconds. Call it in a thread, before the first request.
"""

import functools
import json
import os
import subprocess
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from typing import Any

from lkrshell.broker import price_table
from lkrshell.broker.usage import Usage
from lkrshell.core import limits, own_python
from lkrshell.core.errors import LkrError
from lkrshell.runtime import broker_start
from lkrshell.state import files, paths

_FILE = "prices.json"
_WAIT = 120  # seconds for a process that mostly compiles Python
_UNKNOWN = 128_000  # tokens of an answer when neither its limit nor the context is known
# The most tokens of an answer when the request sets no limit; the first row that matches counts. Without a row it is
# the whole context, which no answer exceeds: a family gets a row only after its limit was published. Checked on 28
# November 2026 against platform.claude.com/docs (models overview), ai.google.dev/gemini-api/docs/models and LiteLLM
# 1.108.7 (model_prices_and_context_window.json, `max_output_tokens`): no model there exceeds its row.
_LONGEST: tuple[tuple[str, int], ...] = (
    ("gpt-3.5*", 4_096), ("gpt-4o*", 16_384), ("chatgpt-4o*", 16_384), ("gpt-4.1*", 32_768), ("gpt-4-turbo*", 4_096),
    ("gpt-4", 8_192), ("gpt-4-0*", 8_192), ("o1*", 100_000), ("o3*", 100_000), ("o4*", 100_000),
    ("gpt-5-pro*", 272_000), ("gpt-5*", 128_000), ("gpt-6*", 128_000), ("gemini-1.5*", 8_192), ("gemini-2.0*", 8_192),
    ("gemini-2.5*", 65_536), ("gemini-3*", 65_536), ("deepseek-chat*", 8_192), ("deepseek-reasoner*", 65_536),
    ("command-a-plus*", 64_000), ("command*", 8_192), ("claude-3-7*", 128_000), ("claude-3-5*", 8_192),
    ("claude-3-*", 4_096), ("claude-*", 128_000),
)  # fmt: skip


class Model:
    """The prices of one model. `context` is the most tokens of a request's input, `longest` the most of its answer."""

    __slots__ = ("_always", "_prices", "_variants", "context", "longest", "name")

    def __init__(self, name: str, context: int | None, prices: list[Any], variants: list[Any]) -> None:
        self.name, self._prices, self._variants = name, prices, variants
        self.context = context or _UNKNOWN * 8
        self._always = not variants and (not prices or (len(prices) == 1 and not prices[0][0]))
        bare = name.rpartition("/")[2].lower()
        rows = (most for pattern, most in _LONGEST if limits.matches(pattern, bare))
        self.longest = next(rows, context or _UNKNOWN)

    def cost(self, usage: Usage, seconds: float) -> int | None:
        """Returns what `usage` costs at `seconds` since the epoch; None when the model is not paid by the token."""
        return _cost(self._at(seconds, usage), usage)

    def worst(self, usage: Usage, seconds: float) -> int | None:
        """Returns the most that an input and output of this size can cost, also when all of the input is written to a
        cache."""
        prices, costs = self._at(seconds, usage), []
        cases = [(0, 0)]
        if "cache_write_mtok" in prices or "cache_write_1h_mtok" in prices:
            cases += [(usage.input, 0), (usage.input, usage.input if usage.cache_write_1h else 0)]
        for written, hour in cases:
            case = Usage(usage.input, usage.output, 0, written)
            case.cache_write_1h = hour
            costs.append(_cost(prices, case))
        return None if None in costs else max(each for each in costs if each is not None)

    def _at(self, seconds: float, usage: Usage) -> dict[str, Any]:
        """Returns the prices at that time, for the tier and the speed of `usage`."""
        prices: dict[str, Any] = self._prices[0][1] if self._prices else {}
        if self._always:
            return prices
        when = datetime.fromtimestamp(seconds, UTC)
        for condition, each in reversed(self._prices):
            if _active(condition, when):
                prices = each
                break
        more: dict[str, Any] = {}
        for context, condition, each in self._variants:
            given = {"service_tier": usage.tier, "speed": usage.speed}
            if _active(condition, when) and all(given.get(name) == value for name, value in context.items()):
                more = {**each, **more}
        return {**prices, **more}


def _cost(prices: dict[str, Any], usage: Usage) -> int | None:
    """Returns what `usage` costs; None when the model is not paid by the token."""
    if "input_mtok" not in prices and "output_mtok" not in prices:
        return None
    cached = usage.cache_read + usage.cache_write
    heard = min(usage.input_audio, max(0, usage.input - cached)) if "input_audio_mtok" in prices else 0
    spoken = min(usage.output_audio, usage.output) if "output_audio_mtok" in prices else 0
    total = Decimal(0)
    # Each count is paid at the first of its prices that the model has. The total is per million; searches and requests
    # are priced per thousand, hence the factor.
    for count, *names in (
        (usage.input - cached - heard, "input_mtok"),
        (heard, "input_audio_mtok"),
        (usage.cache_read, "cache_read_mtok", "input_mtok"),
        (usage.cache_write - usage.cache_write_1h, "cache_write_mtok", "input_mtok"),
        (usage.cache_write_1h, "cache_write_1h_mtok", "cache_write_mtok", "input_mtok"),
        (usage.output - spoken, "output_mtok"),
        (spoken, "output_audio_mtok"),
        (1000 * usage.searches, "web_searches_kcount"),
        (1000, "requests_kcount"),
    ):
        price = next((prices[name] for name in names if name in prices), None) if count > 0 else None
        if price is not None:
            total += count * _rate(price, usage.input)
    return int(total.to_integral_value(ROUND_CEILING))


def _rate(price: Any, tokens: int) -> Decimal:
    """Returns US dollars per million tokens, which can depend on how many tokens the input has."""
    if isinstance(price, str):
        return _decimal(price)
    base, *tiers = price
    return _decimal(next((each for more_than, each in reversed(tiers) if tokens > more_than), base))


_decimal = functools.lru_cache(1 << 12)(Decimal)


def _active(condition: list[str], when: datetime) -> bool:
    match condition:
        case []:
            return True
        case ["start", date]:
            return when.date().isoformat() >= date
        case ["daily", start, end]:
            time = when.time().isoformat()
            return start <= time < end if start <= end else time >= start or time < end
    return False


def _fits(match: list[Any], name: str) -> bool:
    """True when a name, in lower case, matches. The regular expressions are the package's own."""
    match match:
        case ["or", [*parts]]:
            return any(_fits(each, name) for each in parts)
        case ["and", [*parts]]:
            return all(_fits(each, name) for each in parts)
        case ["equals", text]:
            return name == str(text).lower()
        case ["starts_with", text]:
            return name.startswith(str(text).lower())
        case ["ends_with", text]:
            return name.endswith(str(text).lower())
        case ["contains", text]:
            return str(text).lower() in name
        case ["regex", text]:
            import re

            return re.search(str(text), name) is not None
    return False


class Prices:
    """Finds the prices of a model. `own` are the rows of `Config.prices`."""

    def __init__(self, own: Sequence[Sequence[str]] = ()) -> None:
        self._own = [tuple(row) for row in own]
        self._providers: dict[str, Any] = {}
        self._known: dict[tuple[str, str], Model | None] = {}
        self._lock = threading.Lock()
        self.problem = "lkr is still reading the prices; try again in a few seconds"  # empty once they are loaded

    def take(self, own: Sequence[Sequence[str]]) -> None:
        """Replaces the user's rows."""
        self._own, self._known = [tuple(row) for row in own], {}

    def load(self) -> None:
        """Reads the package's prices. Blocks. `problem` says what went wrong. The user's own prices still work then."""
        with self._lock:
            if not self.problem:
                return
            try:
                self._providers = _table()
                self.problem = ""
            except (LkrError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
                detail = error.message if isinstance(error, LkrError) else type(error).__name__
                self.problem = f"the prices of {price_table.PACKAGE} cannot be read ({detail})"
            self._known = {}

    def find(self, vendor: str, model: str) -> Model | None:
        """Returns the prices of a vendor's model; None when they are not known."""
        asked = vendor, model
        if asked not in self._known:
            if len(self._known) > 1000:  # the client chooses the names
                self._known = {}
            self._known[asked] = self._find(vendor, model)
        return self._known[asked]

    def _find(self, vendor: str, model: str) -> Model | None:
        for name, *prices in self._own:
            if limits.matches(name, model):
                names = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
                known = self._packaged(vendor, model)
                row = [[[], dict(zip(names, prices, strict=True))]]
                return Model(model, known.context if known else None, row, [])
        return self._packaged(vendor, model)

    def _packaged(self, vendor: str, model: str) -> Model | None:
        first = self._providers.get(price_table.PROVIDERS.get(vendor, ""))
        if first is None or not model:
            return None
        for name in (model.lower().removeprefix("models/"), _dashed(model.lower())):
            for provider in (first, *(self._providers[each] for each in first["also"] if each in self._providers)):
                for match, context, prices, variants in provider["models"]:
                    if _fits(match, name):
                        return Model(model, context, prices, variants)
        return None


def _dashed(name: str) -> str:
    """Turns `-20251211` at the end into `-2025-12-11`, as some gateways write dates."""
    head, dash, date = name.rpartition("-")
    dated = dash and len(date) == 8 and date.isdecimal() and date.startswith("20")
    return f"{head}-{date[:4]}-{date[4:6]}-{date[6:]}" if dated else name


def _table() -> dict[str, Any]:
    """Returns the package's prices by provider, from our file, or from a process that writes that file."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        now = version(price_table.PACKAGE)
    except PackageNotFoundError:
        raise LkrError(f"{price_table.PACKAGE} is not installed", broker_start.INSTALL) from None
    path = os.path.join(paths.state_dir(), _FILE)
    data = files.read_private(path)
    if data is not None:
        try:
            return _providers(data, now)
        except (ValueError, KeyError, TypeError):
            pass
    command = own_python.command("lkrshell.broker.price_table")
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_WAIT, check=True,
        env={},
    )  # fmt: skip
    found = _providers(done.stdout, now)
    try:
        files.write_private(path, done.stdout)
    except LkrError:
        pass  # the disk may be full; the next start reads them again
    return found


def _providers(data: bytes, version: str) -> dict[str, Any]:
    """Raises ValueError when the table has another form or version."""
    table = json.loads(data)
    if (table["form"], table["version"]) != (price_table.FORM, version):
        raise ValueError
    providers: dict[str, Any] = table["providers"]
    return providers
