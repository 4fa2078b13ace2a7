"""One HTTP client for all requests of a worker to a server that is not the reward service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import httpx

IDLE_SECONDS = 1.0
"""How long a connection is kept without a request: shorter than servers do, so that none is used as it is closed."""


class KeptClient:
    """Opens its client with the first request: that takes 40 ms, in which nothing else of the event loop runs."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: httpx.AsyncClient
        self._open: AsyncGenerator[None, None]

    async def post(self, url: str, content: bytes, seconds: float) -> httpx.Response:
        """The reply to JSON `content`. Raises httpx.HTTPError or httpx.InvalidURL."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            limits = httpx.Limits(max_connections=None, keepalive_expiry=IDLE_SECONDS)
            self._loop, self._client = loop, httpx.AsyncClient(limits=limits)
            self._open = _until_the_loop_ends(self._client)
            await anext(self._open)
        headers = {"content-type": "application/json"}
        return await self._client.post(url, content=content, headers=headers, timeout=seconds)


async def _until_the_loop_ends(client: httpx.AsyncClient) -> AsyncGenerator[None, None]:
    """Closes the client where asyncio ends its generators, at the end of the event loop."""
    async with client:
        yield
