"""Regime epochs: a run asks each query again and again, and memory knows what it learned about it.

Two epochs: the rollouts of the better half of the policies come first, with a label budget; those of the weaker half
come second, with few labels or none. Many epochs: rollouts are drawn anew in each, from a policy that gets better, and
the planner asks for a label where it still expects to put a reward right. Every figure stands beside the same service
asked about queries that it does not know: their text is in memory, but their history is not used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from memreward_proto.records import Experience, filled
from memreward_service.belief.posterior import GroupBelief
from memreward_service.embedding.encoder import Encoder
from memreward_service.engine.engine import Engine
from memreward_service.labels.requests import LEAST_PRICE
from memreward_service.store import with_ids
from memreward_trainer.evaluation.comparison import Progress, fill, requests, trained_engine
from memreward_trainer.evaluation.planned_labels import (
    Known,
    Spending,
    figures,
    paid,
    plan_labels,
    rewarded,
    spend,
)
from memreward_trainer.evaluation.splits import flat

LATER_BUDGETS = (0.0, 0.01, 0.03)
"""Shares of the labels of the second epoch."""
EPOCHS = 10
GROUP = 8
"""Rollouts of a query in each of many epochs."""
FIRST_SKILL, LAST_SKILL = 0.5, 4.0
"""Odds of drawing a right rollout rather than a wrong one, times their number, in the first and the last epoch."""
INVISIBLE = "\u2060"
"""The word joiner of Unicode."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch cost and gave, with memory of the queries and without."""

    labels: float
    right: float
    false_positive_rate: float
    labels_without: float
    right_without: float


def two_epochs(
    queries: Sequence[Experience], encoder: Encoder, budget: float, seed: int, epochs: int | None, progress: Progress
) -> dict[str, dict[str, float]]:
    """Figures of the second epoch after a first one that had `budget`, a share of its labels."""
    first, second = policy_halves(queries)
    labels = round(budget * sum(len(query.rollouts) for query in first))
    known = plan_labels(first, encoder, labels, seed, epochs, lambda share: progress(share / 2))
    return asyncio.run(
        _second_epoch(first, second, known, encoder, seed, epochs, lambda share: progress((1 + share) / 2))
    )


