"""From logits to probabilities."""

from __future__ import annotations

import pytest
import torch

from memreward_service.engine.calibration import MIN_ROLLOUTS, Calibration, fit_calibration


@pytest.mark.parametrize(("slope", "intercept"), [(0.4, 0.8), (1.0, 0.0), (3.0, -1.0)])
def test_a_known_slope_and_intercept_are_recovered(slope: float, intercept: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, generator=generator) * 2 / slope
    labels = torch.bernoulli(torch.sigmoid(slope * logits + intercept), generator=generator)
    fitted = fit_calibration(logits, labels, queries=20_000)
    assert fitted.slope == pytest.approx(slope, rel=0.1)
    assert fitted.intercept == pytest.approx(intercept, abs=0.1)


def test_the_order_never_changes_not_even_where_the_logits_are_wrong_way_round() -> None:
    logits = torch.linspace(-3, 3, 100)
    fitted = fit_calibration(logits, (logits < 0).float(), queries=100)
    assert fitted.slope > 0
    assert (fitted.probability(logits).diff() > 0).all()


def test_separable_rollouts_do_not_drive_the_slope_to_infinity() -> None:
    logits = torch.linspace(-3, 3, 40)
    fitted = fit_calibration(logits, (logits > 0).float(), queries=40)
    assert 1 < fitted.slope < 50


def test_rollouts_of_few_queries_move_the_probabilities_less() -> None:
    logits = torch.zeros(80)
    labels = torch.ones(80)
    labels[:16] = 0
    few, many = (fit_calibration(logits, labels, queries=queries).intercept for queries in (3, 80))
    assert 0 < few < many < 1.3863  # the logit of 0.8


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_says_nothing(label: float) -> None:
    assert fit_calibration(torch.randn(50), torch.full((50,), label), queries=50) == Calibration(1.0, 0.0)


def test_too_few_rollouts_say_nothing() -> None:
    logits = torch.linspace(-9, 9, MIN_ROLLOUTS)
    labels = (logits > 0).float()
    assert fit_calibration(logits[1:], labels[1:], queries=5) == Calibration()
    assert fit_calibration(logits, labels, queries=5) != Calibration()


def test_probability_by_hand() -> None:
    probability = Calibration(2.0, -1.0).probability(torch.tensor([0.5, 1.0]))
    assert probability.tolist() == pytest.approx([0.5, 0.731059])
