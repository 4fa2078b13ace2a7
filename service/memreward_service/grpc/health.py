"""grpc.health.v1 that asks the engine at each check instead of keeping a state that may be stale."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

if TYPE_CHECKING:
    from memreward_service.engine.engine import Engine

SERVICE = "memreward.v1.RewardService"
WATCH_SECONDS = 1.0
"""How often a watched status is looked at."""


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """ "" serves while the server runs; the RewardService serves while ScoreRewards can answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Say NOT_SERVING from here on, and end the watches: they would hold up the shutdown."""
        self._closing.set()

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - the name in the protocol
        """The status now; NOT_FOUND for a service that is not here."""
        status = self._status(request.service)
        if status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"Ask for the service {SERVICE}, or none.")
        return health_pb2.HealthCheckResponse(status=status)

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802, ARG002
        """The status now and each time it changes, to the end of the call or of the server."""
        told = None
        while True:
            closing = self._closing.is_set()
            if (status := self._status(request.service)) != told:
                told = status
                yield health_pb2.HealthCheckResponse(status=status)
            if closing:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), WATCH_SECONDS)

    def _status(self, service: str) -> int:
        answers = health_pb2.HealthCheckResponse
        if service not in ("", SERVICE):
            unknown: int = answers.SERVICE_UNKNOWN
            return unknown
        serves = not self._closing.is_set() and (service == "" or self._engine.ready() is None)
        status: int = answers.SERVING if serves else answers.NOT_SERVING
        return status
