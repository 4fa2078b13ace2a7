"""The error object that both transports send, and what an unknown exception turns into.

HTTP sends {"error": <object>} with the status of the table in errors.py; gRPC sends the same object as JSON
in the trailing metadata `memreward-error-bin` beside the table's status code and the message.
"""

from __future__ import annotations

import logging
import math
import uuid

import orjson
from pydantic import BaseModel, ConfigDict, Field

from memreward_proto.errors import ERROR_TABLE, Internal, MemRewardError

logger = logging.getLogger("memreward.transport")

GRPC_ERROR_KEY = "memreward-error-bin"
"""Trailing metadata of gRPC that carries the error object as UTF-8 JSON."""


class ErrorObject(BaseModel):
    """What went wrong and what to do."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(json_schema_extra={"enum": list(ERROR_TABLE)})
    message: str
    details: dict[str, object]


class ErrorReply(BaseModel):
    """Every error of every route."""

    model_config = ConfigDict(extra="forbid")

    error: ErrorObject


def error_object(error: MemRewardError) -> dict[str, object]:
    """{"code", "message", "details"} of one error."""
    return {"code": error.code, "message": error.message, "details": error.details}


def error_json(error: MemRewardError) -> bytes:
    """The error object as JSON."""
    return orjson.dumps(error_object(error))


def answerable(error: Exception, where: str) -> MemRewardError:
    """The error a caller may see. One of the table passes as it is; anything else, an Internal of the engine
    included, is logged with its trace under a reference, and the reference is all that the caller gets."""
    if isinstance(error, MemRewardError) and not isinstance(error, Internal):
        return error
    reference = uuid.uuid4().hex[:12]
    logger.error("%s failed, reference %s", where, reference, exc_info=error)
    return Internal(
        f"Something went wrong inside the service: look for reference {reference} in its log.",
        reference=reference,
    )


def retry_after(error: MemRewardError) -> str | None:
    """The Retry-After header of RFC 9110: whole seconds, rounded up; None where the error names no time."""
    seconds = error.details.get("retry_after")
    return str(math.ceil(seconds)) if isinstance(seconds, int | float) else None
