"""The figures of reports against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from memreward_service.belief.metrics import reward_metrics


def metrics(label: list[float], probability: list[float], group: list[int], threshold: float = 0.5) -> dict[str, float]:
    return reward_metrics(np.array(label), np.array(probability), np.array(group, dtype=np.int64), threshold)


def test_eight_predictions_by_hand() -> None:
    found = metrics(
        label=[1, 0, 0, 1, 1, 0, 1, 1],
        probability=[0.9, 0.8, 0.1, 0.6, 0.4, 0.3, 0.95, 1.0],
        group=[0, 1, 0, 1, 0, 1, 2, 2],
    )
    assert found == pytest.approx(
        {
            "rollouts": 8.0,
            "share_right": 5 / 8,
            "auc": 13 / 15,  # of 15 pairs, 0.8 is wrongly above 0.6 and 0.4
            "within_group_auc": (1.0 + 0.5) / 2,  # group 2 has no wrong rollout
            "accuracy": 6 / 8,
            "f1": 2 * 4 / (2 * 4 + 1 + 1),
            "false_positive_rate": 1 / 3,
            "false_negative_rate": 1 / 5,
            # bins: 0.9 0.95 1.0 | 0.8 | 0.1 | 0.6 | 0.4 | 0.3
            "calibration_error": (0.15 + 0.8 + 0.1 + 0.4 + 0.6 + 0.3) / 8,
        }
    )


def test_ties_count_half() -> None:
    assert metrics([1, 0], [0.5, 0.5], [0, 0])["auc"] == 0.5


def test_the_threshold_decides_rewards_but_not_the_order() -> None:
    loose = metrics([1, 0, 0], [0.9, 0.6, 0.2], [0, 0, 0], threshold=0.5)
    strict = metrics([1, 0, 0], [0.9, 0.6, 0.2], [0, 0, 0], threshold=0.7)
    at = metrics([1, 0, 0], [0.9, 0.6, 0.2], [0, 0, 0], threshold=0.6)
    assert (loose["false_positive_rate"], strict["false_positive_rate"], at["false_positive_rate"]) == (0.5, 0, 0.5)
    assert loose["auc"] == strict["auc"] == 1.0


@pytest.mark.parametrize(
    ("label", "undefined"),
    [
        ([1.0, 1.0], {"auc", "within_group_auc", "false_positive_rate"}),
        ([0.0, 0.0], {"auc", "within_group_auc", "false_negative_rate", "f1"}),
    ],
)
def test_a_figure_that_is_not_defined_is_left_out(label: list[float], undefined: set[str]) -> None:
    every = set(metrics([1, 0], [0.9, 0.1], [0, 0]))
    found = metrics(label, [0.9, 0.1], [0, 0])
    assert set(found) == every - undefined
    assert all(np.isfinite(value) for value in found.values())


def test_nothing_predicted() -> None:
    assert metrics([], [], []) == {"rollouts": 0.0}
