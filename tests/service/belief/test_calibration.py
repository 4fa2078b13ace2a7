"""From logits to probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit

from memreward_service.belief.calibration import (
    MIN_ROLLOUTS,
    Calibration,
    can_calibrate,
    fit_calibration,
)


@pytest.mark.parametrize(("slope", "intercept"), [(0.4, 0.8), (1.0, 0.0), (3.0, -1.0)])
def test_a_known_slope_and_intercept_are_recovered(slope: float, intercept: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=20_000) * 2 / slope
    labels = (random.uniform(size=20_000) < expit(slope * logits + intercept)).astype(float)
    fitted = fit_calibration(logits, labels, queries=20_000)
    assert fitted.slope == pytest.approx(slope, rel=0.1)
    assert fitted.intercept == pytest.approx(intercept, abs=0.1)


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
