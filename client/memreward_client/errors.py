"""Everything that a call of the client can raise.

MemRewardError            the root: `code`, `message` (one sentence that says what to do), `details`
 ├── Unreachable          nobody answers at the URL, the connection broke, or an attempt took too long
 ├── NotMemReward         something answers at the URL that is no MemReward service of this version
 ├── DeadlineExceeded     the call's deadline passed first; `__cause__` is what its last attempt met
 ├── InvalidUrl           the URL names no transport: http://, https://, grpc:// or grpcs://
 ├── MissingExtra         grpc:// without the libraries of the extra `grpc`
 ├── TrainingFailed       the training job that was waited for failed
 ├── InvalidArgument      the request is wrong; `details` name the `field`
 ├── NotFound             no such query, rollout, job or model
 ├── Conflict             an id, or a place in a group, is taken by different content; or a training job is running
 ├── Unauthenticated      no or wrong API key
 ├── TooLarge             the request is over the service's limit
 ├── Overloaded           the service is full (tried again until the deadline)
 ├── ModelNotTrained      nothing to predict with yet: store labelled experience, then train
 ├── NotEnoughLabels      training needs more labelled rollouts
 ├── NotScored            no reward can be given, where only a reward can be an answer
 ├── Unavailable          the service starts or stops, or its database is away (tried again until the deadline)
 └── Internal             the service failed; its message has a reference for its log

From InvalidArgument on, and DeadlineExceeded, they are the rows of the service's error table. A code that this version
does not know is raised as the root. All can be pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class MemRewardError(Exception):
    """The root. `passing`: the same call may succeed a little later, so it is tried again."""

    code: str = "internal"
    passing: bool = False

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = dict(details or {})

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the service wants to be asked again; None where it does not say."""
        seconds = self.details.get("retry_after")
        return max(float(seconds), 0.0) if isinstance(seconds, int | float) else None


class Unreachable(MemRewardError):
    """No answer. `sent`: the service may have got the request, and may have done what it asks."""

    code, passing = "unreachable", True

    def __init__(self, message: str, details: Mapping[str, Any] | None = None, *, sent: bool = True) -> None:
        super().__init__(message, details)
        self.sent = sent


class NotMemReward(MemRewardError):
    """A foreign answer. It passes where a gateway answers for a service that is away (429, 502, 503, 504)."""

    code = "not_memreward"

    def __init__(self, message: str, details: Mapping[str, Any] | None = None, *, passing: bool = False) -> None:
        super().__init__(message, details)
        self.passing = passing


class DeadlineExceeded(MemRewardError):
    """The deadline of the call passed before there was an answer."""

    code = "deadline_exceeded"


class InvalidUrl(MemRewardError, ValueError):
    """The URL names no transport."""

    code = "invalid_url"


class MissingExtra(MemRewardError, ImportError):
    """A library is not installed; the message says how to install it."""

    code = "missing_extra"


class TrainingFailed(MemRewardError):
    """A training job failed; `details` have its `job_id` and the `reason`, a code of the service."""

    code = "training_failed"


class InvalidArgument(MemRewardError):
    """The request is wrong; `details` name the `field`."""

    code = "invalid_argument"


class NotFound(MemRewardError):
    """No such query, rollout, job or model."""

    code = "not_found"


class Conflict(MemRewardError):
    """An id or a place in a group is taken by different content, or a training job is running."""

    code = "conflict"


class Unauthenticated(MemRewardError):
    """No or wrong API key."""

    code = "unauthenticated"


class TooLarge(MemRewardError):
    """The request is over the service's limit."""

    code = "too_large"


class Overloaded(MemRewardError):
    """The service is full."""

    code, passing = "overloaded", True


class ModelNotTrained(MemRewardError):
    """Nothing to predict with yet."""

    code = "model_not_trained"


class NotEnoughLabels(MemRewardError):
    """Training needs more labelled rollouts; `details` say how many."""

    code = "not_enough_labels"


class NotScored(MemRewardError):
    """No reward can be given, where only a reward can be an answer."""

    code = "not_scored"


class Unavailable(MemRewardError):
    """The service starts or stops, or a part it cannot do without is away."""

    code, passing = "unavailable", True


class Internal(MemRewardError):
    """The service failed."""

    code = "internal"


ERROR_OF_CODE: dict[str, type[MemRewardError]] = {
    kind.code: kind
    for kind in (
        InvalidArgument, NotFound, Conflict, Unauthenticated, TooLarge, Overloaded, ModelNotTrained, NotEnoughLabels,
        NotScored, DeadlineExceeded, Unavailable, Internal,
    )
}  # fmt: skip
"""The exception of each code that a service answers with."""


def service_error(error: Mapping[str, Any]) -> MemRewardError:
    """The exception of an error object {"code", "message", "details"}; a code that is new makes a plain root."""
    code, details = str(error["code"]), error.get("details")
    facts: dict[str, Any] = dict(details) if isinstance(details, Mapping) else {}
    message, field = str(error.get("message", code)), facts.get("field")
    if field and str(field) not in message:
        message = f"{field}: {message}"
    raised = ERROR_OF_CODE.get(code, MemRewardError)(message, facts)
    raised.code = code
    return raised
