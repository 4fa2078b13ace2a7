"""Both clients over both transports in one form, so that one set of tests holds for all four."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

from memreward_client import AsyncRewardClient, RewardClient
from serving import Address

KINDS = ("http", "grpc", "async-http", "async-grpc")


class Awaited:
    """An AsyncRewardClient that blocks: each method runs on an event loop that is kept."""

    def __init__(self, url: str, api_key: str | None = None, **options: Any) -> None:
        self.client = AsyncRewardClient(url, api_key, **options)
        self.loop = asyncio.new_event_loop()

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Coroutine[Any, Any, Any] | AsyncIterator[Any]] = getattr(self.client, name)
        if not callable(method):
            return method

        def blocking(*given: Any, **named: Any) -> Any:
            called = method(*given, **named)
            return self._drained(called) if isinstance(called, AsyncIterator) else self.loop.run_until_complete(called)

        return blocking

    def _drained(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        async def drain() -> list[Any]:
            return [item async for item in items]

        return iter(self.loop.run_until_complete(drain()))

    def __enter__(self) -> Awaited:
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.run_until_complete(self.client.close())
        self.loop.close()


def url_of(address: Address, kind: str) -> str:
    """The URL of the transport that a kind of caller uses."""
    return f"grpc://{address.grpc}" if kind.endswith("grpc") else address.http


def caller(kind: str, url: str, api_key: str | None = None, **options: Any) -> Any:
    """A client of one of KINDS, to be used in a `with`; its methods are those of RewardClient."""
    return (Awaited if kind.startswith("async") else RewardClient)(url, api_key, **options)
