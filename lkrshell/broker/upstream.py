"""Connects to the vendors. Takes nothing from the environment, and sends nothing twice.

Certificates are verified. The address that was checked is the address that is connected to. A redirect is an answer
like any other: the server module decides what to do with it, and no key follows it.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from multidict import CIMultiDict
from yarl import URL

from lkrshell.broker.interfaces import Refused
from lkrshell.core.addresses import is_public
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.vendors import tls
from lkrshell.vendors.routes import Route

_CONNECT = 20.0  # seconds
_KEPT = 30.0  # seconds to keep an idle connection; less than vendors' front ends do
_SLICE = 1 << 16
_AUTOMATIC = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")  # headers that aiohttp would add

Answer = aiohttp.ClientResponse


class _PublicOnly(AbstractResolver):
    """Resolves names. If one address is private, none is used, unless the person named that host."""

    def __init__(self, named: frozenset[str]) -> None:
        self._named = named

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        addresses = [(each[0], str(each[4][0])) for each in infos]
        if host.lower() not in self._named and not all(is_public(address) for _, address in addresses):
            raise OSError("a private address")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=kind, proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, address in addresses
        ]  # fmt: skip

    async def close(self) -> None:
        pass


def _socket(info: tuple[Any, ...]) -> socket.socket:
    """Returns a socket that notices a lost network within two minutes, since a stream may be silent for longer."""
    made = socket.socket(info[0], info[1], info[2])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPALIVE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


class Upstream:
    """All connections to vendors. Make it inside a running loop; `close` ends them.

    `ca` is a PEM file with additional authorities, `proxy` an address, and `named` the person's own addresses by
    vendor, all from config.toml. Raises LkrError when one of them is wrong.
    """

    def __init__(self, ca: str = "", proxy: str = "", named: Mapping[str, str] | None = None) -> None:
        self._named = {vendor: _https(vendor, address) for vendor, address in (named or {}).items()}
        self._proxy = URL(proxy) if proxy else None
        if self._proxy and (self._proxy.scheme not in ("http", "https") or not self._proxy.host):
            raise LkrError("config.toml: [broker] proxy is not an address", 'write proxy = "http://proxy.example:3128"')
        try:
            context = tls.context(ca)
        except OSError:
            raise LkrError(f"config.toml: [broker] ca: {show(ca)} is not a certificate file") from None
        context.set_alpn_protocols(["http/1.1"])
        hosts = [url.host for url in (*self._named.values(), self._proxy) if url]
        connector = aiohttp.TCPConnector(
            ssl=context, resolver=_PublicOnly(frozenset(host.lower() for host in hosts if host)), limit=0,
            keepalive_timeout=_KEPT, socket_factory=_socket,
        )  # fmt: skip
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT), skip_auto_headers=_AUTOMATIC,
            max_field_size=1 << 16, max_line_size=1 << 14,
        )  # fmt: skip
        self._session._retry_connection = False  # aiohttp repeats a GET when a kept connection turns out closed
        self._users = 0

    def __enter__(self) -> Self:
        self._users += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._users -= 1

    async def close(self, patiently: bool = False) -> None:
        """Closes all connections; with `patiently`, only once no request uses them."""
        while patiently and self._users:
            await asyncio.sleep(1)
        await self._session.close()

    async def send(
        self, vendor: str, route: Route, method: str, path: str, query: str, fields: Iterable[tuple[str, str]],
        body: bytes,
    ) -> Answer:  # fmt: skip
        """Sends one request, once. Returns as soon as the vendor's headers have arrived.

        Raises `NotSent` when no byte was sent, and Refused when the vendor ends the connection without an answer.
        """
        base = self._named.get(vendor) or (URL(route.upstream) if route.upstream else None)
        if base is None:
            line = f'[broker.upstream] {vendor} = "https://…"'
            raise NotSent(
                403, "upstream", f"lkr does not know your address for this vendor: write it in config.toml, {line}"
            )
        target = f"{str(base).rstrip('/')}{path}{'?' if query else ''}{query}"
        headers = CIMultiDict(fields)
        if body or method not in ("GET", "DELETE"):
            headers["Content-Length"] = str(len(body))
        data = (_slices(body) if len(body) > _SLICE else body) or None
        try:
            return await self._session.request(
                method, URL(target, encoded=True), headers=headers, data=data, allow_redirects=False, proxy=self._proxy
            )
        except (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError, aiohttp.InvalidURL) as error:
            raise NotSent(502, "unreachable", f"{base.host} {_why(error)}") from None
        except aiohttp.ConnectionTimeoutError:
            raise NotSent(504, "unreachable", f"{base.host} did not answer within {_CONNECT:.0f} seconds") from None
        except (aiohttp.ClientError, OSError):
            raise Refused(502, "upstream", f"{base.host} ended the connection without an answer") from None


class NotSent(Refused):
    """The request was not sent, so it cost nothing."""


def _why(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "has a certificate that lkr does not trust; [broker] ca in config.toml adds an authority of yours"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "does not speak TLS as it should"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        if "private" in str(error.os_error):
            return "has a private address; [broker.upstream] in config.toml allows that for a host of yours"
        return "has no address in DNS"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"cannot be reached through the proxy ({error.status})"
    return "cannot be reached"


def _https(vendor: str, address: str) -> URL:
    url = URL(address)
    if url.scheme != "https" or not url.host or url.user or url.query_string or url.fragment:
        raise LkrError(
            f"config.toml: [broker.upstream] {vendor} is not an https address", f'write {vendor} = "https://host"'
        )
    return url


async def _slices(body: bytes) -> AsyncIterator[bytes]:
    """Yields a large body in pieces, so that other streams have their turn."""
    view = memoryview(body)
    for start in range(0, len(body), _SLICE):
        yield bytes(view[start : start + _SLICE])
