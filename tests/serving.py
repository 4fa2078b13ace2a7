"""A real server, both transports on free ports of this machine, in a thread of the test process."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from fake_engine import FakeEngine
from memreward_service.engine.engine import Engine
from memreward_service.server import serve
from memreward_service.settings import Settings


@dataclass(frozen=True)
class Address:
    """Where both transports listen, and the engine and the loop behind them."""

    http: str
    grpc: str
    engine: FakeEngine
    loop: asyncio.AbstractEventLoop


@contextmanager
def serving(engine: FakeEngine | None = None, **settings: Any) -> Iterator[Address]:
    """Serve until the block ends; an exception of the server is raised here."""
    fake = engine or FakeEngine()
    chosen = Settings(http_port=0, grpc_port=0, **settings)
    told: queue.Queue[Address | BaseException] = queue.Queue()
    tasks: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def ready(host: str, http_port: int, grpc_port: int) -> None:
            told.put(Address(f"http://{host}:{http_port}", f"{host}:{grpc_port}", fake, loop))

        task = asyncio.create_task(serve(cast(Engine, fake), chosen, ready=ready))
        tasks.append((loop, task))
        try:
            await task
        except asyncio.CancelledError:
            return
        except BaseException as error:
            told.put(error)
            raise

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="server")
    thread.start()
    try:
        address = told.get(timeout=60)
        if isinstance(address, BaseException):
            raise address
        yield address
    finally:
        loop, task = tasks[0]
        if thread.is_alive():
            loop.call_soon_threadsafe(task.cancel)
        thread.join(60)
