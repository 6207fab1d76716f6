"""Writes a refusal in the form of the vendor's own errors, so that the vendor's SDK shows our sentence to the
person."""

import json

from lkrshell.broker.interfaces import Refused

_ANTHROPIC = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    413: "request_too_large",
}  # fmt: skip
_OPENAI = {401: "authentication_error", 403: "permission_error"}
_GOOGLE = {
    400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND",
    502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED",
}  # fmt: skip


def body(form: str, refused: Refused) -> bytes:
    """Returns the JSON of an error. `form` is a Route's `errors`."""
    status, text = refused.status, f"lkr: {refused.message.removeprefix('lkr: ')}"
    server = status >= 500
    if form == "anthropic":
        kind = _ANTHROPIC.get(status, "api_error" if server else "invalid_request_error")
        answer: dict[str, object] = {"type": "error", "error": {"type": kind, "message": text}}
    elif form == "google":
        answer = {"error": {"code": status, "message": text, "status": _GOOGLE.get(status, "FAILED_PRECONDITION")}}
    elif form == "message":
        answer = {"message": text}
    elif form == "detail":
        answer = {"detail": text, "title": refused.code, "status": status}
    else:
        kind = _OPENAI.get(status, "server_error" if server else "invalid_request_error")
        answer = {"error": {"message": text, "type": kind, "param": None, "code": refused.code}}
    return json.dumps(answer).encode("ascii")


def headers(refused: Refused) -> dict[str, str]:
    """Returns the headers. The SDKs of OpenAI and Anthropic, and similar ones, obey `x-should-retry` before the
    status."""
    fields = {"Content-Type": "application/json", "Server": "lkr", "x-lkr-error": refused.code}
    if refused.status < 500:
        fields["x-should-retry"] = "false"
    return fields
