"""What the groups of a run agree on, as the run goes on: one answer that spreads over unrelated queries, and rollouts
that would be rewarded for what they agree on, but that labels find wrong far more often than was believed.

Figures are of this process, for each run: a restart begins anew, and replicas have figures of their own. Which labels a
planner asked for does not matter: it goes by what is believed, and labels are compared with just that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import sqrt

from cachetools import LRUCache

from memreward_service.groups.drift import SPREADING, Consensus, unlikely_spread

FIRST, LAST = 256, 24
"""Queries at the start of a run, and its last ones, a third of all at most, whose answers are compared."""
LEAST_QUERIES = 16
"""Of fewer, nothing is said."""
RUNS_KEPT = 64
LEAST_LABELS, LAST_LABELS = 8, 40
"""Labels of rollouts that were believed right: how many at least, and how many of the last ones."""
LEAST_VARIANCE = 0.05
"""Nobody is believed to be surer of one label than this."""
CONTRADICTED = 3.5
"""By how many standard deviations the labels have to be under what was believed of their rollouts."""


@dataclass(slots=True)
class RunFigures:
    """The answers of a run's first queries, and of its last ones by query; the last `labels` of rollouts that were
    believed right: (what was believed without the label, the label)."""

    first: list[str | None] = field(default_factory=list)
    last: dict[int, str | None] = field(default_factory=dict)
    labels: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=LAST_LABELS))

    def spreads(self, key: str, query: int) -> bool:
        """Whether an answer that is now that of one more query is that of ever more."""
        every = [*self.first, *(answer for other, answer in self.last.items() if other != query), key]
        if len(every) < LEAST_QUERIES:
            return False
        now = min(LAST, len(every) // 3)
        before = every[:-now][:FIRST]
        return unlikely_spread(every[-now:].count(key), now, before.count(key), len(before)) < SPREADING

    @property
    def contradicted(self) -> bool:
        """Whether labels find far fewer rollouts right than was believed."""
        if len(self.labels) < LEAST_LABELS:
            return False
        missing = sum(believed - label for believed, label in self.labels)
        variance = sum(max(LEAST_VARIANCE, believed * (1 - believed)) for believed, _ in self.labels)
        return missing > CONTRADICTED * sqrt(variance)

    def add(self, query: int, consensus: Consensus | None, labels: Iterable[tuple[float, float]] = ()) -> None:
        """A group was answered; `labels`: of its labelled rollouts, what was believed without the label, and it."""
        if query in self.last or len(self.last) == LAST:
            older = self.last.pop(query if query in self.last else next(iter(self.last)))
            if len(self.first) < FIRST:
                self.first.append(older)
        self.last[query] = None if consensus is None else consensus.key
        self.labels.extend((believed, label) for believed, label in labels if believed >= 0.5)


class RunConsensus:
    """The figures of all runs. Lives on one event loop."""

    def __init__(self) -> None:
        self._runs: LRUCache[str, RunFigures] = LRUCache(RUNS_KEPT)

    def of(self, run_id: str) -> RunFigures:
        """The figures of a run, to be read and added to."""
        return self._runs.setdefault(run_id, RunFigures())
