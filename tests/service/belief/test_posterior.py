"""Labels inside a group, by Bayes' rule over its answer keys: values worked out by hand."""

from __future__ import annotations

import pytest

from memreward_service.belief.posterior import LABEL_NOISE, GroupBelief

KEYS = ["7", "7", "7", "8", "8", None]
PROBABILITY = [0.6, 0.5, 0.7, 0.2, 0.2, 0.1]
NONE = [None] * 6


def labelled(**labels: float) -> list[float | None]:
    return [labels.get(f"r{index}") for index in range(6)]


def test_rollouts_of_one_key_have_the_probability_of_the_key() -> None:
    belief = GroupBelief(PROBABILITY, KEYS)
    for labels in (NONE, labelled(r3=0.0), labelled(r0=1.0)):
        of_key = belief.key_probability(labels)
        assert belief.probability(labels).tolist() == [*[of_key[0]] * 3, *[of_key[1]] * 2, of_key[2]]


def test_the_hypotheses_are_weighed_by_the_odds_of_the_keys() -> None:
    # odds 0.6/0.4, 0.2/0.8, 0.1/0.9 against 1 for "none is right"
    total = 1 + 1.5 + 0.25 + 1 / 9
    expected = [odds / total * (1 - 2 * LABEL_NOISE) + LABEL_NOISE for odds in (1.5, 0.25, 1 / 9)]
    assert GroupBelief(PROBABILITY, KEYS).key_probability(NONE).tolist() == pytest.approx(expected)


def test_a_right_sibling_rewards_its_key_and_no_other() -> None:
    probability = GroupBelief(PROBABILITY, KEYS).probability(labelled(r0=1.0))
    assert min(probability[1:3]) > 0.97
    assert max(probability[3:]) < 0.02


def test_a_wrong_majority_lifts_what_is_left() -> None:
    belief = GroupBelief(PROBABILITY, KEYS)
    probability = belief.probability(labelled(r1=0.0))
    assert max(probability[0], probability[2]) < 0.05
    assert belief.key_probability(labelled(r1=0.0))[1] > belief.key_probability(NONE)[1] * 1.8
    assert probability[3] > probability[5]


def test_contradicting_labels_cancel() -> None:
    belief = GroupBelief(PROBABILITY, KEYS)
    once = belief.key_probability(labelled(r0=1.0, r1=0.0))
    assert once.tolist() == pytest.approx(belief.key_probability(NONE).tolist())


def test_texts_may_all_be_right() -> None:
    free = GroupBelief(PROBABILITY, KEYS, exclusive=False)
    probability = free.probability(labelled(r0=1.0))
    assert probability[3:].tolist() == pytest.approx(PROBABILITY[3:], abs=0.01)
    assert probability[1] > 0.97


def test_certain_probabilities_can_be_overruled() -> None:
    belief = GroupBelief([1.0, 1.0, 0.0], ["a", "a", "b"])
    assert belief.probability([0.0, None, None])[1] < 0.5
    assert belief.probability([None, None, 1.0])[0] < 0.5


def test_one_wrong_label_does_not_sink_an_answer_that_was_found_right_before() -> None:
    belief = GroupBelief([0.9] * 4, ["7"] * 4, past={"7": 2.0})
    assert belief.probability([0.0, None, None, None])[1] > 0.99


def test_how_far_labels_decide_is_a_setting() -> None:
    strict, loose = (GroupBelief([0.9] * 3, ["7"] * 3, label_noise=noise) for noise in (0.002, 0.3))
    assert strict.probability([0.0, None, None])[1] < 0.05
    assert loose.probability([0.0, None, None])[1] > 0.5


def test_answers_that_labels_found_right_are_one_answer_in_two_forms() -> None:
    probability = GroupBelief(PROBABILITY, KEYS).probability(labelled(r0=1.0, r3=1.0))
    assert min(probability[:5]) > 0.99
    assert probability[5] < 0.01
