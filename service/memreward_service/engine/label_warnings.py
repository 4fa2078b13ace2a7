"""A warning and a count for labels that somebody should look at: those that contradict each other or a large majority
(belief/conflicts.py). Each answer of a query is counted and named once, and a line is logged every SECONDS at most."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from cachetools import LRUCache
from prometheus_client import Counter

from memreward_service.belief.conflicts import ConflictKind, LabelConflict

CONFLICTS = Counter(
    "memreward_label_conflicts",
    "Answers of queries whose labels contradict each other (labels), or a large majority now and before (majority).",
    ["kind"],
)
SECONDS = 10.0
"""The shortest time between two lines."""
KEPT = 100_000
"""Conflicts that are remembered, so that they are counted once."""

_log = logging.getLogger(__name__)


class LabelWarnings:
    """What has been warned of. Lives on one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: LRUCache[LabelConflict, None] = LRUCache(KEPT)
        self._logged_at = float("-inf")
        self._unsaid = 0

    def note(self, conflicts: Iterable[LabelConflict]) -> None:
        """Count what is new, and warn of it."""
        for conflict in conflicts:
            if conflict in self._seen:
                continue
            self._seen[conflict] = None
            CONFLICTS.labels(conflict.kind).inc()
            if self._clock() - self._logged_at < SECONDS:
                self._unsaid += 1
                continue
            more = f" ({self._unsaid} more since the last warning)" if self._unsaid else ""
            _log.warning("%s%s", warning(conflict), more)
            self._logged_at, self._unsaid = self._clock(), 0


def warning(conflict: LabelConflict) -> str:
    """What to look at. Names the query and the answer by their first 100 characters."""
    against = {
        ConflictKind.LABELS: "labels contradict each other",
        ConflictKind.MAJORITY: "one label says wrong, against a large majority of the group and of earlier rollouts",
    }
    return f"query {conflict.query_id!r:.100}, answer {conflict.answer_key!r:.100}: {against[conflict.kind]}"
