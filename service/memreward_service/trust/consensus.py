"""What the groups of a run agree on, as the run goes on: one answer that spreads over unrelated queries, and agreement
that rises while rewards do not.

Figures are of this process, for each run: a restart begins anew, and replicas have figures of their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import sqrt

from cachetools import LRUCache

from memreward_service.groups.drift import SPREADING, Consensus, unlikely_spread

FIRST, LAST = 256, 24
"""Queries at the start of a run, and its last ones, a third of all at most, whose answers are compared."""
LEAST_QUERIES = 16
"""Of fewer, nothing is said."""
RUNS_KEPT, STEPS_KEPT = 64, 10_000
LEAST_AUDITED = 20
"""Audited rollouts that each end of a run must have."""
LEAST_RISE = 0.05
"""Of agreement, from the first third of the steps to the last one."""
SURE_RISE, SURE_REST = 3.0, 2.0
"""By how many standard errors agreement has to rise, and the rise of audited rewards to stay below that."""


@dataclass(slots=True)
class StepFigures:
    """Of the groups of one step: how many, the sums of the share of their consensus and of its square, and their
    audited rollouts."""

    groups: int = 0
    agreement: float = 0.0
    squares: float = 0.0
    audited: int = 0
    right: float = 0.0

    def __add__(self, other: StepFigures) -> StepFigures:
        return StepFigures(
            self.groups + other.groups, self.agreement + other.agreement, self.squares + other.squares,
            self.audited + other.audited, self.right + other.right,
        )  # fmt: skip


@dataclass(slots=True)
class RunFigures:
    """The answers of a run's first queries, and of its last ones by query; figures by step."""

    first: list[str | None] = field(default_factory=list)
    last: dict[int, str | None] = field(default_factory=dict)
    steps: dict[int, StepFigures] = field(default_factory=dict)
    hollow: bool = False

    def spreads(self, key: str, query: int) -> bool:
        """Whether an answer that is now that of one more query is that of ever more."""
        every = [*self.first, *(answer for other, answer in self.last.items() if other != query), key]
        if len(every) < LEAST_QUERIES:
            return False
        now = min(LAST, len(every) // 3)
        before = every[:-now][:FIRST]
        return unlikely_spread(every[-now:].count(key), now, before.count(key), len(before)) < SPREADING

    def add(self, query: int, consensus: Consensus | None, step: int | None, labels: Iterable[float]) -> None:
        """A group of a step was answered; `labels`: of its audited rollouts."""
        self.last.pop(query, None)
        self.last[query] = None if consensus is None else consensus.key
        if len(self.last) > LAST:
            oldest = self.last.pop(next(iter(self.last)))
            if len(self.first) < FIRST:
                self.first.append(oldest)
        if step is None:
            return
        if step not in self.steps:
            self.hollow = agrees_on_nothing(self.steps)
            if len(self.steps) >= STEPS_KEPT:
                return
        share, known = 0.0 if consensus is None else consensus.share, list(labels)
        new = StepFigures(1, share, share * share, len(known), sum(known))
        self.steps[step] = self.steps.get(step, StepFigures()) + new


class RunConsensus:
    """The figures of all runs. Lives on one event loop."""

    def __init__(self) -> None:
        self._runs: LRUCache[str, RunFigures] = LRUCache(RUNS_KEPT)

    def of(self, run_id: str) -> RunFigures:
        """The figures of a run, to be read and added to."""
        return self._runs.setdefault(run_id, RunFigures())


def agrees_on_nothing(steps: dict[int, StepFigures]) -> bool:
    """Whether agreement in the last third of the steps is surely above that in the first third, and the audited
    rewards surely did not rise as it did."""
    order = sorted(steps)
    third = len(order) // 3
    early, late = (sum((steps[step] for step in part), StepFigures()) for part in (order[:third], order[-third:]))
    if not third or min(early.audited, late.audited) < LEAST_AUDITED:
        return False
    rise, error = _difference(
        (early.agreement, early.squares, early.groups), (late.agreement, late.squares, late.groups)
    )
    right, doubt = _difference((early.right, early.right, early.audited), (late.right, late.right, late.audited))
    return rise > max(LEAST_RISE, SURE_RISE * error) and right - rise < -SURE_REST * sqrt(doubt**2 + error**2)


def _difference(early: tuple[float, float, int], late: tuple[float, float, int]) -> tuple[float, float]:
    """How far the mean rose, and its standard error; each end is (sum, sum of squares, number)."""
    means = [total / number for total, _, number in (early, late)]
    variance = sum(
        max(squares / number - mean**2, 0.25 / number) / number
        for (_, squares, number), mean in zip((early, late), means, strict=True)
    )
    return means[1] - means[0], sqrt(variance)
