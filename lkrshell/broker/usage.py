"""What one request used, and how each family of APIs reports it. Pure.

The families are those of vendors/routes.py. Facts come from the vendors' API references, read in November 2026.
"""

import json
from typing import Any

from lkrshell.broker.json_stream import Path

# Where each family reports the usage, and the model that answered.
_USAGE: dict[str, tuple[Path, ...]] = {
    "chat": (("usage",), ("x_groq", "usage")),
    "embeddings": (("usage",), ("meta", "billed_units"), ("usageMetadata",)),
    "responses": (("usage",), ("response", "usage")),
    "messages": (("message", "usage"), ("usage",)),
    "gemini": (("usageMetadata",), ("*", "usageMetadata")),
    "cohere": (("usage",), ("delta", "usage"), ("meta",), ("response", "meta")),
    "other": (("usage",),),
}
_ABOUT: tuple[Path, ...] = (
    ("model",), ("message", "model"), ("response", "model"), ("modelVersion",), ("*", "modelVersion"),
    ("service_tier",), ("response", "service_tier"),
)  # fmt: skip
_MOST = 1 << 40  # tokens; a larger number is a mistake


class Usage:
    """Tokens, as the vendor counted them. `input` includes cached tokens, `output` includes reasoning.

    `cache_write_1h` are the tokens of `cache_write` that stay for an hour. `searches` are web searches, each paid for.
    `tier` is the service tier that answered, empty when the vendor did not say.
    """

    __slots__ = (
        "cache_read", "cache_write", "cache_write_1h", "input", "input_audio", "model", "output", "output_audio",
        "searches", "speed", "tier",
    )  # fmt: skip
    COUNTS = (
        "input", "output", "cache_read", "cache_write", "cache_write_1h", "input_audio", "output_audio", "searches",
    )  # fmt: skip

    def __init__(self, input: int = 0, output: int = 0, cache_read: int = 0, cache_write: int = 0) -> None:
        self.input, self.output, self.cache_read, self.cache_write = input, output, cache_read, cache_write
        self.cache_write_1h = self.input_audio = self.output_audio = self.searches = 0
        self.model = self.tier = self.speed = ""

    @property
    def tokens(self) -> int:
        """Counts all tokens, for a limit of tokens."""
        return self.input + self.output

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Usage) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self.__slots__))

    def __repr__(self) -> str:
        return f"Usage({', '.join(f'{name}={getattr(self, name)}' for name in self.__slots__ if getattr(self, name))})"


def places(family: str) -> list[Path]:
    """Returns the places in an answer's JSON that `read` needs."""
    return [*_USAGE.get(family, ()), *_ABOUT]


def counts(family: str) -> tuple[Path, ...]:
    """Returns the places that hold counts."""
    return _USAGE.get(family, ())


def read(family: str, found: dict[Path, bytes]) -> tuple[Usage | None, bool]:
    """Returns the usage from the texts at `places`, None when the vendor reported none; and whether it is final.

    Once the count is final, the usage is known in full, even if the stream breaks off.
    """
    said = {place: value for place in _USAGE.get(family, ()) if isinstance(value := _value(found, place), dict)}
    if not said:
        return None, False
    usage = Usage()
    table: dict[str, Any] = {}
    if family == "messages":  # a stream starts with the input, and ends with the output and changed counts
        for each in said.values():
            table |= {name: value for name, value in each.items() if value is not None}
        final = ("usage",) in said
        _messages(usage, table)
    elif family == "gemini":
        table, final = next(reversed(said.values())), False
        _gemini(usage, table)
    elif family == "cohere":
        table, final = next(reversed(said.values())), True
        _cohere(usage, table)
    else:
        table, final = next(reversed(said.values())), family == "responses"
        _openai(usage, table)
    usage.model = next((text for place in _ABOUT[:5] if (text := _text(found, place))), "").removeprefix("models/")
    usage.tier = next((text for place in _ABOUT[5:] if (text := _text(found, place))), "") or _word(
        table, "service_tier"
    )
    usage.speed = _word(table, "speed")
    for name in Usage.COUNTS:
        if getattr(usage, name) > _MOST:
            return None, False
    return usage, final


def _openai(usage: Usage, table: dict[str, Any]) -> None:
    """Chat Completions, Responses, embeddings, and vendors with the same format."""
    usage.input = _count(table, "prompt_tokens", "input_tokens")
    usage.output = _count(table, "completion_tokens", "output_tokens")
    if not usage.output:
        usage.input = max(usage.input, _count(table, "total_tokens", "promptTokenCount", "totalTokenCount"))
    before = _table(table, "prompt_tokens_details") or _table(table, "input_tokens_details")
    after = _table(table, "completion_tokens_details") or _table(table, "output_tokens_details")
    usage.cache_read = _count(before, "cached_tokens") or _count(table, "prompt_cache_hit_tokens")
    usage.cache_write = _count(before, "cache_write_tokens", "cache_creation_tokens")
    usage.input_audio = _count(before, "audio_tokens")
    usage.output_audio = _count(after, "audio_tokens")


def _messages(usage: Usage, table: dict[str, Any]) -> None:
    """Messages: tokens read from or written to a cache are not part of `input_tokens`."""
    usage.cache_read = _count(table, "cache_read_input_tokens")
    usage.cache_write = _count(table, "cache_creation_input_tokens")
    by_time = _table(table, "cache_creation")
    usage.cache_write_1h = min(usage.cache_write, _count(by_time, "ephemeral_1h_input_tokens"))
    usage.input = _count(table, "input_tokens") + usage.cache_read + usage.cache_write
    usage.output = _count(table, "output_tokens")
    usage.searches = _count(_table(table, "server_tool_use"), "web_search_requests")


def _gemini(usage: Usage, table: dict[str, Any]) -> None:
    """generateContent: thoughts are not part of the candidates, and tool results are not part of the prompt."""
    usage.input = _count(table, "promptTokenCount") + _count(table, "toolUsePromptTokenCount")
    usage.output = _count(table, "candidatesTokenCount") + _count(table, "thoughtsTokenCount")
    usage.cache_read = _count(table, "cachedContentTokenCount")
    usage.input_audio, usage.output_audio = (
        sum(_count(each, "tokenCount") for each in table.get(name) or () if _word(each, "modality") == "AUDIO")
        if isinstance(table.get(name), list)
        else 0
        for name in ("promptTokensDetails", "candidatesTokensDetails")
    )


def _cohere(usage: Usage, table: dict[str, Any]) -> None:
    """v1 and v2: the billed units, or else all tokens."""
    counts = _table(table, "billed_units") or _table(table, "tokens")
    usage.input, usage.output = _count(counts, "input_tokens"), _count(counts, "output_tokens")


def _value(found: dict[Path, bytes], place: Path) -> object:
    if place not in found:
        return None
    try:
        return json.loads(found[place])
    except (ValueError, RecursionError):
        return None


def _text(found: dict[Path, bytes], place: Path) -> str:
    value = _value(found, place)
    return value if isinstance(value, str) and len(value) <= 200 and value.isprintable() else ""


def _table(table: dict[str, Any], name: str) -> dict[str, Any]:
    value = table.get(name)
    return value if isinstance(value, dict) else {}


def _count(table: object, *names: str) -> int:
    """Returns the first of `names` that holds a number of tokens."""
    for name in names:
        value = table.get(name) if isinstance(table, dict) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < _MOST * 2:
            return int(value)
    return 0


def _word(table: object, name: str) -> str:
    value = table.get(name) if isinstance(table, dict) else None
    return value if isinstance(value, str) else ""
