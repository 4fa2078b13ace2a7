"""What a way of spending labels is worth, on groups worked out by hand."""

from __future__ import annotations

import numpy as np

from memreward_proto.records import Domain, Experience, StoredRollout
from memreward_trainer.evaluation.planned_labels import Spending, figures


def experience(*labels: float) -> Experience:
    rollouts = tuple(StoredRollout(f"A: {i}", label=label, id=f"r{i}") for i, label in enumerate(labels))
    return Experience("q", "q", Domain.MATH, rollouts=rollouts)


def test_a_label_counts_as_a_right_reward_and_a_wrong_guess_does_not() -> None:
    spent = Spending([[True, False, False, False]], np.array([0.1, 0.9, 0.8, 0.2]))
    assert figures([experience(1.0, 1.0, 0.0, 0.0)], spent) == {
        "right": 0.75,
        "false_positive_rate": 0.5,
        "false_negative_rate": 0.0,
        "auc": 1.0,
        "labels_spent": 0.25,
    }


def test_what_is_not_defined_is_left_out() -> None:
    told = figures([experience(1.0, 1.0)], Spending([[True, True]], np.array([0.5, 0.5])))
    assert told == {"right": 1.0, "false_negative_rate": 0.0, "labels_spent": 1.0}
