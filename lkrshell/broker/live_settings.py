"""Applies `[broker]` and `[prices]` of config.toml to the forwarder: at the start, and after each change.

The settings are read for each request anyway. While they are not valid, every request is refused with the reason,
because the broker cannot know what the person wanted.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from lkrshell.broker.interfaces import Refused
from lkrshell.broker.prices import Prices
from lkrshell.broker.server import Forwarder
from lkrshell.broker.upstream import Upstream
from lkrshell.core.errors import LkrError
from lkrshell.state.config import Config


class LiveSettings:
    """Holds the present `upstream`, and gives each new one to the `forwarder`, once that is set."""

    def __init__(self, prices: Prices, settings: Config, warn: Callable[[str], object]) -> None:
        self._prices, self._own, self._warn = prices, settings.prices, warn
        self._broker = _broker(settings)
        self._closing: set[asyncio.Task[None]] = set()
        self.forwarder: Forwarder[Any, Any] | None = None
        self.upstream = self._made(settings)

    async def follow(self, settings: Config) -> None:
        """Applies what has changed. It does not await anything, so no request can run in between."""
        if settings.prices != self._own:
            self._own = settings.prices
            self._prices.take(settings.prices)
        if _broker(settings) != self._broker:
            self._broker = _broker(settings)
            before, self.upstream = self.upstream, self._made(settings)
            if self.forwarder:
                self.forwarder.upstream = self.upstream
            if isinstance(before, Upstream):
                closing = asyncio.create_task(before.close(patiently=True))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Closes all connections to vendors."""
        for task in self._closing:
            task.cancel()
        if isinstance(self.upstream, Upstream):
            await self.upstream.close()

    def _made(self, settings: Config) -> Upstream | Refused:
        try:
            return Upstream(settings.broker_ca, settings.broker_proxy, {row[0]: row[1] for row in settings.upstream})
        except LkrError as error:
            self._warn(str(error))
            return Refused(403, "config", f"lkr: {error}")


def _broker(settings: Config) -> tuple[object, ...]:
    return settings.broker_ca, settings.broker_proxy, settings.upstream
