"""What every HTTP request passes: bodies within their limit, errors out in one shape, every request counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memreward_proto.errors import InvalidArgument, MemRewardError, NotFound, TooLarge, Unauthenticated
from memreward_service.error_objects import answerable, error_object, retry_after
from memreward_service.http.bodies import json_response
from memreward_service.request_metrics import count_request
from memreward_service.requests.limits import missing, shortened

Result = TypeVar("Result")
UNKNOWN_FIELD = ("extra_forbidden", "unexpected_keyword_argument")
"""How pydantic says that a field is unknown, of a model and of a dataclass."""


async def while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of `work`, for calls that may be held for minutes: cancelled when the caller leaves first.

    The body must have been read. Raises ClientDisconnect where the caller left, and what `work` raises.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        leaving.cancel()
        working.cancel()


def error_response(request: Request, error: MemRewardError, status: int | None = None) -> Response:
    """The error in the one shape of all errors; its code is left on the request for the metrics."""
    request.state.code = error.code
    response = json_response({"error": error_object(error)}, status or error.http_status)
    if (seconds := retry_after(error)) is not None:
        response.headers["Retry-After"] = seconds
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def on_error(request: Request, error: Exception) -> Response:
    """Handler of MemRewardError."""
    return error_response(request, answerable(error, f"{request.method} {request.url.path}"))


async def on_wrong_request(request: Request, error: Exception) -> Response:
    """Handler of FastAPI's RequestValidationError: a wrong body, or a wrong parameter behind the question mark."""
    if not isinstance(error, RequestValidationError):
        raise error
    return error_response(request, _invalid([{**problem, "loc": problem["loc"][1:]} for problem in error.errors()]))


async def on_no_route(request: Request, error: Exception) -> Response:
    """Handler of Starlette's HTTPException: no such path (404), or not with this method (405, with Allow)."""
    if not isinstance(error, HTTPException):
        raise error
    place = f"{request.method} {shortened(request.url.path)}"
    response = error_response(
        request, NotFound(f"There is no {place}: GET /docs lists every route and method."), error.status_code
    )
    response.headers.update(error.headers or {})
    return response


class RequestMiddleware:
    """ASGI middleware around the whole application: bodies over the limit are refused, unknown exceptions become
    Internal, requests are counted."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app, self._max_body_bytes = app, max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event; only requests are watched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        code = "cancelled"
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, _limited(scope, receive, self._max_body_bytes), watched)
            code = scope.get("state", {}).get("code", "ok" if status < 400 else str(status))
        except ClientDisconnect:
            return
        except Exception as error:
            code = "internal"
            if status:
                raise
            request = Request(scope)
            internal = answerable(error, f"{request.method} {request.url.path}")
            await error_response(request, internal)(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            count_request("http", route, code, time.perf_counter() - began)


def _limited(scope: Scope, receive: Receive, limit: int) -> Receive:
    """Receives a body, and raises TooLarge as soon as more than `limit` bytes are announced or have come."""
    announced = int(Headers(scope=scope).get("content-length", 0))
    size = 0

    async def limited() -> Message:
        nonlocal size
        if announced > limit:
            raise _too_large(limit)
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise _too_large(limit)
        return message

    return limited


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The body is larger than {limit} bytes: split the request, or raise MEMREWARD_MAX_BODY_BYTES.",
        limit=limit,
    )


def _invalid(problems: Sequence[Mapping[str, Any]]) -> InvalidArgument:
    """One sentence about one problem: an unknown field first, as it often is the reason for a missing one."""
    problem = next((problem for problem in problems if problem["type"] in UNKNOWN_FIELD), problems[0])
    field = _field(problem["loc"])
    match problem["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            sentence = f"{field} is not a field of this request: correct its name, or leave it out."
        case "json_invalid":
            reason = problem.get("ctx", {}).get("error", "it cannot be read")
            sentence = f"The body is not JSON ({reason}): send one JSON object."
        case "missing" if not problem["loc"]:
            sentence = "The body is not JSON (EOF while parsing a value at line 1 column 0): send one JSON object."
        case "missing":
            return missing(field)
        case "dataclass_type" | "model_type" | "dict_type":
            sentence = f"{field} should be an object: correct it."
        case "list_type" | "tuple_type":
            sentence = f"{field} should be a valid array: correct it."
        case _:
            told = problem["msg"].removeprefix("Input ")
            sentence = f"{field} {told[0].lower()}{told[1:]}: correct it."
    return InvalidArgument(sentence, field=field)


def _field(location: tuple[int | str, ...]) -> str:
    """("groups", 0, "label") -> groups[0].label; the whole body is "body"."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{shortened(step)}" for step in location)
    return path.removeprefix(".") or "body"
