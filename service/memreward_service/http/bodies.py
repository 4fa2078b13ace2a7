"""JSON bodies: read once, straight into the record or the trainer's model that a route takes; and JSON answers.

A route writes `body: JsonBody[ScoreRequest]`. FastAPI then documents the body as that type and hands over its bytes,
and pydantic reads them in one pass. That is fast, and strict as JSON is: a list passes for a tuple and a word for a
member of an enumeration, which they would not in a body of Python values.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, ValidatorFunctionWrapHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from memreward_service.http.json_bytes import with_whole_characters, without_mark

Content = TypeVar("Content")


class _FromJson:
    """Reads bytes as the JSON of a type; the OpenAPI page shows the type."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(_read, core_schema.json_schema(handler(source)))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(schema["schema"]["schema"])


def _read(body: bytes, read: ValidatorFunctionWrapHandler) -> Any:
    """What `read` makes of a body; of one that is no JSON, with whole characters."""
    try:
        return read(body)
    except ValidationError as error:
        whole = with_whole_characters(body) if error.errors()[0]["type"] == "json_invalid" else body
        if whole == body:
            raise
    return read(whole)


JsonBody = Annotated[Content, _FromJson()]
"""A body of a route."""


class _BytesRequest(Request):
    async def body(self) -> bytes:
        """The body as it came, without a byte order mark."""
        return without_mark(await super().body())

    async def json(self) -> Any:
        """The bytes that JsonBody reads."""
        return await self.body()


class KeyedRoute(APIRoute):
    """A route that needs a key, where the service has keys. The key is checked before the body is read."""

    basic_too = False
    """Whether the key may be the password of a URL."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI calls this once for each route."""
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            request.app.state.keys.check(request.headers.get("authorization"), basic=self.basic_too)
            request = _BytesRequest(request.scope, request.receive)
            # Read here, outside of FastAPI, which would answer what goes wrong on the way with an error of its own.
            await request.body()
            return await handle(request)

        return checked


class TrainerRoute(KeyedRoute):
    """A route in a trainer's format; the key may be in http://:KEY@host/…, for trainers that can send no header."""

    basic_too = True


def json_response(content: object, status: int = 200) -> Response:
    """Records and plain values as JSON; a record becomes an object of its fields."""
    return Response(orjson.dumps(content), status, media_type="application/json")
