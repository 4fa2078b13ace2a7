"""Which stored rollouts are removed, so that the store does not grow for ever."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from memreward_proto.records.record import Record


class PruneReason(StrEnum):
    """Which limit a rollout was over."""

    ROLLOUTS_PER_QUERY = "rollouts_per_query"
    DAYS = "days"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class PruneRequest(Record):
    """POST /v1/prune. A limit that is not given is as the service is set; without any there is nothing to prune."""

    dry_run: bool | None = None
    """Only say what would go: so where it is not false."""
    rollouts_per_query: int | None = None
    """Of each query so many rollouts stay: labelled ones first, then the newest."""
    days: float | None = None
    """Rollouts without a label stay so long."""
    max_bytes: int | None = None
    """The texts of all rollouts may hold so much: the oldest go, those without a label first."""


@dataclass(frozen=True, slots=True)
class PrunedRollouts(Record):
    """Rollouts that go for one reason, and the bytes of their texts."""

    reason: PruneReason
    rollouts: int
    bytes: int


@dataclass(frozen=True, slots=True)
class PruneReport(Record):
    """The answer of POST /v1/prune: what went, or with dry_run what would go. The last rollout of a query stays, and so
    does what all of them said: the history of a query never goes."""

    dry_run: bool
    queries: int
    rollouts: int
    bytes: int
    reasons: tuple[PrunedRollouts, ...]
