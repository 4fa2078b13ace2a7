"""What rewards teach, on two made-up groups of four: one with a right rollout, one with none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from memreward_trainer.evaluation.reward_modes import Predicted, arms, audited, corrected, figures

TWO = Predicted(
    truth=np.array([1.0, 0, 0, 0, 0, 0, 0, 0]),
    known=np.zeros(8, dtype=bool),
    probability=np.array([0.9, 0.6, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2]),
    sizes=(4, 4),
)


def test_rewards_by_hand() -> None:
    found = figures(TWO, np.array([1.0, 1, 0, 0, 0, 0, 0, 0]))
    # Centred, the true group is (3, -1, -1, -1) / 4 and the rewarded one (1, 1, -1, -1) / 2: their product is 1/2,
    # their squares are 3/4 and 1. The other group is equal in both.
    expected = (1 / 2) / (3 / 4) ** 0.5
    assert found.pop("correlation_undivided") == pytest.approx(expected)
    assert found.pop("correlation") == pytest.approx(expected, abs=1e-5), (
        "with one group left, dividing changes nothing"
    )
    assert found == {"no_gradient": 0.0, "false_gradient": 0.0, "right": 7 / 8, "labels_spent": 0.0}


def test_a_small_false_difference_counts_as_much_as_a_true_one_once_it_is_divided() -> None:
    found = figures(TWO, np.array([1.0, 0, 0, 0, 0.2, 0.21, 0.2, 0.2]))
    # Divided, both groups have the advantages (3, -1, -1, -1) / 2 in some order, of squares 3 each: 3 / sqrt(3 * 6).
    assert found["correlation"] == pytest.approx(0.5**0.5, abs=1e-4)
    assert found["correlation_undivided"] > 0.9999
    assert (found["no_gradient"], found["false_gradient"], found["right"]) == (0.0, 1.0, 1.0)


def test_rewards_without_any_difference_have_no_correlation() -> None:
    found = figures(TWO, np.ones(8))
    assert found == {"no_gradient": 1.0, "false_gradient": 0.0, "right": 1 / 8, "labels_spent": 0.0}
    assert "no_gradient" not in figures(replace(TWO, truth=np.zeros(8)), np.ones(8)), "no group is mixed"


def test_correction_makes_the_mean_of_noisy_rewards_true() -> None:
    # Of right rollouts 3/4 are rewarded, of wrong ones 1/8: the means become 1 and 0.
    reward = corrected(np.array([0.75, 0.125, 1.0, 0.0]), false_positives=0.125, false_negatives=0.25)
    assert reward == pytest.approx([1.0, 0.0, 1.4, -0.2])


def noisy(known: bool) -> Predicted:
    """400 groups of four, one right rollout each; of 4 predictions 1 is wrong; the first label of a group may be
    known."""
    random = np.random.default_rng(5)
    truth = np.tile([1.0, 0, 0, 0], 400)
    wrong = random.random(1600) < 0.25
    seen = np.tile([known, False, False, False], 400)
    return Predicted(truth, seen, np.where(wrong, 1 - truth, truth) * 0.8 + 0.1, (4,) * 400)


def test_with_predictions_alone_correction_changes_no_advantage() -> None:
    predicted = noisy(known=False)
    found = {arm: figures(predicted, rewards) for arm, rewards in arms(predicted, np.random.default_rng(0)).items()}
    assert list(found) == ["threshold", "soft", "corrected"]
    assert found["corrected"] == pytest.approx(found["threshold"], abs=1e-5)
    assert 0.2 < found["threshold"]["no_gradient"] + (1 - found["threshold"]["right"]) < 0.8


def test_labels_beside_corrected_rewards_are_differences_that_are_not_there() -> None:
    # The last rollout of every group is rewarded, which is true of one half of the groups; the other half has no right
    # rollout, and in every tenth the third is rewarded too, which it is not.
    predicted = replace(noisy(known=True), probability=np.tile([0.1, 0.1, 0.1, 0.9], 400))
    predicted.probability[2::40] = 0.9
    truth = np.tile([0.0, 0, 0, 1, 0, 0, 0, 0], 200)
    predicted = replace(predicted, truth=truth, probability=np.where(truth == 1, 0.9, predicted.probability))
    predicted.probability[7::8] = 0.1
    found = arms(predicted, np.random.default_rng(0))
    assert found["threshold"][4:8].tolist() == [0.0] * 4
    assert found["corrected"][4] == 0.0, "a known label is the reward"
    assert found["corrected"][5] < 0.0, "and its siblings, predicted as wrong as it is, have less"
    taught = {arm: figures(predicted, rewards)["false_gradient"] for arm, rewards in found.items()}
    assert taught["threshold"] <= 0.2
    assert taught["corrected"] == 1.0


def test_labels_are_rewards_and_are_not_audited() -> None:
    predicted = noisy(known=True)
    for rewards in arms(predicted, np.random.default_rng(0)).values():
        assert (rewards[predicted.known] == predicted.truth[predicted.known]).all()
    places = audited(predicted, np.random.default_rng(0))
    assert len(set(places.tolist())) == round(0.03 * 1200)
    assert not predicted.known[places].any()


def test_what_an_audit_cannot_correct_is_left_out() -> None:
    predicted = noisy(known=False)
    none_right = replace(predicted, truth=np.zeros(1600))
    upside_down = replace(predicted, truth=1 - predicted.truth)
    for other in (none_right, upside_down):
        assert list(arms(other, np.random.default_rng(0))) == ["threshold", "soft"]
