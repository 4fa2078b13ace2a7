"""Regime rollouts, side by side: ways to spend one budget of labels, the arms.

An arm only says which labels to ask for. What follows is the same for all: the engine gets them, is trained on them,
and predicts the other rewards. What counts is how many of all rewards are right: labels that were spent well make
others right too. Beside it stands how many are right by agreement and these labels alone: a network that learns only
from labels that were asked for where most is in doubt learns that few rollouts are right.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from memreward_proto.records import Experience
from memreward_service.embedding.encoder import Encoder
from memreward_trainer.evaluation.comparison import Progress, engine_probabilities
from memreward_trainer.evaluation.label_rules import (
    AskedGroup,
    Rule,
    corrective_advantage_gap,
    entropy,
    majority_then_second,
    oracle,
)
from memreward_trainer.evaluation.planned_labels import (
    Known,
    Spending,
    by_agreement,
    figures,
    known_labels,
    paid,
    plan_labels,
    rewarded,
    spend,
)


@dataclass(frozen=True, slots=True)
class Budget:
    """What an arm may spend, and on what: so many `labels` of the rollouts of `queries`."""

    queries: Sequence[Experience]
    encoder: Encoder
    labels: int
    seed: int
    epochs: int | None

    def nothing_known(self) -> Known:
        """Before the first label."""
        return [[False] * len(experience.rollouts) for experience in self.queries]


Chooser = Callable[[Budget, Progress], Known]
"""Says which labels to pay for. It may look at the labels that it has paid for already."""


def planned(budget: Budget, progress: Progress) -> Known:
    """The label planner, half by agreement and half by the network that learned from these."""
    return plan_labels(budget.queries, budget.encoder, budget.labels, budget.seed, budget.epochs, progress)


def planned_without_network(budget: Budget, _progress: Progress) -> Known:
    """The label planner by agreement alone."""
    known = budget.nothing_known()
    spend(budget.queries, by_agreement(budget.queries), known, budget.labels)
    return known


def at_random(budget: Budget, _progress: Progress) -> Known:
    """Every rollout is as likely as every other."""
    sizes = np.array([len(experience.rollouts) for experience in budget.queries])
    drawn = np.zeros(sizes.sum(), dtype=bool)
    drawn[np.random.default_rng(budget.seed).permutation(len(drawn))[: budget.labels]] = True
    return [part.tolist() for part in np.split(drawn, sizes.cumsum()[:-1])]


def by_rule(rule: Rule, budget: Budget, _progress: Progress) -> Known:
    """One label after the other where `rule` finds it worth most; groups that are worth the same, in a random order."""
    order = np.random.default_rng(budget.seed).permutation(len(budget.queries)).tolist()
    beliefs, known = by_agreement(budget.queries), budget.nothing_known()

    def best(place: int) -> tuple[float, int, int, int] | None:
        experience = budget.queries[place]
        truth = [stored.label or 0.0 for stored in experience.rollouts]
        found = rule(AskedGroup(beliefs[place], known_labels(experience, known[place]), truth))
        return None if found is None else (-found.worth, order[place], place, found.key)

    waiting = [found for place in range(len(known)) if (found := best(place)) is not None]
    heapq.heapify(waiting)
    for _ in range(budget.labels):
        if not waiting:
            break
        _, _, place, key = heapq.heappop(waiting)
        asked = zip(beliefs[place].key.tolist(), known[place], strict=True)
        known[place][next(i for i, (other, seen) in enumerate(asked) if other == key and not seen)] = True
        if (following := best(place)) is not None:
            heapq.heappush(waiting, following)
    return known


def by_oracle(budget: Budget, progress: Progress) -> Known:
    """The labels that put most rewards right, by the truth. The others go to rollouts by chance: a network that saw
    only groups whose majority is wrong would learn that majorities are wrong."""
    known = by_rule(oracle, budget, progress)
    unknown = [(place, index) for place, part in enumerate(known) for index, seen in enumerate(part) if not seen]
    unspent = budget.labels - (sum(map(len, known)) - len(unknown))
    for chosen in np.random.default_rng(budget.seed).permutation(len(unknown))[:unspent]:
        place, index = unknown[chosen]
        known[place][index] = True
    return known


PLANNER = "label planner"
ARMS: dict[str, Chooser] = {
    PLANNER: planned,
    "planner, no network": planned_without_network,
    "majority, then next": partial(by_rule, majority_then_second),
    "advantage gap": partial(by_rule, corrective_advantage_gap),
    "entropy": partial(by_rule, entropy),
    "random labels": at_random,
    "oracle": by_oracle,
}


def spendings(
    queries: Sequence[Experience], encoder: Encoder, budget: float, seed: int, epochs: int | None, progress: Progress
) -> dict[str, dict[str, float]]:
    """Figures of every arm with the same `budget`, a share of the labels; `progress` hears the share done."""
    labels = round(budget * sum(len(experience.rollouts) for experience in queries))
    given = Budget(queries, encoder, labels, seed, epochs)
    return {
        name: _figures(given, choose, partial(_reached, progress, place))
        for place, (name, choose) in enumerate(ARMS.items())
    }


def _figures(budget: Budget, choose: Chooser, progress: Progress) -> dict[str, float]:
    known = choose(budget, lambda share: progress(share / 2))
    predicted = engine_probabilities(
        paid(budget.queries, known), budget.encoder, budget.seed, budget.epochs, lambda share: progress((1 + share) / 2)
    )
    alone = figures(budget.queries, rewarded(budget.queries, by_agreement(budget.queries), known))
    found = figures(budget.queries, Spending(known, asyncio.run(predicted)))
    return found | {"right_without_network": alone["right"]}


def _reached(progress: Progress, place: int, share: float) -> None:
    progress((place + share) / len(ARMS))
