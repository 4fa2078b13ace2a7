"""Calls over HTTP/1.1 with httpx; http_messages.py says what is sent and what an answer means."""

from __future__ import annotations

from typing import Any

import httpx

from memreward_client.calls import Call
from memreward_client.transport.base import Address
from memreward_client.transport.http_messages import answer, headers, readiness, request, timeout, unreachable
from memreward_client.transport.proxies import place_of, proxy_of
from memreward_proto.plain import Json

LIMITS = httpx.Limits(keepalive_expiry=4.0)
"""The service hangs up on idle connections after 5 s; a client that does so earlier has no request on the way then."""


class AsyncLanes:
    """Clients of httpx that carry one request at a time, as many as there are requests in flight.

    The pool inside a client looks at all its connections for every request: with 256 submits held at once that took
    8 ms of CPU for each, against 1 ms this way. The lane used last is taken first, so its connection is open still.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._tls = httpx.create_ssl_context()
        self._proxy = proxy_of(address)
        self._idle: list[httpx.AsyncClient] = []
        self.all: list[httpx.AsyncClient] = []

    def take(self) -> httpx.AsyncClient:
        """A lane that nobody uses."""
        try:
            return self._idle.pop()
        except IndexError:
            made = httpx.AsyncClient(
                base_url=self._address.url,
                headers=headers(self._address),
                limits=LIMITS,
                verify=self._tls,
                proxy=self._proxy,
                trust_env=False,
            )
            self.all.append(made)
            return made

    def give_back(self, lane: httpx.AsyncClient) -> None:
        """The lane may carry another request."""
        self._idle.append(lane)


class AsyncHttpTransport:
    """The calls of one client over HTTP."""

    def __init__(self, address: Address) -> None:
        self._url = place_of(address)
        self._lanes = AsyncLanes(address)

    async def asend(self, call: Call[Any], seconds: float) -> Json:
        """The answer's JSON."""
        return answer(await self._request(seconds, **request(call)), self._url)

    async def aready(self, seconds: float) -> bool:
        """What /readyz says."""
        return readiness(await self._request(seconds, method="GET", url="/readyz"), self._url)

    async def aclose(self) -> None:
        """Close the connections."""
        for lane in self._lanes.all:
            await lane.aclose()

    async def _request(self, seconds: float, **content: Any) -> httpx.Response:
        lane = self._lanes.take()
        try:
            return await lane.request(timeout=timeout(seconds), **content)
        except httpx.HTTPError as error:
            raise unreachable(error, self._url) from error
        finally:
            self._lanes.give_back(lane)
