"""Prints the prices that the broker needs from the package genai-prices, as JSON. Never asks the network.

It runs in a process of its own, which holds no key, because the package takes two seconds and 30 MiB to load pydantic
and an HTTP client. The broker reads the result in a few milliseconds, and keeps it for as long as the package's version
stays.
"""

import json
import sys
from typing import Any

FORM = 1
PACKAGE = "genai-prices"
# Our vendors, and their names in the package.
PROVIDERS = {
    "anthropic": "anthropic", "azure-openai": "azure", "cerebras": "cerebras", "cohere": "cohere",
    "deepseek": "deepseek", "fireworks": "fireworks", "gemini": "google", "groq": "groq", "mistral": "mistral",
    "openai": "openai", "openrouter": "openrouter", "perplexity": "perplexity", "together": "together",
    "voyage": "voyageai", "xai": "x-ai",
}  # fmt: skip
# US dollars per million tokens. The last two are per thousand searches and per thousand requests.
PRICES = (
    "input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "cache_write_1h_mtok", "input_audio_mtok",
    "output_audio_mtok", "web_searches_kcount", "requests_kcount",
)  # fmt: skip


def table() -> dict[str, Any]:
    """Returns `providers`, by name: `also`, the other providers to look in, and `models`.

    A model is a row: what its name must match, the most tokens of a context (null when unknown), the prices, and the
    prices of other service tiers. A price is a text, or a text followed by pairs (above so many input tokens, text).
    """
    from importlib.metadata import version

    from genai_prices.data import providers

    known = {each.id: each for each in providers}
    wanted = dict.fromkeys(PROVIDERS.values())
    for name in list(wanted):
        wanted |= dict.fromkeys(known[name].fallback_model_providers or () if name in known else ())
    found = {
        name: {
            "also": list(known[name].fallback_model_providers or ()),
            "models": [_model(model) for model in known[name].models],
        }
        for name in wanted
        if name in known
    }
    return {"form": FORM, "version": version(PACKAGE), "providers": found}


def _model(model: Any) -> list[Any]:
    prices = model.prices if isinstance(model.prices, list) else [model.prices]
    return [
        _match(model.match),
        model.context_window,
        [[_when(getattr(each, "constraint", None)), _prices(getattr(each, "prices", None) or each)] for each in prices],
        [[each.when, _when(each.constraint), _prices(each.prices)] for each in model.price_variants or ()],
    ]


def _match(clause: Any) -> list[Any]:
    (name, value), *_ = vars(clause).items()
    return [name.rstrip("_"), [_match(each) for each in value] if isinstance(value, list) else value]


def _when(constraint: Any) -> list[str]:
    """Returns `start` and a date, or `daily` and two times of day in UTC, or an empty list."""
    from datetime import date, time

    values = [] if constraint is None else list(vars(constraint).values())
    if not values:
        return []
    if all(isinstance(each, date) for each in values):
        return ["start", values[0].isoformat()]
    if all(isinstance(each, time) and not (each.utcoffset() or 0) for each in values):
        return ["daily", *(each.replace(tzinfo=None).isoformat() for each in values)]
    return ["never"]


def _prices(prices: Any) -> dict[str, Any]:
    """Returns the prices. Pictures and the like are not counted separately, so the dearest price applies to all
    tokens."""
    found: dict[str, Any] = {}
    for name, price in vars(prices).items():
        if price is not None and name in PRICES:
            found[name] = (
                [f"{price.base:f}", *([each.start, f"{each.price:f}"] for each in price.tiers)]
                if hasattr(price, "tiers")
                else f"{price:f}"
            )
    for side in ("input", "output"):
        others = [
            price
            for name, price in vars(prices).items()
            if name.startswith(f"{side}_") and name.endswith("_mtok") and name not in PRICES and price is not None
        ]
        usual = getattr(prices, f"{side}_mtok", None)
        plain = [each for each in [*others, usual] if each is not None and not hasattr(each, "tiers")]
        if others and plain and not hasattr(usual, "tiers"):
            found[f"{side}_mtok"] = f"{max(plain):f}"
    return found


def main() -> None:
    json.dump(table(), sys.stdout, separators=(",", ":"))
