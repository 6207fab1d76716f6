"""What a vendor charged an organization, by its admin key: OpenAI's and Anthropic's cost endpoints.

The key goes only to the vendor's own host: no address, proxy or certificate authority comes from the environment, and
no redirect is followed. No error quotes what was sent or received.

Sources: OpenAI, "Costs" (GET /v1/organization/costs: dollars); Anthropic, "Get cost report" (GET
/v1/organizations/cost_report: cents, as decimal text). Both give pages of days.
"""

import json
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from http.client import HTTPException, HTTPMessage
from typing import IO, Any

from lkrshell.core.errors import LkrError
from lkrshell.core.secret import Secret
from lkrshell.vendors import tls

BASES = {
    "openai": "https://api.openai.com",
    "anthropic": "https://api.anthropic.com",
}  # tests replace these addresses
_WAIT = 30.0  # seconds for one answer
_MAX_BYTES = 1 << 24  # the largest answer
_MAX_PAGES = 100


def costs(provider: str, admin: Secret, start: date, end: date) -> dict[str, Decimal]:
    """US dollars by line item, from the day `start` to the day before `end` (UTC).

    LkrError if the vendor refuses, does not answer, or sends an answer that we do not understand.
    """
    key = admin.reveal()
    if not (key.isascii() and key.isprintable()):
        raise LkrError(f"the admin key of {provider} contains characters that no vendor uses", "store it again")
    found: dict[str, Decimal] = {}
    page = ""
    for _ in range(_MAX_PAGES):
        answer = _ask(provider, *_request(provider, key, start, end, page))
        try:
            for bucket in answer["data"]:
                for row in bucket["results"]:
                    item, amount = _amount(provider, row)
                    found[item] = found.get(item, Decimal()) + amount
            page = answer["next_page"] if answer.get("has_more") else ""
        except (LookupError, TypeError, AttributeError, ValueError, InvalidOperation):
            raise LkrError(f"{provider} sent an answer that lkr does not understand") from None
        if not page:
            return found
    raise LkrError(f"the answer of {provider} did not end", "ask for fewer days")


def _request(provider: str, key: str, start: date, end: date, page: str) -> tuple[str, dict[str, str]]:
    """The URL, and the headers with the key."""
    first, last = (datetime.combine(day, time(), UTC) for day in (start, end))
    more = {"page": page} if page else {}
    if provider == "openai":
        query = {"start_time": int(first.timestamp()), "end_time": int(last.timestamp()), "bucket_width": "1d"}
        query |= {"limit": 31, "group_by": "line_item"}
        path, headers = "/v1/organization/costs", {"Authorization": f"Bearer {key}"}
    else:
        days = {"starting_at": f"{first:%Y-%m-%dT%H:%M:%SZ}", "ending_at": f"{last:%Y-%m-%dT%H:%M:%SZ}"}
        query = {**days, "limit": 31, "group_by[]": "description"}
        path, headers = "/v1/organizations/cost_report", {"x-api-key": key, "anthropic-version": "2023-06-01"}
    return f"{BASES[provider]}{path}?{urllib.parse.urlencode({**query, **more})}", headers


def _amount(provider: str, row: dict[str, Any]) -> tuple[str, Decimal]:
    if provider == "openai":
        item, amount, currency = row.get("line_item"), row["amount"]["value"], row["amount"].get("currency", "usd")
        dollars = Decimal(str(amount))
    else:
        item, amount, currency = row.get("description"), row["amount"], row.get("currency", "USD")
        dollars = Decimal(str(amount)) / 100
    if str(currency).lower() != "usd" or not dollars.is_finite():
        raise ValueError("not dollars")
    return str(item or "other"), dollars


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Without this, urllib would send our headers, including the key, to wherever a redirect points."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def _ask(provider: str, address: str, headers: dict[str, str]) -> dict[str, Any]:
    request = urllib.request.Request(address, headers={"User-Agent": "lkrshell", **headers})  # noqa: S310
    try:
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls.context()), _NoRedirect
        )
        with opener.open(request, timeout=_WAIT) as answer:
            data = answer.read(_MAX_BYTES + 1)
        found = json.loads(data) if len(data) <= _MAX_BYTES else None
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403):
            hint = f"it must be an organization's admin key: lkr set {provider}:admin --kind admin"
            raise LkrError(f"{provider} refuses the admin key ({error.code})", hint) from None
        raise LkrError(f"{provider} answered {error.code}", "try again later") from None
    except (OSError, HTTPException):
        raise LkrError(f"{provider} cannot be reached", "check your network") from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise LkrError(f"{provider} sent an answer that lkr does not understand")
    return found
