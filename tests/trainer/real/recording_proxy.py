"""What lies between a trainer and the service: every byte goes through unchanged, every answer is written down.

A connection that the service refuses, resets or ends is ended towards the trainer, so a service that dies looks to the
trainer as it is.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httptools


@dataclass(frozen=True)
class Exchange:
    """One answered request. `answer` is the JSON that was sent."""

    path: str
    request: Any
    status: int
    answer: Any


@dataclass
class RecordingProxy:
    """Where it listens, and what it heard."""

    url: str = ""
    exchanges: list[Exchange] = field(default_factory=list)
    waiting: int = 0
    """Requests that are without an answer now."""
    broken: int = 0
    """Requests that never got one, because their connection ended."""

    def rewards(self) -> dict[tuple[str, int], dict[str, Any]]:
        """(group, rollout) -> the one answer to that rollout that was its last; two different ones are a fault."""
        told: dict[tuple[str, int], dict[str, Any]] = {}
        for each in self.exchanges:
            going_on = ("timeout", "label_requested")
            if each.path == "/v1/rollouts" and each.status == 200 and each.answer["status"] not in going_on:
                place = (each.answer["group_id"], each.answer["rollout_index"])
                assert told.setdefault(place, each.answer) == each.answer, place
        return told

    def label_requests(self) -> set[tuple[str, int]]:
        """(group, rollout) of those whose label the service asked for."""
        asked = [each.answer for each in self.exchanges if each.path == "/v1/rollouts" and each.status == 200]
        return {(each["group_id"], each["rollout_index"]) for each in asked if each["status"] == "label_requested"}

    def submissions(self) -> list[dict[str, Any]]:
        """The request of every rollout that was answered."""
        return [each.request for each in self.exchanges if each.path == "/v1/rollouts" and each.status == 200]


@contextmanager
def recording(port: int) -> Iterator[RecordingProxy]:
    """A proxy in front of what listens on `port` of this machine, now or later."""
    proxy = RecordingProxy()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="recording proxy")

    async def listen() -> asyncio.Server:
        return await asyncio.start_server(lambda reader, writer: _pass_on(reader, writer, port, proxy), "127.0.0.1", 0)

    async def end(server: asyncio.Server) -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    thread.start()
    try:
        server = asyncio.run_coroutine_threadsafe(listen(), loop).result(30)
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy
        asyncio.run_coroutine_threadsafe(end(server), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


class _Message:
    """Follows one direction of a connection, and tells of each whole message."""

    def __init__(self, ended: Callable[[_Message], None]) -> None:
        self.url, self.body = b"", b""
        self._ended = ended

    def on_message_begin(self) -> None:
        self.url, self.body = b"", b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self._ended(self)


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, proxy: RecordingProxy
) -> None:
    """One connection of the trainer, and the one to the service that carries it."""
    open_requests: list[tuple[str, Any]] = []

    def asked(message: _Message) -> None:
        open_requests.append((message.url.decode(), json.loads(message.body) if message.body else None))
        proxy.waiting += 1

    def told(message: _Message) -> None:
        path, request = open_requests.pop(0)
        proxy.waiting -= 1
        proxy.exchanges.append(Exchange(path, request, replies.get_status_code(), json.loads(message.body)))

    requests = httptools.HttpRequestParser(_Message(asked))
    replies = httptools.HttpResponseParser(_Message(told))
    writers = [writer]
    try:
        with suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", port)
            writers.append(back)
            pumps = [_pump(reader, back, requests.feed_data), _pump(there, writer, replies.feed_data)]
            done, left = await asyncio.wait(
                [asyncio.create_task(each) for each in pumps], return_when="FIRST_COMPLETED"
            )
            for task in left:
                task.cancel()
            await asyncio.gather(*done, *left, return_exceptions=True)
    finally:
        proxy.broken += len(open_requests)
        proxy.waiting -= len(open_requests)
        for each in writers:
            each.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, follow: Callable[[bytes], None]) -> None:
    """Until the sender ends. What is passed on is written down first: an answer that arrived is always known."""
    while data := await reader.read(65536):
        follow(data)
        writer.write(data)
        await writer.drain()
