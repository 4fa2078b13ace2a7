"""What every gRPC call passes: keys checked, errors out as status + message + error object, every call counted.

One interceptor around every method, so that the servicer holds nothing but the calls.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from memreward_proto.errors import MemRewardError, Unauthenticated
from memreward_service.auth import Keys
from memreward_service.error_objects import GRPC_ERROR_KEY, answerable, error_json
from memreward_service.request_metrics import count_request

OPEN = "/grpc.health.v1.Health/"
"""Methods that need no key."""

Unary = Callable[[Any, Any], Awaitable[Any]]


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Refuses calls without a key; wraps every unary method. Streams (reflection, health) only need their
    key."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], call: Any) -> Any:
        """grpc calls this for every call, before the message is read."""
        if not call.method.startswith(OPEN):
            metadata = dict(call.invocation_metadata)
            try:
                self._keys.check(metadata.get("authorization"))
            except Unauthenticated as error:
                count_request("grpc", call.method, error.code, 0.0)
                return grpc.stream_stream_rpc_method_handler(_refusal(error))
        handler = await continuation(call)
        if handler is None or handler.unary_unary is None:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            _watched(handler.unary_unary, call.method),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def _refusal(error: MemRewardError) -> Callable[[Any, Any], Awaitable[None]]:
    """A method that fails whatever it is sent: a stream handler fits calls of every kind, and reads no
    message."""

    async def refuse(_requests: Any, context: Any) -> None:
        await _abort(context, error)

    return refuse


def _watched(method: Unary, name: str) -> Unary:
    async def watched(request: Any, context: Any) -> Any:
        began = time.perf_counter()
        code = "ok"
        try:
            return await method(request, context)
        except asyncio.CancelledError:
            code = "cancelled"
            raise
        except grpc.aio.AbortError:
            code = "aborted"
            raise
        except Exception as error:
            told = answerable(error, name)
            code = told.code
            return await _abort(context, told)
        finally:
            count_request("grpc", name, code, time.perf_counter() - began)

    return watched


async def _abort(context: Any, error: MemRewardError) -> None:
    """End the call with the table's status, the message and the error object."""
    await context.abort(grpc.StatusCode[error.grpc_code], error.message, ((GRPC_ERROR_KEY, error_json(error)),))
