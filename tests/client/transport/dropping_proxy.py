"""A TCP proxy that drops a share of what passes, at the worst moments: before, in the middle and after an answer."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """`dropped` connections of `accepted` were cut; `share` may be changed at any time."""

    port: int
    target: int
    share: float
    random: random.Random
    accepted: int = 0
    dropped: int = 0
    servers: list[asyncio.Server] = field(default_factory=list)


@contextmanager
def dropping(target: int, share: float, seed: int = 3) -> Iterator[Proxy]:
    """A proxy for a port of this machine that cuts a connection at each chunk of data with chance `share`."""
    proxy = Proxy(0, target, share, random.Random(seed))
    loop = asyncio.new_event_loop()
    started = threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(lambda *ends: _carry(proxy, *ends), "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        proxy.servers.append(server)
        started.set()
        with suppress(asyncio.CancelledError):
            await server.serve_forever()

    task = loop.create_task(serve())
    thread = threading.Thread(target=loop.run_until_complete, args=(task,))
    thread.start()
    started.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        for rest in asyncio.all_tasks(loop):
            rest.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()


async def _carry(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    proxy.accepted += 1
    with suppress(ConnectionError, asyncio.CancelledError):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", proxy.target)
        ways = [_pump(proxy, reader, far_writer), _pump(proxy, far_reader, writer)]
        tasks = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            far_writer.transport.abort()
            writer.transport.abort()


async def _pump(proxy: Proxy, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while chunk := await source.read(65536):
            if proxy.random.random() < proxy.share:
                proxy.dropped += 1
                return
            sink.write(chunk)
            await sink.drain()
