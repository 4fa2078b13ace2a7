"""Waiting for what a background task will do."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable


async def until(condition: Callable[[], object]) -> None:
    """Return once `condition`, which may be asynchronous, holds; fail after half a minute."""
    async with asyncio.timeout(30):
        while True:
            holds = condition()
            if await holds if inspect.isawaitable(holds) else holds:
                return
            await asyncio.sleep(0.005)
