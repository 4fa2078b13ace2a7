"""What becomes of a probability."""

from __future__ import annotations

from typing import Any

import pytest

from memreward_proto.records import Domain, Explanation, Prediction, Query, Rollout, Source, Status
from memreward_service.belief.rewards import predictions
from memreward_service.groups.batch import ParsedGroup, group_batch, parse_group
from memreward_service.groups.features import rollout_features
from memreward_service.settings import Settings
from service.hash_encoder import vectors_of


def rewarded(rollouts: list[Rollout], probability: list[float], **settings: Any) -> tuple[Prediction, ...]:
    return predictions(group_of(rollouts), probability, None, Settings(**settings))


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


def test_an_explanation_counts_the_labels_of_those_who_agree() -> None:
    group = group_of(
        [
            Rollout("a", answer="Seven", label=0.5),
            Rollout("b", answer="seven.", label=0.0),
            Rollout("c", answer="SEVEN"),
            Rollout("d", answer="eight", label=1.0),
            Rollout("e", answer="", answer_key=""),
        ]
    )
    batch = group_batch([group], vectors_of(group.texts))
    features = rollout_features(batch).tolist()
    found = [p.explanation for p in predictions(group, [0.5] * 5, features, Settings())]
    share = pytest.approx(0.6)
    assert found == [
        Explanation("Seven", "seven", share, same_key_right=0, same_key_wrong=1),
        Explanation("seven.", "seven", share, same_key_right=1, same_key_wrong=0),
        Explanation("SEVEN", "seven", share, same_key_right=1, same_key_wrong=1),
        Explanation("eight", "eight", pytest.approx(0.2), same_key_right=0, same_key_wrong=0),
        Explanation("", "", pytest.approx(0.2), same_key_right=0, same_key_wrong=0),
    ]
