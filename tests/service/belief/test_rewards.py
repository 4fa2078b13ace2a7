"""What becomes of a probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from memreward_proto.records import Domain, Prediction, Query, Rollout, Source, Status
from memreward_service.arrays import Floats
from memreward_service.belief.posterior import GroupBelief
from memreward_service.belief.rewards import rewards_of
from memreward_service.groups.batch import ParsedGroup, parse_group
from memreward_service.settings import Settings


class Believed(GroupBelief):
    """A belief that stays what it is."""

    def __init__(self, probability: list[float], evidence: float = 0.0) -> None:
        super().__init__(probability, [None] * len(probability), past={})
        self._said, self._evidence = np.array(probability), np.full(len(probability), evidence)

    def probability(self, _labels: Sequence[float | None]) -> Floats:
        return self._said

    def evidence(self, _labels: Sequence[float | None]) -> Floats:
        return self._evidence


def rewarded(rollouts: list[Rollout], probability: list[float], **settings: Any) -> tuple[Prediction, ...]:
    return rewards_of(group_of(rollouts), Believed(probability), Source.GNN, True, Settings(**settings))


def group_of(rollouts: list[Rollout]) -> ParsedGroup:
    return parse_group(Query("?", "q", Domain.TEXT), rollouts)


def test_threshold_mode_rewards_from_the_threshold_on() -> None:
    found = rewarded([Rollout("x")] * 3, [0.59, 0.6, 0.61], threshold=0.6)
    assert [p.reward for p in found] == [0.0, 1.0, 1.0]
    assert [p.probability for p in found] == [0.59, 0.6, 0.61]
    assert {(p.status, p.source) for p in found} == {(Status.OK, Source.GNN)}


def test_soft_mode_rewards_with_the_probability() -> None:
    assert [p.reward for p in rewarded([Rollout("x")] * 2, [0.2, 0.7], reward_mode="soft")] == [0.2, 0.7]


@pytest.mark.parametrize("mode", ["soft", "threshold"])
def test_near_the_threshold_it_abstains(mode: str) -> None:
    found = rewarded([Rollout("x")] * 4, [0.49, 0.55, 0.65, 0.71], threshold=0.6, abstain_margin=0.1, reward_mode=mode)
    assert [p.status for p in found] == [Status.OK, Status.ABSTAIN, Status.ABSTAIN, Status.OK]
    assert found[1] == Prediction(None, 0.55, Status.ABSTAIN, None)


def test_without_a_margin_it_never_abstains() -> None:
    assert rewarded([Rollout("x")], [0.5])[0].status is Status.OK


def test_a_blank_response_is_invalid_and_has_no_reward() -> None:
    assert rewarded([Rollout(" \n")], [0.9]) == (Prediction(None, None, Status.INVALID, None),)


def test_a_label_is_its_own_reward_whatever_the_network_says() -> None:
    found = rewarded(
        [Rollout("x", label=0.25), Rollout("", label=1.0), Rollout("x", label=0.0)], [0.5] * 3, abstain_margin=0.2
    )
    assert found == tuple(Prediction(label, label, Status.OK, Source.LABEL) for label in (0.25, 1.0, 0.0))


@pytest.mark.parametrize(
    ("known", "evidence", "status"), [(False, 0.0, "abstain"), (False, 1.0, "ok"), (True, 0.0, "ok")]
)
def test_with_nothing_to_go_by_it_abstains(known: bool, evidence: float, status: str) -> None:
    (found,) = rewards_of(group_of([Rollout("4")]), Believed([0.09], evidence), Source.GNN, known, Settings())
    assert (found.status, found.probability) == (status, 0.09)
    assert (found.reward is None) == (status == "abstain")
