"""Decides which requests are forwarded, and with which path and headers. Pure.

Everything is an allow-list: the form of the target, the characters of a path, the calls of a route. Anything that the
vendor's parser could read differently is refused, never repaired.
"""

import functools
import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

from lkrshell.broker.interfaces import Refused
from lkrshell.vendors import routes
from lkrshell.vendors.routes import Route

Fields = list[tuple[str, str]]

# One segment of a path. SDKs write `:` and `@` in names of models as `%3A` and `%40`. A dot, slash or backslash cannot
# be encoded, and `%25` cannot hide one.
_SEGMENT = r"(?:[A-Za-z0-9_~:@+=,.-]|%3[Aa]|%40)+"
_WITHOUT_COLON = r"(?:[A-Za-z0-9_~@+=,.-]|%40)+"
_PATH = re.compile(rf"(?:/{_SEGMENT})+")
_QUERY = re.compile(r"(?:[A-Za-z0-9._~:@!$&'()*+,;=/?\[\]-]|%[2-689A-Fa-f][0-9A-Fa-f]|%7[0-9A-Ea-e])*")
_TOKEN = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")
_BEARER = re.compile(r"Bearer ([\x21-\x7e]+)", re.IGNORECASE)

# Refused even if a route names them by mistake: a call that creates keys would get around the broker.
NEVER = re.compile(
    r"""(?:^|/)(?:admin|api[-_]?keys?|auth|auth_?tokens?|authorize|client_secrets?|credentials?|credits|ephemeral[-_a-z]*
    |invites?|keys?|oauth2?|organizations?|permissions?|projects?|provisioning|secrets?|service_?accounts?|sessions?
    |single-use-token|tokens?|users?|workspaces?|usage|billing|costs?|account)(?:/|$)""",
    re.IGNORECASE | re.VERBOSE,
)

CREDENTIALS = frozenset(
    """authorization proxy-authorization x-api-key api-key x-goog-api-key xi-api-key x-auth-token x-access-token
    x-amz-security-token ocp-apim-subscription-key""".split()
)
_HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-connection te trailer trailers transfer-encoding upgrade http2-settings".split()
)
# Forwarding headers; headers that make a server see another method or path than the request line; and those we write
# ourselves.
_DROPPED = frozenset(
    """host content-length expect accept-encoding cookie cookie2 origin referer forwarded via x-real-ip true-client-ip
    x-client-ip x-cluster-client-ip cf-connecting-ip fastly-client-ip x-http-method x-http-method-override
    x-method-override x-original-method x-original-url x-original-uri x-rewrite-url x-goog-user-project
    x-goog-authenticated-user-email""".split()
)
_DROPPED_PREFIXES = ("x-forwarded-", "sec-", "proxy-", "x-lkr-")
_KEYS_IN_QUERY = frozenset("key api_key api-key apikey access_token token auth authorization".split())
# In an answer: cookies, other addresses of the vendor, and headers that only the broker may set.
_DROPPED_ANSWERS = frozenset("set-cookie set-cookie2 alt-svc clear-site-data public-key-pins".split())


class Asked:
    """A request that passed the checks: its sender, its call, and the headers for the vendor without the key's."""

    __slots__ = ("encodings", "family", "fields", "header", "path", "presented", "query", "route", "vendor")

    def __init__(
        self, vendor: str, route: Route, presented: str, path: str, query: str, family: str, header: str,
        fields: Fields, encodings: str,
    ) -> None:  # fmt: skip
        self.vendor, self.route, self.presented = vendor, route, presented
        self.path, self.query, self.family, self.header = path, query, family, header
        self.fields, self.encodings = fields, encodings

    def with_key(self, key: str, plain: bool = False) -> Fields:
        """Returns the headers for the vendor, the real key last. `plain` asks for an uncompressed answer."""
        value = f"Bearer {key}" if self.header == routes.BEARER else key
        return [*self.fields, ("accept-encoding", "identity" if plain else self.encodings), (self.header, value)]


def form_of(target: str) -> str:
    """Returns the form of errors for the vendor that a target names."""
    route = routes.find(target.split("/", 2)[1]) if target.startswith("/") else None
    return route.errors if route else "openai"


def check(method: str, target: str, raw: Iterable[tuple[bytes, bytes]], hosts: frozenset[str]) -> Asked:
    """Returns the part of a request that goes to the vendor. Raises Refused when it may not go.

    `raw` are the header fields as they arrived. `hosts` are our own values of Host, such as `127.0.0.1:1234`.
    """
    fields = _decoded(raw)
    if method == "CONNECT" or not target.startswith("/"):
        raise Refused(400, "form", "the broker is not a proxy: use its base URL, and no HTTP_PROXY for 127.0.0.1")
    _from_here(fields, hosts)
    vendor, path, query = _target(target)
    route = routes.find(vendor)
    if route is None:
        why = routes.LATER.get(vendor, "the broker does not know this vendor")
        raise Refused(404, "vendor", f"{why}; lkr policy KEY --via environment gives programs the key itself")
    if any(name == "upgrade" for name, _ in fields):
        raise Refused(426, "websocket", "the broker forwards no websockets; use the HTTP API")
    presented = _credential(route, fields)
    called, family, header = _called(route, method, path)
    dropped = _connection_named(fields)
    kept = [(name, value) for name, value in fields if _kept(name) and name not in dropped]
    accepted = ",".join(value for name, value in fields if name == "accept-encoding")
    return Asked(vendor, route, presented, called, _without_keys(query), family, header, kept, encodings(accepted))


