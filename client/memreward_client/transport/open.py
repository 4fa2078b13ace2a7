"""Opens the transport that a URL names, and keeps it for the process and the event loop that use it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from memreward_client.transport.base import Address, AsyncTransport, Transport

Carrier = TypeVar("Carrier")


class Connections(Generic[Carrier]):
    """The open transports of one client: one for each process and event loop, opened by its first call.

    `opener` opens one. `loop` returns the running event loop, None for a client that blocks: its threads share.
    """

    def __init__(self, opener: Callable[[], Carrier], loop: Callable[[], asyncio.AbstractEventLoop | None]) -> None:
        self._opener, self._loop = opener, loop
        self._opened: dict[tuple[int, asyncio.AbstractEventLoop | None], Carrier] = {}
        self._opening = threading.Lock()

    def current(self) -> Carrier:
        """The transport of the running process and event loop. Raises MissingExtra."""
        process, loop = os.getpid(), self._loop()
        opened = self._opened.get((process, loop))
        if opened is not None:
            return opened
        with self._opening:
            if (process, loop) not in self._opened:
                # Connections of a process that forked are left to it; those of a closed loop can only be dropped.
                self._opened = {
                    place: kept
                    for place, kept in self._opened.items()
                    if place[0] == process and not (place[1] and place[1].is_closed())
                }
                self._opened[process, loop] = self._opener()
            return self._opened[process, loop]

    def take(self) -> Carrier | None:
        """What `current` returned, to be closed; it is forgotten here."""
        with self._opening:
            return self._opened.pop((os.getpid(), self._loop()), None)


def connections(address: Address, transport: Transport | None) -> Connections[Transport]:
    """The connections of a client that blocks; `transport` None: the one that the address names."""
    return Connections(lambda: transport or open_transport(address), lambda: None)


def async_connections(address: Address, transport: AsyncTransport | None) -> Connections[AsyncTransport]:
    """The connections of a client whose methods are awaited."""
    return Connections(lambda: transport or open_async_transport(address), asyncio.get_running_loop)


def open_transport(address: Address) -> Transport:
    """The blocking transport for an address. Raises MissingExtra."""
    if address.scheme.startswith("grpc"):
        from memreward_client.transport.grpc import GrpcTransport

        return GrpcTransport(address)
    from memreward_client.transport.http import HttpTransport

    return HttpTransport(address)


def open_async_transport(address: Address) -> AsyncTransport:
    """The awaited transport for an address, for the running event loop. Raises MissingExtra."""
    if address.scheme.startswith("grpc"):
        from memreward_client.transport.grpc import GrpcTransport

        return GrpcTransport(address)
    from memreward_client.transport.async_http import AsyncHttpTransport

    return AsyncHttpTransport(address)
