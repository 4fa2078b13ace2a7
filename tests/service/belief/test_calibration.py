"""From logits to probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit, log_expit

from memreward_service.arrays import Floats
from memreward_service.belief.calibration import Calibration, fit_calibration
from memreward_service.belief.hypotheses import AnswerHypotheses
from memreward_service.groups.batch import GroupBatch
from service.synthetic_groups import batch_of, synthetic_group


def answers(labels: Floats, exclusive: bool = True) -> GroupBatch:
    """Groups with an answer for each of `labels` (B, C), NaN where unknown."""
    groups, size = labels.shape
    batch = batch_of([synthetic_group(0, size=size)]).select(torch.zeros(1, dtype=torch.int64))
    rows = torch.arange(size).repeat(groups)
    return replace(
        batch,
        query_vectors=batch.query_vectors.expand(groups, -1),
        thinking_vectors=batch.thinking_vectors[rows],
        answer_vectors=batch.answer_vectors[rows],
        group=torch.arange(groups).repeat_interleave(size),
        key=torch.arange(groups * size),
        label=torch.from_numpy(labels.reshape(-1)).float(),
        lengths=batch.lengths[rows],
        returned=batch.returned[rows],
        inputs=batch.inputs[rows],
        exclusive=torch.full((groups,), exclusive),
    )


def fitted(logits: Floats, labels: Floats, exclusive: bool = True) -> Calibration:
    """From `logits` and `labels` (B, C)."""
    return fit_calibration(AnswerHypotheses(answers(labels, exclusive)), logits.reshape(-1))


def drawn(logits: Floats, slope: float, intercept: float, seed: int = 0) -> Floats:
    """(B, C) labels of groups in which answer c has the odds exp(slope * logit + intercept) against "none is right"."""
    odds = np.exp(slope * logits + intercept)
    total = 1 + odds.sum(axis=1, keepdims=True)
    draw = np.random.default_rng(seed).uniform(size=(len(logits), 1))
    upper = np.cumsum(odds / total, axis=1)
    result: Floats = ((draw < upper) & (draw >= upper - odds / total)).astype(float)
    return result


@pytest.mark.parametrize(("slope", "intercept"), [(0.4, 0.8), (1.0, 0.0), (2.0, -1.0)])
@pytest.mark.parametrize("size", [1, 4])
def test_a_known_slope_and_intercept_are_recovered(slope: float, intercept: float, size: int) -> None:
    logits = np.random.default_rng(1).normal(size=(5_000, size)) / slope
    found = fitted(logits, drawn(logits, slope, intercept))
    assert found.slope == pytest.approx(slope, rel=0.1)
    assert found.intercept == pytest.approx(intercept, abs=0.1)


def test_a_planner_that_asks_again_where_the_first_answer_was_wrong_misleads_nobody() -> None:
    """The likeliest answer is asked about, and the second only where that was wrong."""
    logits = -np.sort(-np.random.default_rng(1).normal(size=(5_000, 3)), axis=1)
    labels = drawn(logits, 1.5, 0.5)
    labels[:, 1] = np.where(labels[:, 0] == 0, labels[:, 1], np.nan)
    labels[:, 2] = np.nan
    found = fitted(logits, labels)
    assert (found.slope, found.intercept) == pytest.approx((1.5, 0.5), abs=0.15)


def test_what_is_served_is_right_as_often_as_it_says() -> None:
    """Two answers a group, one of them right in 97%: fitted one by one they would leave more for "none is right"."""
    chance = np.random.default_rng(2)
    first = chance.uniform(size=2_000) < 0.6
    none = chance.uniform(size=2_000) < 0.03
    labels = np.stack([first & ~none, ~first & ~none], axis=1).astype(float)
    logits = np.tile([np.log(0.6 / 0.4), np.log(0.4 / 0.6)], (2_000, 1))
    batch = answers(labels)
    calibration = fit_calibration(AnswerHypotheses(batch), logits.reshape(-1))
    own = calibration.probability(torch.from_numpy(logits.reshape(-1))).numpy()
    probability = AnswerHypotheses(batch).served_probability(own).reshape(-1, 2)
    assert probability.mean(axis=0) == pytest.approx(labels.mean(axis=0), abs=0.01)


def test_the_order_never_changes_not_even_where_the_logits_are_wrong_way_round() -> None:
    logits = np.linspace(-3, 3, 100)[:, None]
    found = fitted(logits, (logits < 0).astype(float))
    assert found.slope > 0
    assert (found.probability(torch.from_numpy(logits[:, 0])).diff() > 0).all()


def test_separable_rollouts_do_not_drive_the_slope_to_infinity() -> None:
    logits = np.linspace(-3, 3, 40)[:, None]
    assert 1 < fitted(logits, (logits > 0).astype(float)).slope < 50


def test_few_groups_move_the_probabilities_less() -> None:
    """80% of the answers are right, in few groups or many."""
    few, many = (fitted(np.zeros((size, 1)), (np.arange(size) < 0.8 * size).astype(float)[:, None]) for size in (5, 80))
    assert 0 < few.intercept < many.intercept < 1.3863  # the logit of 0.8


def test_without_labels_it_is_the_identity() -> None:
    assert fitted(np.ones((5, 2)), np.full((5, 2), np.nan)) == Calibration(1.0, 0.0)


def test_answers_that_do_not_exclude_each_other_are_platt_scaled() -> None:
    random = np.random.default_rng(3)
    logits = random.normal(size=(2_000, 3))
    labels = (random.uniform(size=(2_000, 3)) < expit(2 * logits + 0.5)).astype(float)
    found = fitted(logits, labels, exclusive=False)
    x = found.slope * logits + found.intercept
    likelihood = (labels * log_expit(x) + (1 - labels) * log_expit(-x)).sum()
    for slope, intercept in ((1.1, 0.0), (0.9, 0.0), (1.0, 0.1), (1.0, -0.1)):
        y = slope * x + intercept
        assert (labels * log_expit(y) + (1 - labels) * log_expit(-y)).sum() < likelihood


def test_probability_by_hand() -> None:
    probability = Calibration(2.0, -1.0).probability(torch.tensor([0.5, 1.0]))
    assert probability.tolist() == pytest.approx([0.5, 0.731059])
