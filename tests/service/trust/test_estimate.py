"""The estimates against the package of the method's authors, against a made-up truth, and where little is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate
from scipy.stats import beta, norm

from memreward_service.settings import Settings
from memreward_service.trust.estimate import (
    Audit,
    best_power,
    estimated,
    interval,
    masses,
    met_all,
    variance,
)
from memreward_service.trust.figures import FIGURES, false_positive_rate, figures_of, rows_of
from memreward_service.trust.window import AnsweredGroup, Drawn, audit_of, predicted
from service.trust.answered import World

SETTINGS = Settings()


def drawn_alone(count: int, predicted_count: int, seed: int = 0, even: bool = False) -> tuple[Audit, np.ndarray]:
    """Audited rollouts of a group each, of which too much is said: right in 30 to 70%, where it says 0 to 100."""
    random = np.random.default_rng(seed)
    said, others = random.uniform(size=count), random.uniform(size=predicted_count)
    right = (random.uniform(size=count) < 0.3 + 0.4 * said).astype(float)
    weight = np.ones(count) if even else random.uniform(0.5, 2.0, count)
    weight *= predicted_count / weight.sum()
    return Audit(right, said, weight, np.arange(count), np.ones(count)), others


@pytest.mark.parametrize("power", [0.0, 0.4, 1.0])
def test_a_rate_is_the_ratio_of_two_prediction_powered_means(power: float) -> None:
    audit, others = drawn_alone(60, 500)
    weight = audit.weight / audit.weight.mean()

    def mean(chosen: Callable[[np.ndarray], np.ndarray]) -> float:
        """Of the wrong rollouts that are `chosen` by their probabilities."""
        found = ppi_mean_pointestimate(
            chosen(audit.probability) * (1 - audit.right),
            chosen(audit.probability) * (1 - audit.probability),
            chosen(others) * (1 - others),
            lam=power,
            w=weight,
        )
        return float(np.squeeze(found))

    rows = rows_of(np.concatenate([audit.probability, others]), SETTINGS)
    found = false_positive_rate(rows, *masses(audit, others, power))
    assert found is not None
    expected = mean(lambda said: said >= 0.5) / mean(lambda said: np.ones(len(said)))
    assert found.value == pytest.approx(expected, abs=1e-12)


def test_power_and_variance_are_those_of_the_package_where_many_are_predicted() -> None:
    audit, others = drawn_alone(400, 400_000, even=True)
    rows = rows_of(np.concatenate([audit.probability, others]), SETTINGS)
    found = false_positive_rate(rows, *masses(audit, others, 0.0))
    assert found is not None
    # The rate as a mean, to first order: the slopes times what each rollout is.
    said = len(others) * found.by_wrong[:400] * (1 - audit.right)
    believed = len(others) * found.by_wrong[:400] * (1 - audit.probability)
    everyone = len(others) * found.by_wrong[400:] * (1 - others)
    power = best_power(found, audit)
    assert 0.1 < power < 1
    none, of_package, full = (ppi_mean_pointestimate(said, believed, everyone, lam=each) for each in (0.0, None, 1.0))
    # The package takes the spread of what is believed from the predicted rollouts too.
    assert power == pytest.approx(np.squeeze((of_package - none) / (full - none)), rel=0.1)
    low, high = ppi_mean_ci(said, believed, everyone, alpha=0.05, lam=power)
    error = np.squeeze(high - low) / 2 / norm.ppf(0.975)
    assert variance(found, audit, power) == pytest.approx(error**2, rel=0.01)
    assert variance(found, audit, power) < variance(found, audit, 0.0), "predictions help"


def by_chance(world: World, random: np.random.Generator) -> list[AnsweredGroup]:
    return world.groups(random.uniform(size=(len(world.truth), 6)) < 1 / 6)


def whole_groups(world: World, random: np.random.Generator) -> list[AnsweredGroup]:
    return world.groups([[bool(each)] * 6 for each in random.uniform(size=len(world.truth)) < 1 / 6])


def by_a_planner(world: World, random: np.random.Generator) -> list[AnsweredGroup]:
    """One of the first answer is asked for everywhere, and a tenth of all is audited."""
    audited = random.uniform(size=(len(world.truth), 6)) < 0.1
    known = audited.copy()
    known[:, 0] = True
    audits = [Drawn(0.1, frozenset(np.flatnonzero(row).tolist()) - {0}) for row in audited]
    return world.groups(known, audits)


WAYS = by_chance, whole_groups, by_a_planner


@pytest.mark.parametrize("way", WAYS)
def test_the_intervals_hold_the_truth_however_labels_come(
    way: Callable[[World, np.random.Generator], list[AnsweredGroup]],
) -> None:
    world = World(120)
    held: dict[str, list[bool]] = {name: [] for name in FIGURES}
    off: dict[str, list[float]] = {name: [] for name in FIGURES}
    for seed in range(100):
        groups = way(world, np.random.default_rng(seed))
        rewards, (audit, _) = predicted(groups), audit_of(groups)
        truth = figures_of(world.truth_of(groups), rewards, SETTINGS)
        for name, figure in FIGURES.items():
            found, true = estimated(figure, audit, rewards, SETTINGS), getattr(truth, name)
            assert found is not None
            held[name].append(found.low <= true <= found.high)
            off[name].append(found.value - true)
            assert found.low <= found.value <= found.high
            assert found.high - found.low < 0.8
    for name in FIGURES:
        assert np.mean(held[name]) >= 0.9, name
        assert abs(np.mean(off[name])) < 0.03, name


def test_the_interval_of_a_rate_of_none_says_how_few_there_are() -> None:
    audit = Audit(np.zeros(20), np.full(20, 0.1), np.full(20, 50.0), np.arange(20), np.ones(20))
    found = estimated(false_positive_rate, audit, np.full(1000, 0.1), SETTINGS)
    assert found is not None
    assert (found.value, found.low) == (0.0, 0.0)
    assert 1 - 0.025 ** (1 / 20) <= found.high < 0.2
    grouped = Audit(audit.right, audit.probability, audit.weight, np.arange(20) // 10, audit.alike)
    two = estimated(false_positive_rate, grouped, np.full(1000, 0.1), SETTINGS)
    assert two is not None
    assert two.high > 0.9, "twenty rollouts of two groups say little more than two"


def test_the_interval_is_that_of_clopper_and_pearson_for_many_groups() -> None:
    low, high = interval(0.25, 40.0, 10**6)
    assert low == pytest.approx(beta.ppf(0.025, 10, 31), abs=1e-4)
    assert high == pytest.approx(beta.ppf(0.975, 11, 30), abs=1e-4)
    wider = interval(0.25, 40.0, 5)
    assert wider[0] < low
    assert wider[1] > high


def test_all_errors_may_be_known_where_the_audit_met_them_easily() -> None:
    """Two groups with a weight of 3 were met with a chance of 1/4 each; with four alike, of 1 - (3/4)^4."""
    for alike, chance in ((1.0, 1 / 4), (4.0, 1 - (3 / 4) ** 4)):
        audit = Audit(np.zeros(3), np.ones(3), np.full(3, 3.0), np.array([4, 7, 9]), np.full(3, alike))
        assert met_all(audit, np.array([True, False, True])) == pytest.approx(chance**2)


def test_an_audit_without_a_rollout_of_the_kind_says_nothing() -> None:
    audit = Audit(np.ones(3), np.full(3, 0.9), np.full(3, 10.0), np.arange(3), np.ones(3))
    assert estimated(false_positive_rate, audit, np.full(30, 0.9), SETTINGS) is None
    assert estimated(FIGURES["auc"], audit, np.full(30, 0.9), SETTINGS) is None
    assert estimated(FIGURES["false_negative_rate"], audit, np.full(30, 0.9), SETTINGS) is not None
