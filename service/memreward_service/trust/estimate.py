"""How good the rewards are that were predicted, from an audit: prediction-powered inference over all of them.

Some rollouts are drawn for an audit with known probabilities, and their labels become known (window.py says which).
Each is predicted as if nobody had its label, and stands for `weight` others (Horvitz and Thompson, 1952). Of all the
others only the probability is known that they are right. So the mass of right rollouts is

    power * probability                     of every predicted rollout
    + weight * (label - power * probability)    of every audited one

and that of wrong ones likewise (PPI++: Angelopoulos, Duchi and Zrnic, 2023, arXiv 2311.01453). It is unbiased whatever
the probabilities are worth; `power`, from 0 (audited rollouts alone) to 1, is chosen for each figure so that it varies
least. The variance is that of the residuals over the slopes of the figure (the delta method), summed by group, because
rollouts of one group are right or wrong together.

The interval is that of Korn and Graubard (1998): Clopper and Pearson's, exact for few rollouts, for as many independent
ones as would have that variance. A rate of 0 over few rollouts so has an upper end that says how few they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, norm, t

from memreward_service.arrays import Floats
from memreward_service.settings import Settings
from memreward_service.trust.figures import Figure, Measured, Rows, rows_of

LEVEL = 0.95
"""How often an interval holds the truth, over audits drawn anew."""
TAIL = (1 - LEVEL) / 2


@dataclass(frozen=True, slots=True)
class Audit:
    """The n audited rollouts: whether each is `right` (1 or 0), the `probability` that it had without its label, its
    `weight`, the number of its `group`, and how many rollouts of its group are `alike`, itself and those without a
    label that give its answer; each (n,)."""

    right: Floats
    probability: Floats
    weight: Floats
    group: NDArray[np.int64]
    alike: Floats


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, and the ends of its interval."""

    value: float
    low: float
    high: float


def estimated(figure: Measured, audit: Audit, predicted: Floats, settings: Settings) -> Estimate | None:
    """Of the rewards `predicted` (N,), by their probabilities; None where the audit has no rollout that the figure is
    about."""
    rows = rows_of(np.concatenate([audit.probability, predicted]), settings)
    plain = figure(rows, *masses(audit, predicted, 0.0))
    if plain is None:
        return None
    power = best_power(plain, audit)
    found = figure(rows, *masses(audit, predicted, power))
    if found is None:  # the masses of few rollouts may be negative
        power, found = 0.0, plain
    value = min(max(found.value, 0.0), 1.0)
    groups = _groups(found, audit)
    low, high = interval(value, _size(value, found, audit, power), groups)
    moved = _moved(found, audit.right)
    if (moved > 0).any() and met_all(audit, moved > 0) >= TAIL:
        low = 0.0
    if (moved < 0).any() and met_all(audit, moved < 0) >= TAIL:
        high = 1.0
    return Estimate(value, low, high)


def measured(
    figure: Measured, right: Floats, probability: Floats, group: NDArray[np.int64], threshold: float
) -> Estimate | None:
    """Of (n,) rollouts whose labels are all known, which stand for no others than those of groups drawn like theirs;
    None where the figure is not defined."""
    decided = np.ones(len(right), dtype=np.bool_)
    rows = Rows(probability >= threshold, decided, np.unique(probability, return_inverse=True)[1].astype(np.int64))
    found = figure(rows, right, 1 - right)
    if found is None:
        return None
    audit = Audit(right, probability, np.ones(len(right)), group, np.zeros(len(right)))
    low, high = interval(found.value, _size(found.value, found, audit, 0.0), _groups(found, audit))
    return Estimate(found.value, low, high)


def masses(audit: Audit, predicted: Floats, power: float) -> tuple[Floats, Floats]:
    """(n + N,) right and wrong mass of the audited rollouts and of the predicted ones."""
    right = audit.weight * (audit.right - power * audit.probability)
    wrong = audit.weight * ((1 - audit.right) - power * (1 - audit.probability))
    return np.concatenate([right, power * predicted]), np.concatenate([wrong, power * (1 - predicted)])


