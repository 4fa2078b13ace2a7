"""A budget of labels, spent by the label planner, and what the rewards are worth after it.

The planner knows nothing at first, so the budget is spent in two halves. The first goes by agreement alone; the labels
it buys train the network, whose probabilities then say where the second half pays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np

from memreward_proto.records import Experience, filled
from memreward_service.arrays import Floats
from memreward_service.belief.metrics import auc
from memreward_service.belief.posterior import GroupBelief, agreement_probability, belief_about
from memreward_service.embedding.encoder import Encoder
from memreward_service.groups.batch import parse_groups
from memreward_service.labels.planner import LEAST_GAIN, OpenGroup, audit_rate, label_plan, with_audit
from memreward_trainer.evaluation.comparison import Progress, engine_beliefs
from memreward_trainer.evaluation.splits import Split, flat, only_labels

ROUNDS = 30
"""In how many requests a half of the budget is spent: a group is asked for one label in each."""
CALIBRATION_SHARE = 0.03
"""Of the labels, those that go to the audit."""

Known = list[list[bool]]
"""By query and rollout: whether its label was paid for."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What a way of spending knows in the end, and the probabilities (N,) that it rewards by."""

    known: Known
    probability: Floats


def figures(queries: Sequence[Experience], spent: Spending) -> dict[str, float]:
    """Over all rollouts, a labelled one counting with its label; `auc` of those without one. Undefined figures are left
    out."""
    truth = flat([[stored.label or 0.0 for stored in e.rollouts] for e in queries]) >= 0.5
    known = flat(spent.known).astype(bool)
    reward = np.where(known, truth, spent.probability >= 0.5)
    values = {
        "right": float((reward == truth).mean()),
        "false_positive_rate": float(reward[~truth].mean()) if (~truth).any() else np.nan,
        "false_negative_rate": float((~reward[truth]).mean()) if truth.any() else np.nan,
        "auc": auc(truth[~known], spent.probability[~known]),
        "labels_spent": float(known.mean()),
    }
    return {name: value for name, value in values.items() if np.isfinite(value)}


def plan_labels(
    queries: Sequence[Experience], encoder: Encoder, labels: int, seed: int, epochs: int | None, progress: Progress,
    least_gain: float = LEAST_GAIN,
) -> Known:  # fmt: skip
    """Half of the `labels` planned by agreement, then half by the network that was trained on these."""
    known = [[False] * len(experience.rollouts) for experience in queries]
    spend(queries, by_agreement(queries), known, labels // 2, least_gain=least_gain)
    beliefs = asyncio.run(engine_beliefs(paid(queries, known), encoder, seed, epochs, progress))
    spend(queries, beliefs, known, labels, least_gain=least_gain)
    return known


def spend(
    queries: Sequence[Experience], beliefs: Sequence[GroupBelief], known: Known, labels: int,
    audit_share: float = CALIBRATION_SHARE, least_gain: float = LEAST_GAIN,
) -> list[tuple[int, int]]:  # fmt: skip
    """Ask for labels until `labels` are known in all, or no label is expected to change a reward. Returns which were
    asked for, (query, rollout), in order."""
    places = {experience.id: place for place, experience in enumerate(queries)}
    wanted = [frozenset[int]() for _ in queries]
    step = max(1, (labels - _count(known)) // ROUNDS)
    asked: list[tuple[int, int]] = []
    while (left := labels - _count(known)) > 0:
        groups = [
            OpenGroup(filled(experience.id), belief, known_labels(experience, seen))
            for experience, belief, seen in zip(queries, beliefs, known, strict=True)
        ]
        rate = audit_rate(groups, min(step, left), audit_share)
        choice = label_plan(list(map(with_audit, groups, repeat(rate), wanted)), min(step, left), least_gain)
        wanted = [audit.wanted for audit in choice.audits]
        for label in choice.plan:
            asked.append((places[label.group_id], label.rollout_index))
            known[asked[-1][0]][label.rollout_index] = True
        if not choice.plan:
            break
    return asked


def rewarded(queries: Sequence[Experience], beliefs: Sequence[GroupBelief], known: Known) -> Spending:
    """What `beliefs` say once the labels are known."""
    probability = [
        belief.probability(known_labels(experience, seen)).tolist()
        for belief, experience, seen in zip(beliefs, queries, known, strict=True)
    ]
    return Spending(known, flat(probability))


def paid(queries: Sequence[Experience], known: Known) -> Split:
    """What `known` labels make: memory and the asked groups have the labels that are known."""
    memory = tuple(only_labels(experience, seen) for experience, seen in zip(queries, known, strict=True))
    return Split(memory, memory, (), (), 0.0)


def by_agreement(queries: Sequence[Experience]) -> list[GroupBelief]:
    """What the agreement of each group says, before any label."""
    parsed = parse_groups([(e, e.rollouts) for e in queries])
    return [belief_about(group, agreement_probability(group)) for group in parsed]


def known_labels(experience: Experience, known: Sequence[bool]) -> list[float | None]:
    """The labels of its rollouts that are paid for."""
    return [stored.label if seen else None for stored, seen in zip(experience.rollouts, known, strict=True)]


def _count(known: Known) -> int:
    return sum(map(sum, known))
