"""One HTTP client for all requests of a worker to a server that is not the reward service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import httpx

from memreward_client.transport.proxies import is_loopback

IDLE_SECONDS = 1.0
"""How long a connection is kept without a request: shorter than servers do, so that none is used as it is closed."""


class KeptClient:
    """Opens its client with the first request: that takes 40 ms, in which nothing else of the event loop runs."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opened: dict[bool, tuple[httpx.AsyncClient, AsyncGenerator[None, None]]] = {}
        """By whether it goes around the proxies of the environment."""

    async def post(self, url: str, content: bytes, seconds: float) -> httpx.Response:
        """The reply to JSON `content`; this machine is asked without a proxy. Raises httpx.HTTPError and
        httpx.InvalidURL."""
        loop, direct = asyncio.get_running_loop(), is_loopback(httpx.URL(url).host)
        if self._loop is not loop:
            self._loop, self._opened = loop, {}
        if direct not in self._opened:
            limits = httpx.Limits(max_connections=None, keepalive_expiry=IDLE_SECONDS)
            client = httpx.AsyncClient(limits=limits, trust_env=not direct)
            self._opened[direct] = client, _until_the_loop_ends(client)
            await anext(self._opened[direct][1])
        headers = {"content-type": "application/json"}
        return await self._opened[direct][0].post(url, content=content, headers=headers, timeout=seconds)


async def _until_the_loop_ends(client: httpx.AsyncClient) -> AsyncGenerator[None, None]:
    """Closes the client where asyncio ends its generators, at the end of the event loop."""
    async with client:
        yield
