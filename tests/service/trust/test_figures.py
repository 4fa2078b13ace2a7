"""Figures worked out by hand, and their slopes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from memreward_proto.records import TrustFigures
from memreward_service.settings import Settings
from memreward_service.trust.figures import FIGURES, auc, false_positive_rate, figures_of, rows_of


def figures(*rows: tuple[float, float], **settings: float) -> TrustFigures:
    labels, probabilities = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    return figures_of(labels, probabilities, Settings(**settings))


def test_the_figures_of_eight_rollouts() -> None:
    rows = [(1, 0.9), (1, 0.6), (1, 0.35), (0.75, 0.55), (0, 0.8), (0, 0.1), (0.25, 0.45), (0, 0.6)]
    assert figures(*rows, abstain_margin=0.08) == TrustFigures(
        rollouts=8,
        share_abstained=2 / 8,  # 0.55 and 0.45
        auc=pytest.approx((4 + 2.5 + 1 + 2) / 16),  # 0.9, 0.6 (ties with a wrong 0.6), 0.35, 0.55 over the wrong
        false_positive_rate=2 / 3,  # of 0.8, 0.1, 0.6
        false_negative_rate=1 / 3,  # of 0.9, 0.6, 0.35
        # bins 0.1: 0.1, 0.3: 0.65, 0.4: 0.2, 0.5: 0.2, 0.6: 0.4 - 0.6, 0.8: 0.8, 0.9: 0.1
        calibration_error=pytest.approx((0.1 + 0.65 + 0.2 + 0.2 + 0.2 + 0.8 + 0.1) / 8),
    )
    strict = figures(*rows, threshold=0.7)
    assert (strict.false_positive_rate, strict.false_negative_rate) == (1 / 4, 3 / 4)


def test_the_auc_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(5)
    score = random.uniform(size=300).round(1)
    label = (random.uniform(size=300) < score).astype(float)
    assert figures_of(label, score, Settings()).auc == pytest.approx(roc_auc_score(label, score), abs=1e-12)


def test_what_is_not_defined_is_not_made_up() -> None:
    assert figures() == TrustFigures(0, None, None, None, None, None)
    only_right = figures((1, 0.9), (1, 0.4))
    assert (only_right.auc, only_right.false_positive_rate, only_right.false_negative_rate) == (None, None, 0.5)
    unsure = figures((1, 0.5), (0, 0.5), abstain_margin=0.1)
    assert (unsure.share_abstained, unsure.auc) == (1.0, 0.5)
    assert (unsure.false_positive_rate, unsure.false_negative_rate) == (None, None)


def test_mass_may_be_spread_over_rows() -> None:
    """Three wrong ones of four at 0.8, one at 0.2: as if there were four rows."""
    rows = rows_of(np.array([0.8, 0.2]), Settings())
    found = false_positive_rate(rows, np.array([1.0, 2.0]), np.array([3.0, 1.0]))
    assert found is not None
    assert found.value == 3 / 4
    ranked = auc(rows, np.array([1.0, 2.0]), np.array([3.0, 1.0]))
    assert ranked is not None
    assert ranked.value == pytest.approx((1 * (1 + 3 / 2) + 2 * 1 / 2) / (3 * 4))


@pytest.mark.parametrize("name", FIGURES)
def test_the_slopes_are_those_of_the_figure(name: str) -> None:
    random = np.random.default_rng(6)
    right, wrong, probability = (random.uniform(0.1, 0.9, 12) for _ in range(3))
    rows = rows_of(probability.round(1), Settings(abstain_margin=0.1))
    figure = FIGURES[name]
    found = figure(rows, right, wrong)
    assert found is not None
    for index, step in enumerate(np.eye(12) * 1e-6):
        for slope, more, less in (
            (found.by_right, (right + step, wrong), (right - step, wrong)),
            (found.by_wrong, (right, wrong + step), (right, wrong - step)),
        ):
            above, below = figure(rows, *more), figure(rows, *less)
            assert above is not None
            assert below is not None
            assert slope[index] == pytest.approx((above.value - below.value) / 2e-6, abs=1e-6)