def _decoded(raw: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Returns names in lower case and values as text. Raises Refused when a field could be read in two ways."""
    fields: Fields = []
    seen: set[str] = set()
    for name, value in raw:
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            raise Refused(400, "form", "a header is not UTF-8") from None
        if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(text):
            raise Refused(400, "form", "a header has characters that are not allowed")
        lower = name.decode("ascii").lower()
        if lower in seen and lower in ("host", "content-length", "content-type", "transfer-encoding", "expect"):
            raise Refused(400, "form", f"the header {lower} appears twice")
        seen.add(lower)
        fields.append((lower, text.strip(" \t")))
    values = dict(fields)
    if "content-length" in values and not re.fullmatch(r"[0-9]{1,18}", values["content-length"]):
        raise Refused(400, "form", "the header content-length is not a number")
    if "transfer-encoding" in values and ("content-length" in values or values["transfer-encoding"] != "chunked"):
        raise Refused(400, "form", "the length of the request is not clear")
    return fields


def _from_here(fields: Fields, hosts: frozenset[str]) -> None:
    """Raises Refused when a web page may have sent this, through a name that resolves to 127.0.0.1."""
    values = dict(fields)
    if values.get("host", "").lower() not in hosts:
        raise Refused(403, "host", "the header Host must be 127.0.0.1 and the broker's port; localhost is refused too")
    if "origin" in values or values.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Refused(403, "origin", "the broker serves no web pages")


def _target(target: str) -> tuple[str, str, str]:
    """Returns (vendor, the path after it, query)."""
    whole, _, query = target.partition("?")
    if not _PATH.fullmatch(whole) or any(part.strip(".") == "" for part in whole[1:].split("/")):
        raise Refused(400, "path", "the path has empty parts, dots, or characters that no vendor's API uses")
    if not _QUERY.fullmatch(query):
        raise Refused(400, "path", "the query has characters that are not allowed")
    vendor, _, rest = whole[1:].partition("/")
    return vendor, f"/{rest}", query


def _credential(route: Route, fields: Fields) -> str:
    """Returns the virtual key that the request carries."""
    found = [(name, value) for name, value in fields if name in CREDENTIALS]
    if len(found) > 1:
        raise Refused(
            400, "credentials", f"the request has two keys, in {' and '.join(name for name, _ in found)}; send one"
        )
    if not found:
        raise Refused(401, "credentials", f"no virtual key: send it in the header {route.headers[0]}")
    name, value = found[0]
    if name not in route.headers:
        raise Refused(401, "credentials", f"the virtual key belongs in the header {route.headers[0]}")
    if name != routes.BEARER:
        return value
    bearer = _BEARER.fullmatch(value)
    if not bearer:
        raise Refused(401, "credentials", "the header authorization is not `Bearer` and a virtual key")
    return bearer.group(1)


@functools.cache
def _patterns(vendor: str) -> list[tuple[str, re.Pattern[str], str, str]]:
    """Returns a route's calls: (method, path, family, header)."""
    route = routes.ROUTES[vendor]
    found = []
    for method, path, family, header in route.calls:
        pattern = re.escape(path).replace(r"\+", _SEGMENT).replace(r"\*", _WITHOUT_COLON)
        pattern = re.sub(r"\\\{(.*?)\\\}", lambda words: f"(?:{words[1].replace(',', '|')})", pattern)
        found.append((method, re.compile(pattern), family, header or route.headers[0]))
    return found


def _called(route: Route, method: str, path: str) -> tuple[str, str, str]:
    """Returns (the vendor's whole path, family, header for the real key)."""
    name = next(name for name, each in routes.ROUTES.items() if each is route)
    other = ""
    for whole in (path, *(root + path for root in route.roots)):
        if NEVER.search(whole):
            continue
        for allowed, pattern, family, header in _patterns(name):
            if pattern.fullmatch(whole):
                if allowed == method:
                    return whole, family, header
                other = allowed
    if other:
        raise Refused(405, "method", f"the broker forwards {other} to this path, not {method}")
    raise Refused(404, "path", f"the broker does not forward {path} of {name}: it forwards only calls to models")


def _connection_named(fields: Fields) -> set[str]:
    named = (value for name, value in fields if name == "connection")
    return {each.strip().lower() for value in named for each in value.split(",")}


def _kept(name: str) -> bool:
    dropped = name in CREDENTIALS or name in _HOP_BY_HOP or name in _DROPPED
    return not dropped and not name.startswith(_DROPPED_PREFIXES)


def _without_keys(query: str) -> str:
    parts = query.split("&")
    return "&".join(part for part in parts if unquote_plus(part.partition("=")[0]).lower() not in _KEYS_IN_QUERY)


def encodings(accepted: str) -> str:
    """Returns the encodings that the client accepts and lkr can read, for the header Accept-Encoding."""
    for each in accepted.lower().split(","):
        name, _, weight = each.partition(";")
        if name.strip() == "gzip" and not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight):
            return "gzip"
    return "identity"


def answered(fields: Iterable[tuple[str, str]], whole: bool) -> Fields:
    """Returns the vendor's headers for the client. `whole` keeps Content-Length and Content-Encoding, for an unchanged
    body."""
    listed = [(name, value) for name, value in fields if value.isprintable() or "\t" in value]
    named = _connection_named([(name.lower(), value) for name, value in listed])
    gone = named | _HOP_BY_HOP | _DROPPED_ANSWERS | (set() if whole else {"content-length", "content-encoding"})
    return [
        (name, value)
        for name, value in listed
        if name.lower() not in gone and not name.lower().startswith(("x-lkr-", "proxy-"))
    ]
