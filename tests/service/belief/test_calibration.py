"""From logits to probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import expit

from memreward_service.arrays import Floats
from memreward_service.belief.calibration import (
    MIN_ROLLOUTS,
    Calibration,
    can_calibrate,
    fit_calibration,
    fit_to_worlds,
)
from memreward_service.belief.worlds import Worlds


@pytest.mark.parametrize(("slope", "intercept"), [(0.4, 0.8), (1.0, 0.0), (3.0, -1.0)])
def test_a_known_slope_and_intercept_are_recovered(slope: float, intercept: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=20_000) * 2 / slope
    labels = (random.uniform(size=20_000) < expit(slope * logits + intercept)).astype(float)
    alone = np.arange(20_000)
    for fitted in (
        fit_calibration(logits, labels, queries=20_000),
        of_worlds(logits, Worlds(alone, alone, 2 * labels - 1)),
    ):
        assert fitted.slope == pytest.approx(slope, rel=0.1)
        assert fitted.intercept == pytest.approx(intercept, abs=0.1)


def of_worlds(logits: Floats, worlds: Worlds) -> Calibration:
    log_slope, intercept = fit_to_worlds(logits, worlds).parameters
    return Calibration(math.exp(log_slope), float(intercept))


@pytest.mark.parametrize("asked", ["all", "the first, and the second where that is wrong"])
def test_it_is_recovered_from_groups_with_one_right_answer_whoever_asked(asked: str) -> None:
    """5,000 groups of two answers of three rollouts each, one of which is right, or none."""
    random = np.random.default_rng(1)
    logits = random.normal(size=(5000, 2)) * 2
    odds = np.exp(0.5 * logits + 0.4)
    worlds = np.c_[odds, np.ones(5000)] / (1 + odds.sum(1, keepdims=True))
    right = (random.uniform(size=(5000, 1)) > worlds.cumsum(1)).sum(1)
    said = np.where(np.arange(2) == right[:, None], 1.0, -1.0)
    if asked == "all":
        said *= 3
    else:
        said[:, 1] *= said[:, 0] < 0
    key = np.arange(10_000).repeat(3)
    fitted = of_worlds(logits.ravel().repeat(3), Worlds(key, np.arange(5000).repeat(2), said.ravel()))
    assert fitted.slope == pytest.approx(0.5, rel=0.1)
    assert fitted.intercept == pytest.approx(0.4, abs=0.1)


def test_the_covariance_is_that_of_a_fit_to_labels_drawn_anew() -> None:
    random = np.random.default_rng(2)
    logits, alone, drawn = random.normal(size=300) * 2, np.arange(300), []
    for _ in range(100):
        told = np.where(random.uniform(size=300) < expit(0.7 * logits + 0.5), 1.0, -1.0)
        fitted = fit_to_worlds(logits, Worlds(alone, alone, told))
        drawn.append(fitted.parameters)
    assert np.cov(np.transpose(drawn)).diagonal() == pytest.approx(fitted.covariance.diagonal(), rel=0.5)


def test_the_order_never_changes_not_even_where_the_logits_are_wrong_way_round() -> None:
    logits = np.linspace(-3, 3, 100)
    fitted = fit_calibration(logits, (logits < 0).astype(float), queries=100)
    assert fitted.slope > 0
    assert (fitted.probability(torch.from_numpy(logits)).diff() > 0).all()


def test_separable_rollouts_do_not_drive_the_slope_to_infinity() -> None:
    logits = np.linspace(-3, 3, 40)
    fitted = fit_calibration(logits, (logits > 0).astype(float), queries=40)
    assert 1 < fitted.slope < 50


def test_rollouts_of_few_queries_move_the_probabilities_less() -> None:
    """80 rollouts, 80% right, in few groups or many."""
    labels = (np.arange(80) < 64).astype(float)
    few, many = (fit_calibration(np.zeros(80), labels, queries=queries).intercept for queries in (5, 80))
    assert 0 < few < many < 1.3863  # the logit of 0.8
    told = 2 * labels - 1
    alike = of_worlds(np.zeros(80), Worlds(np.arange(5).repeat(16), np.arange(5), told.reshape(5, 16).sum(1)))
    apart = of_worlds(np.zeros(80), Worlds(np.arange(80), np.arange(80), told))
    assert alike.intercept == pytest.approx(few, abs=0.01)
    assert apart.intercept == pytest.approx(many, abs=0.01)


def test_labels_that_are_few_or_of_one_kind_say_nothing() -> None:
    labels = (np.arange(MIN_ROLLOUTS) % 2).astype(float)
    logits = 3 * labels
    assert can_calibrate(labels)
    assert fit_calibration(logits, labels, queries=5) != Calibration()
    for known in (labels[1:], np.empty(0), np.zeros(50), np.ones(50)):
        assert not can_calibrate(known)
        assert fit_calibration(np.resize(logits, len(known)), known, queries=50) == Calibration(1.0, 0.0)


def test_probability_by_hand() -> None:
    probability = Calibration(2.0, -1.0).probability(torch.tensor([0.5, 1.0]))
    assert probability.tolist() == pytest.approx([0.5, 0.731059])
