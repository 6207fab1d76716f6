"""What is in the bodies of requests and answers: the model that is asked for, and compressed bytes. Pure."""

import json
import re
import zlib
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]  # its stub leaves it out
from urllib.parse import unquote

from lkrshell.broker.interfaces import Refused

_SPACE = re.compile(r"[ \t\n\r]*")
_MODEL_IN_PATH = re.compile(r"/(?:models|deployments)/([^/:]+(?:%3[Aa][^/:]+)*)")
_decode = json.JSONDecoder().raw_decode
_PIECE = 1 << 16


def model_of(path: str, content_type: str, body: bytes) -> str:
    """The model that a request names, in the path or as JSON; empty where it names none, or is no JSON.

    Refused when two readers of the body could see two models: a field that is there twice, in whatever case.
    """
    in_path = _MODEL_IN_PATH.search(path)
    if in_path:
        return unquote(in_path[1])
    if not body or "json" not in content_type.lower():
        return ""
    try:
        return _model(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused(400, "body", "the body is no JSON object in UTF-8, or has a field twice") from None


def _model(text: str) -> str:
    """The field `model` of a JSON object. ValueError when it is none, or one of its fields is there twice."""
    found: dict[str, object] = {}
    at = _past(text, 0, "{")
    if text[at : at + 1] == "}":
        at += 1
    else:
        while True:
            if text[at : at + 1] != '"':
                raise ValueError
            name, at = scanstring(text, at + 1, True)
            value, at = _decode(text, _past(text, at, ":"))
            if name.lower() in found:
                raise ValueError
            found[name.lower()] = value if name == "model" else None
            if name != "model" and name.lower() == "model":
                raise ValueError
            at = _SPACE.match(text, at).end()  # type: ignore[union-attr]  # it matches nothing as well
            if text[at : at + 1] == "}":
                at += 1
                break
            at = _past(text, at, ",")
    if text[at:].strip(" \t\n\r"):
        raise ValueError
    model = found.get("model", "")
    return model if isinstance(model, str) else ""


def _past(text: str, at: int, mark: str) -> int:
    """The place after `mark` and the white space around it."""
    at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
    if text[at : at + 1] != mark:
        raise ValueError
    return _SPACE.match(text, at + 1).end()  # type: ignore[union-attr]


class Decoder:
    """Decompresses an answer as it goes by. `known` is False for any encoding but gzip: `feed` gives nothing then.

    `damaged` turns True at the first byte that is no gzip.
    """

    __slots__ = ("_engine", "damaged", "known", "plain")

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        self.plain = name in ("", "identity")
        self.known = self.plain or name in ("gzip", "x-gzip")
        self.damaged = False
        self._engine = zlib.decompressobj(31)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The decompressed bytes, in pieces of at most 64 KiB."""
        if self.plain:
            yield chunk
            return
        while self.known and not self.damaged:
            if self._engine.eof:  # several members, one after the other
                chunk = self._engine.unused_data or chunk
                if not chunk:
                    return
                self._engine = zlib.decompressobj(31)
            try:
                piece = self._engine.decompress(chunk, _PIECE)
            except zlib.error:
                self.damaged = True
                return
            chunk = self._engine.unconsumed_tail
            if piece:
                yield piece
            elif not chunk and not self._engine.unused_data:
                return