def policy_halves(queries: Sequence[Experience]) -> tuple[list[Experience], list[Experience]]:
    """The rollouts of the half of the policies that is right more often, and those of the others; of one policy, the
    first half of each query's rollouts and the second."""
    labels: dict[str, list[float]] = {}
    for query in queries:
        for stored in query.rollouts:
            labels.setdefault(stored.policy or "", []).append(stored.label or 0.0)
    order = sorted(labels, key=lambda policy: (-float(np.mean(labels[policy])), policy))
    better = set(order[: len(order) // 2])
    pairs = [_halves(query, better) for query in queries]
    kept = [(one, other) for one, other in pairs if one.rollouts and other.rollouts]
    return [one for one, _ in kept], [other for _, other in kept]


def many_epochs(
    queries: Sequence[Experience], encoder: Encoder, budget: float, seed: int, epochs: int | None, progress: Progress
) -> list[Epoch]:
    """Epoch after epoch. `budget`: the most that the planner may ask for in each, a share of its rollouts."""
    random = np.random.default_rng(seed)
    drawn = [with_ids([_drawn(query, epoch, random) for query in queries]) for epoch in range(EPOCHS)]
    labels = round(budget * sum(len(query.rollouts) for query in drawn[0]))
    known = plan_labels(drawn[0], encoder, labels, seed, epochs, lambda share: progress(share / 4), LEAST_PRICE)
    return asyncio.run(_many(drawn, known, encoder, budget, seed, epochs, lambda share: progress((1 + 3 * share) / 4)))


async def _second_epoch(
    first: Sequence[Experience], second: Sequence[Experience], known: Known, encoder: Encoder, seed: int,
    epochs: int | None, progress: Progress,
) -> dict[str, dict[str, float]]:  # fmt: skip
    async with trained_engine(paid(first, known), encoder, seed, epochs, progress) as engine:
        unlabelled = [_stripped(query) for query in second]
        with_memory = await _beliefs(engine, unlabelled)
        without = await _beliefs(engine, [_unknown(query) for query in unlabelled])
    found = {"first epoch": {"labels_spent": float(flat(known).mean())}}
    found["second, no memory"] = figures(second, _spent(second, without, 0.0))
    for share in LATER_BUDGETS:
        name = f"second, memory, {share:.0%} labels" if share else "second, memory, no label"
        found[name] = figures(second, _spent(second, with_memory, share))
    return found


async def _many(
    drawn: Sequence[Sequence[Experience]], known: Known, encoder: Encoder, budget: float, seed: int,
    epochs: int | None, progress: Progress,
) -> list[Epoch]:  # fmt: skip
    """The rollouts `drawn` for each epoch, after the first one's labels are `known`."""
    made = []
    first = paid(drawn[0], known)
    async with trained_engine(first, encoder, seed, epochs, lambda share: progress(share / 3)) as engine:
        beliefs = await _beliefs(engine, [_stripped(query) for query in drawn[0]], step=0)
        made.append(_epoch(drawn[0], (beliefs, known), (beliefs, known)))
        for number, epoch in enumerate(drawn[1:], start=2):
            unlabelled = [_stripped(query) for query in epoch]
            arms = []
            for asked in (unlabelled, [_unknown(query) for query in unlabelled]):
                beliefs = await _beliefs(engine, asked, step=number - 1)
                arms.append((beliefs, _asked_for(epoch, beliefs, budget)))
            made.append(_epoch(epoch, *arms))
            await fill(engine, paid(epoch, arms[0][1]).memory)
            progress((1 + 2 * number / EPOCHS) / 3)
    return made


def _epoch(
    queries: Sequence[Experience], ours: tuple[list[GroupBelief], Known], without: tuple[list[GroupBelief], Known]
) -> Epoch:
    with_memory = figures(queries, rewarded(queries, *ours))
    alone = figures(queries, rewarded(queries, *without))
    return Epoch(
        with_memory["labels_spent"], with_memory["right"], with_memory["false_positive_rate"],
        alone["labels_spent"], alone["right"],
    )  # fmt: skip


def _halves(query: Experience, better: set[str]) -> tuple[Experience, Experience]:
    if not better:
        half = len(query.rollouts) // 2
        return replace(query, rollouts=query.rollouts[:half]), replace(query, rollouts=query.rollouts[half:])
    first = tuple(stored for stored in query.rollouts if (stored.policy or "") in better)
    second = tuple(stored for stored in query.rollouts if (stored.policy or "") not in better)
    return replace(query, rollouts=first), replace(query, rollouts=second)


def _drawn(query: Experience, epoch: int, random: np.random.Generator) -> Experience:
    """GROUP rollouts of a query, drawn with repetition; a right one is likelier from epoch to epoch."""
    skill = FIRST_SKILL * (LAST_SKILL / FIRST_SKILL) ** (epoch / (EPOCHS - 1))
    weight = np.array([skill if (stored.label or 0.0) >= 0.5 else 1.0 for stored in query.rollouts])
    places = random.choice(len(query.rollouts), GROUP, p=weight / weight.sum())
    return replace(query, rollouts=tuple(replace(query.rollouts[p], id=None, step=epoch) for p in places))


def _stripped(query: Experience) -> Experience:
    rollouts = tuple(replace(stored, label=None, label_source=None) for stored in query.rollouts)
    return replace(query, rollouts=rollouts)


def _unknown(query: Experience) -> Experience:
    """The same query as one that memory has never seen: under another id, and with a character at the end of its text
    that nobody sees and the encoder leaves out."""
    return replace(query, id=f"{filled(query.id)}, unknown", text=query.text + INVISIBLE)


async def _beliefs(engine: Engine, asked: Sequence[Experience], step: int | None = None) -> list[GroupBelief]:
    return [belief for groups in requests(asked) for belief in await engine.beliefs(groups, step)]


def _spent(queries: Sequence[Experience], beliefs: Sequence[GroupBelief], share: float) -> Spending:
    return rewarded(queries, beliefs, _asked_for(queries, beliefs, share))


def _asked_for(queries: Sequence[Experience], beliefs: Sequence[GroupBelief], share: float) -> Known:
    """The labels that the planner asks for, at most a `share` of the rollouts."""
    known = [[False] * len(query.rollouts) for query in queries]
    labels = round(share * sum(len(query.rollouts) for query in queries))
    spend(queries, beliefs, known, labels, least_gain=LEAST_PRICE)
    return known
