"""Every error a caller can meet, and the one table that both transports answer from.

MemRewardError
 ├── InvalidArgument      the request is wrong; `field` names the place, as in groups[0].rollouts[2].label
 ├── NotFound             no such query, rollout, job or model
 ├── Conflict             an id is already taken by different content, or a job of that kind is running
 ├── Unauthenticated      no or wrong API key
 ├── TooLarge             the body is over the limit
 ├── Overloaded           admission is full; try again after `retry_after` seconds
 ├── ModelNotTrained      nothing to predict with yet: train first
 ├── NotEnoughLabels      training needs more labelled rollouts
 ├── NotScored            a rollout has no reward, and the caller's format has no word for that
 ├── DeadlineExceeded     the caller's deadline passed first
 ├── Unavailable          shutting down, or a part the service cannot do without is away
 └── Internal             anything else; its text never carries str(exc)

Foreign exceptions are translated once, at the edge that calls the foreign library. The table is imported by
transport/http and transport/grpc; it names gRPC codes by their standard names so that this module needs neither.
"""

from __future__ import annotations

from typing import ClassVar


class MemRewardError(Exception):
    """The root. `code` is the wire code; `http_status` and `grpc_code` are the row of the table for it."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    grpc_code: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, **details: object) -> None:
        """`message` is one sentence that says what to do; `details` are JSON-ready facts (field, limit, given)."""
        super().__init__(message)
        self.message = message
        self.details = details


class InvalidArgument(MemRewardError):
    """The request is wrong; details carry `field`."""

    code, http_status, grpc_code = "invalid_argument", 422, "INVALID_ARGUMENT"


class NotFound(MemRewardError):
    """No such query, rollout, job or model."""

    code, http_status, grpc_code = "not_found", 404, "NOT_FOUND"


class Conflict(MemRewardError):
    """An id is taken by different content, or a job of that kind is already running."""

    code, http_status, grpc_code = "conflict", 409, "ALREADY_EXISTS"


class Unauthenticated(MemRewardError):
    """No or wrong API key."""

    code, http_status, grpc_code = "unauthenticated", 401, "UNAUTHENTICATED"


class TooLarge(MemRewardError):
    """The body is over the limit (HTTP 413)."""

    code, http_status, grpc_code = "too_large", 413, "RESOURCE_EXHAUSTED"


class Overloaded(MemRewardError):
    """Admission is full; details carry `retry_after` in seconds, sent as Retry-After too."""

    code, http_status, grpc_code = "overloaded", 429, "RESOURCE_EXHAUSTED"


class ModelNotTrained(MemRewardError):
    """There is no model yet: ingest labelled experience, then train."""

    code, http_status, grpc_code = "model_not_trained", 503, "FAILED_PRECONDITION"


class NotEnoughLabels(MemRewardError):
    """Training needs more labelled rollouts; details say how many there are and how many it takes."""

    code, http_status, grpc_code = "not_enough_labels", 409, "FAILED_PRECONDITION"


class NotScored(MemRewardError):
    """A rollout has no reward, asked for in a trainer's format that cannot say so; details carry its `status`."""

    code, http_status, grpc_code = "not_scored", 422, "FAILED_PRECONDITION"


class DeadlineExceeded(MemRewardError):
    """The caller's deadline passed before the answer was ready."""

    code, http_status, grpc_code = "deadline_exceeded", 504, "DEADLINE_EXCEEDED"


class Unavailable(MemRewardError):
    """The service is shutting down, or a part it cannot do without is away."""

    code, http_status, grpc_code = "unavailable", 503, "UNAVAILABLE"


class Internal(MemRewardError):
    """Anything else. The log has the trace; the caller gets a reference, never str(exc)."""


ERROR_TABLE: dict[str, tuple[int, str]] = {
    kind.code: (kind.http_status, kind.grpc_code)
    for kind in (
        InvalidArgument, NotFound, Conflict, Unauthenticated, TooLarge, Overloaded, ModelNotTrained,
        NotEnoughLabels, NotScored, DeadlineExceeded, Unavailable, Internal,
    )
}  # fmt: skip
"""code -> (HTTP status, gRPC status name): the table of the README, and what the transports answer."""
