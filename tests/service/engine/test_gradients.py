"""Which groups are counted as without a gradient: by their rewards as answered, and through the engine."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import REGISTRY

from memreward_proto.records import Prediction, Source, Status, Submission
from memreward_service.engine.gradients import count_gradients
from service.engines import ASKED, StartEngine
from service.synthetic_groups import with_labels


def counted() -> tuple[float, float]:
    """Groups answered, and those without a gradient."""
    names = "memreward_groups_answered_total", "memreward_groups_without_gradient_total"
    answered, equal = (REGISTRY.get_sample_value(name) or 0.0 for name in names)
    return answered, equal


def predictions(*rewards: float | None) -> list[Prediction]:
    return [
        Prediction(None, 0.5, Status.ABSTAIN, None)
        if reward is None
        else Prediction(reward, 0.5, Status.OK, Source.GNN)
        for reward in rewards
    ]


@pytest.mark.parametrize(
    ("rewards", "grown"),
    [
        ((1.0, 0.0, 0.0), (1, 0)),
        ((1.0, 1.0, 1.0), (1, 1)),
        ((0.0, 0.0, None), (1, 1)),
        ((1.0, 0.0, None), (1, 0)),
        ((0.8, 0.8004), (1, 1)),
        ((0.8, 0.85), (1, 0)),
        ((1.0,), (0, 0)),
        ((None, 1.0), (0, 0)),
        ((None, None), (0, 0)),
    ],
)
def test_groups_of_two_rewards_or_more_are_counted(rewards: tuple[float | None, ...], grown: tuple[int, int]) -> None:
    before = counted()
    count_gradients([predictions(*rewards)])
    assert tuple(now - then for now, then in zip(counted(), before, strict=True)) == grown


async def test_the_engine_counts_what_it_answers_once(start: StartEngine) -> None:
    engine = await start()
    equal = with_labels(ASKED[0], [1.0] * len(ASKED[0].rollouts))
    mixed = with_labels(ASKED[1], [1.0, 0.0, *[None] * (len(ASKED[1].rollouts) - 2)])
    before = counted()
    await engine.score([equal, mixed])
    assert counted() == (before[0] + 2, before[1] + 1)
    size = len(equal.rollouts)
    sent = [
        Submission("run", "g", place, size, equal.query, rollout, 0, 1, None, None, 20_000)
        for place, rollout in enumerate(equal.rollouts)
    ]
    await asyncio.gather(*map(engine.submit, sent))
    await engine.submit(sent[0])  # a retry, which is no answer of a group
    assert counted() == (before[0] + 3, before[1] + 2)
