"""Estimates the most that a request may use, from its body, before it is sent. Pure.

Token counts are rough and on the high side: two bytes of text count as one token, while English has four bytes per
token and Chinese three. Pictures, sound and documents cost far fewer tokens than their text has bytes, so each kind has
its own bound. What the vendor adds itself (an earlier answer, a stored prompt or file) can fill the model's context.
"""

import json
import re
from typing import Any

from lkrshell.broker.interfaces import Call, Refused
from lkrshell.broker.usage import Usage

METERED = ("chat", "embeddings", "responses", "messages", "gemini", "cohere")
# These vendors leave the usage out of a stream unless the request asks for it. The others always send it, or reject the
# request.
_ASKED = ("openai", "azure-openai", "deepseek")
_BYTES = 2  # bytes of text that count as one token
_BLOB = 512  # characters; a shorter one is counted as text
_PICTURE = 16_384  # tokens
_BASE64 = re.compile(r"(?:data:[\w.+-]+/[\w.+-]+(?:;[\w=-]+)*;base64,)?[A-Za-z0-9+/_-]+={0,2}\s*\Z")
_STORED = (
    "previous_response_id", "conversation", "container", "cachedContent", "cached_content", "file_id", "file_url",
    "fileData", "fileUri", "file_uri",
)  # fmt: skip
_TYPES = ("media_type", "mimeType", "mime_type")
_LONGEST = ("max_output_tokens", "max_completion_tokens", "max_tokens")
_COPIES = ("n", "best_of")
_MOST = 1 << 31


class Estimate:
    """What one request may use.

    `metered`: its answer can be counted. `free`: it costs nothing. `models`: every model that it may call, empty when
    it names no model. `input`: the most tokens; with `stored`, the vendor adds more, up to the model's context.
    `output`: the most tokens of each of `copies` answers, 0 when the request does not say. `hour`: something may be
    cached for an hour. `asks`: the body must ask for the usage; `merges`: it already has other `stream_options`.
    """

    __slots__ = (
        "asks",
        "copies",
        "free",
        "hour",
        "input",
        "merges",
        "metered",
        "models",
        "output",
        "speed",
        "stored",
        "tier",
    )

    def __init__(self, call: Call) -> None:
        """Raises Refused (400) when two readers could understand the body in two ways."""
        self.free, self.metered = not call.family, call.family in METERED
        self.models = [call.model] if call.model else []
        self.input = self.output = 0
        self.copies = 1
        self.hour = self.stored = self.asks = self.merges = False
        self.tier = self.speed = ""
        if not self.metered:
            return
        body = _parse(call.body)
        if body is None:
            self.metered = False
            return
        self.models += [each for each in _strings(body.get("models")) if each not in self.models]
        self.input = 64 + self._weigh(body)
        self.stored = self.stored or isinstance(body.get("prompt"), dict)
        inner = body.get("generationConfig", body.get("generation_config"))
        config = inner if isinstance(inner, dict) else {}
        self.output = max(
            _number(body, *_LONGEST), _number(config, "maxOutputTokens", "max_output_tokens"),
        )  # fmt: skip
        self.copies = max(1, _number(body, *_COPIES), _number(config, "candidateCount", "candidate_count"))
        if call.family == "chat" and isinstance(body.get("prompt"), list):  # one answer for each prompt
            self.copies *= max(1, len(body["prompt"]))
        self.hour = b'"1h"' in call.body
        self.tier, self.speed = (
            value if isinstance(value := body.get(name), str) else "" for name in ("service_tier", "speed")
        )
        options = body.get("stream_options")
        self.merges = "stream_options" in body
        self.asks = (
            call.family == "chat"
            and call.vendor in _ASKED
            and body.get("stream") is True
            and (options is None or (isinstance(options, dict) and "include_usage" not in options))
        )

    def most(self, context: int, longest: int, answers: bool) -> Usage:
        """Returns the most that it may use with a model of this `context` and `longest` answer. `answers`: the answer
        is text."""
        taken = context if self.stored else min(self.input, context)
        found = Usage(taken, (self.output or longest) * self.copies if answers else 0)
        found.tier, found.speed = self.tier, self.speed
        found.cache_write_1h = int(self.hour)
        return found

    def _weigh(self, value: Any) -> int:
        """Counts the tokens in a JSON value. Walks without recursion, because the client chooses the depth."""
        total, rest = 0, [value]
        while rest:
            each = rest.pop()
            if isinstance(each, dict):
                picture = any(str(each.get(name, "")).startswith("image/") for name in _TYPES)
                for name, inner in each.items():
                    total += len(name) // _BYTES + 2
                    self.stored = self.stored or (name in _STORED and bool(inner))
                    if not isinstance(inner, str):
                        rest.append(inner)
                    elif name in ("url", "image_url") and inner.startswith("http"):
                        total += _PICTURE
                    else:
                        total += _tokens(inner, name in ("data", "file_data"), picture)
            elif isinstance(each, list):
                if each and all(type(one) is int for one in each):
                    total += len(each)  # a prompt given as tokens
                else:
                    rest += each
            elif isinstance(each, str):
                total += _tokens(each)
            else:
                total += 4
        return total


def ask(body: bytes, merges: bool) -> bytes:
    """Adds `stream_options.include_usage` to the body of a streaming request, and leaves the rest as it was.

    `merges`: the body already has `stream_options`, so the whole body is written again.
    """
    if not merges:
        return b'{"stream_options":{"include_usage":true},' + body.lstrip()[1:]
    content = json.loads(body)
    content["stream_options"] = {**(content["stream_options"] or {}), "include_usage": True}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _tokens(text: str, coded: bool = False, picture: bool = False) -> int:
    """Counts the tokens of a text. With `coded`, base64 text may be a `picture`; other base64 is a document or
    sound."""
    size = len(text.encode("utf-8", "surrogatepass"))
    coded = coded or text.startswith("data:")
    if not coded or size < _BLOB or not _BASE64.match(text):
        return -(-size // _BYTES)
    return min(size, _PICTURE) if picture or text.startswith("data:image/") else size // 16


def _parse(data: bytes) -> dict[str, Any] | None:
    """Returns the JSON object, None for anything else. Raises Refused when a name appears twice in an object: the
    vendor may read the other one."""
    try:
        body = json.loads(data, object_pairs_hook=_once)
    except _Twice:
        raise Refused(400, "body", "an object in the body repeats a name, so lkr cannot tell what it costs") from None
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


class _Twice(Exception):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found


def _strings(value: object) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _number(table: dict[str, Any], *names: str) -> int:
    """Returns the largest number among the fields `names`; 0 when none is a number."""
    values = [
        value for name in names if isinstance(value := table.get(name), int | float) and not isinstance(value, bool)
    ]
    return max((int(value) for value in values if 0 < value < _MOST), default=0)