def best_power(figure: Figure, audit: Audit) -> float:
    """The power with which the residuals vary least."""
    said, believed = (_by_group(audit, _moved(figure, right)) for right in (audit.right, audit.probability))
    spread = believed - believed.mean()
    squares = float(spread @ spread)
    return min(max(float(said @ spread) / squares, 0.0), 1.0) if squares > 0 else 0.0


def variance(figure: Figure, audit: Audit, power: float) -> float:
    """Of the figure, over audits drawn anew, about what is true of the rollouts that were predicted: that of the
    audited groups, and that of those they stand for, of which the rollouts with one answer have one fate."""
    residual = _moved(figure, audit.right) - power * _moved(figure, audit.probability)
    sums = _by_group(audit, residual)
    groups = len(sums)
    if groups < 2:
        return np.inf
    spread = sums - sums.mean() * (power > 0)
    of_others = float((audit.weight * audit.alike * residual**2).sum())
    return float(spread @ spread) * groups / (groups - 1) + of_others


def interval(value: float, size: float, groups: int) -> tuple[float, float]:
    """The interval about a share `value` of `size` independent rollouts, whose variance comes from so many `groups`."""
    size *= (norm.ppf(TAIL) / t.ppf(TAIL, max(groups - 1, 1))) ** 2
    yes, no = value * size, (1 - value) * size
    low = float(beta.ppf(TAIL, yes, no + 1)) if yes > 0 else 0.0
    high = float(beta.ppf(1 - TAIL, yes + 1, no)) if no > 0 else 1.0
    return low, high


def met_all(audit: Audit, rows: NDArray[np.bool_]) -> float:
    """How likely it was that the audit meets every group in which it met these `rows` (n,). If it was likely, there may
    be no such rollout among the predicted ones: all are known."""
    _, place, drawn = np.unique(audit.group, return_inverse=True, return_counts=True)
    missed = (audit.weight / (1 + audit.weight)) ** np.maximum(audit.alike / drawn[place], 1.0)
    met = np.ones(len(drawn))
    np.minimum.at(met, place[rows], 1 - missed[rows])
    return float(met.prod())


def _size(value: float, figure: Figure, audit: Audit, power: float) -> float:
    """How many independent rollouts would have the variance of the figure. Few may agree by luck, and then seem more
    than they are: so without the help of predictions they count as those that there are, at most."""
    rollouts = len(_kinds(figure, audit)) / sum(1 / len(groups) for groups in _kinds(figure, audit))
    alone, helped = variance(figure, audit, 0.0), variance(figure, audit, power)
    if value * (1 - value) * alone * helped == 0:
        return min(rollouts, _groups(figure, audit))
    return min(value * (1 - value) / alone, rollouts) * max(alone / helped, 1.0)


def _groups(figure: Figure, audit: Audit) -> int:
    """Of how many groups the audited rollouts are that the figure is about, of the kind with fewer."""
    return min(len(np.unique(groups)) for groups in _kinds(figure, audit))


def _kinds(figure: Figure, audit: Audit) -> list[NDArray[np.int64]]:
    """The groups of the audited rollouts that the figure is about: of right ones, of wrong ones, or of either."""
    kinds = (figure.of_right, audit.right >= 0.5), (figure.of_wrong, audit.right < 0.5)
    return [audit.group[rows[: len(kind)] & kind] for rows, kind in kinds if rows is not None]


def _moved(figure: Figure, right: Floats) -> Floats:
    """(n,) how much an audited rollout that is `right` (n,) moves the figure."""
    n = len(right)
    return figure.by_right[:n] * right + figure.by_wrong[:n] * (1 - right)


def _by_group(audit: Audit, moved: Floats) -> Floats:
    """(groups,) weighted sums over the audited rollouts of each group."""
    _, place = np.unique(audit.group, return_inverse=True)
    return np.bincount(place, audit.weight * moved).astype(np.float64)
