"""READ FIRST. Both transports on one event loop around one engine, from the first log line to a graceful end.

HTTP: http/app.py -> http/middleware.py (body limit, errors, metrics) -> http/bodies.py (keys, JSON to records) ->
http/routes.py. gRPC: grpc/interceptor.py (keys, errors, metrics) -> grpc/servicer.py, with memreward_proto/codec.py.
Both check with requests/validation.py, call engine/engine.py and answer errors from memreward_proto/errors.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import grpc.aio
import uvicorn

from memreward_service.grpc.health import Health
from memreward_service.grpc.servicer import rpc_server
from memreward_service.http.app import application
from memreward_service.settings import Settings

if TYPE_CHECKING:
    from memreward_service.engine.engine import Engine

logger = logging.getLogger("memreward.transport")

GRACE_SECONDS = 8
"""How long accepted requests may take to finish at shutdown: under the 10 s that `docker stop` gives."""

Ready = Callable[[str, int, int], None]


class AddressError(OSError):
    """An address cannot be listened on; str() is one line that says what to do."""


async def serve(engine: Engine, settings: Settings, *, ready: Ready | None = None) -> None:
    """Serve until SIGTERM, SIGINT or cancellation; then finish what was accepted and stop the engine.

    Both ports are taken before the engine starts, so that a taken one is reported at once (AddressError). Once
    both transports answer, the addresses are logged and `ready(host, http_port, grpc_port)` is called.
    """
    with _http_socket(settings) as http_socket:
        health = Health(engine)
        rpc = rpc_server(engine, settings, health)
        grpc_port = _bind(rpc, settings)
        http = _HttpServer(application(engine, settings))
        announce = partial(_announce, settings.host, http_socket.getsockname()[1], grpc_port, ready)
        await engine.start()
        with _stop_signals() as stop:
            try:
                await _serve(engine, http, http_socket, rpc, health, stop, announce)
            finally:
                await engine.stop()
                logger.info("Stopped.")


async def _serve(
    engine: Engine,
    http: _HttpServer,
    http_socket: socket.socket,
    rpc: grpc.aio.Server,
    health: Health,
    stop: asyncio.Event,
    announce: Callable[[], None],
) -> None:
    """Run both servers until `stop`; then end the calls that wait for their group, and let both servers finish what
    they accepted, at the same time."""
    stopping = asyncio.create_task(stop.wait())
    serving = asyncio.create_task(http.serve(sockets=[http_socket]))
    listening = asyncio.create_task(http.listening.wait())
    try:
        await rpc.start()
        await asyncio.wait({serving, listening}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            announce()
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # First: a call that waits for the rest of its group would hold both servers up to the end of the grace.
        engine.end_waiting()
        logger.info("Stopping: finishing the requests that were accepted.")
        stopping.cancel()
        listening.cancel()
        health.close()
        http.should_exit = True
        rpc_stopped = asyncio.create_task(rpc.stop(GRACE_SECONDS))
        try:
            await serving
        finally:
            await rpc_stopped


class _HttpServer(uvicorn.Server):
    """uvicorn that says when it listens and leaves the signals to us: there is a second server to stop."""

    def __init__(self, app: Callable[..., object]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                ws="none",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take connections."""
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextlib.contextmanager
def _stop_signals() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set. Only the main thread gets signals; elsewhere, cancel the task."""
    stop = asyncio.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _announce(host: str, http_port: int, grpc_port: int, ready: Ready | None) -> None:
    shown = f"[{host}]" if ":" in host else host
    logger.info("HTTP on http://%s:%d (docs at /docs), gRPC on %s:%d.", shown, http_port, shown, grpc_port)
    if ready is not None:
        ready(host, http_port, grpc_port)


def _http_socket(settings: Settings) -> socket.socket:
    """The bound socket of HTTP, not yet listening: nobody waits on it while the engine starts."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only for sockets that name TCP; with it, small answers wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.http_port))
    except OSError as error:
        listener.close()
        raise _address_error("HTTP", settings.host, settings.http_port, error.strerror or "no reason given") from error
    return listener


def _bind(rpc: grpc.aio.Server, settings: Settings) -> int:
    """Take the port of gRPC, which does not say why it cannot; the host has proved right for HTTP."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        port: int = rpc.add_insecure_port(f"{host}:{settings.grpc_port}")
    except RuntimeError as error:
        raise _address_error("gRPC", settings.host, settings.grpc_port, "the port is taken") from error
    return port


def _address_error(transport: str, host: str, port: int, reason: str) -> AddressError:
    return AddressError(
        f"{transport} cannot listen on {host}:{port} ({reason}): stop what holds the port, "
        f"or set MEMREWARD_{transport.upper()}_PORT (0 takes a free one)."
    )
