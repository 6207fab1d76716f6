"""Finds the model that a request asks for, in its path or its body. Pure."""

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # its stub leaves it out
from urllib.parse import unquote

from lkrshell.broker.interfaces import Refused

_SPACE = re.compile(r"[ \t\n\r]*")
_MODEL_IN_PATH = re.compile(r"/(?:models|deployments)/([^/:]+(?:%3[Aa][^/:]+)*)")
_decode = json.JSONDecoder().raw_decode


def model_of(path: str, content_type: str, body: bytes) -> str:
    """Returns the model that a request names, in the path or in a JSON body. Empty if it names no model, or is not
    JSON.

    Raises Refused when two readers of the body could see two different models: the field appears twice, in any case.
    """
    in_path = _MODEL_IN_PATH.search(path)
    if in_path:
        return unquote(in_path[1])
    if not body or "json" not in content_type.lower():
        return ""
    try:
        return _model(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Refused(400, "body", "the body is not a JSON object in UTF-8, or repeats a field") from None


def _model(text: str) -> str:
    """Returns the field `model` of a JSON object. Raises ValueError for anything else, and when a field appears
    twice."""
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
    """Returns the place after `mark` and the white space around it."""
    at = _SPACE.match(text, at).end()  # type: ignore[union-attr]
    if text[at : at + 1] != mark:
        raise ValueError
    return _SPACE.match(text, at + 1).end()  # type: ignore[union-attr]
