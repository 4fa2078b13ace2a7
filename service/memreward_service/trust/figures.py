"""The figures of trust as functions of two measures: how many right and how many wrong rollouts stand at each row.

A row is a prediction. Of a labelled rollout it is known which of the two it is; an estimate spreads the mass of many
rollouts over the rows (estimate.py). So each figure takes the right and the wrong mass of every row, and returns its
value with its slopes: how much it changes with the mass of a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memreward_proto.records import TrustFigures
from memreward_service.arrays import Floats
from memreward_service.belief.metrics import calibration_error
from memreward_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the N predictions stand. `rewarded`: at the threshold or above. `decided`: far enough from it to get a
    reward at all. `rank`: place of each probability among the different ones, in order."""

    rewarded: NDArray[np.bool_]
    decided: NDArray[np.bool_]
    rank: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Figure:
    """A value in [0, 1], its slopes (N,) with the right and with the wrong mass of each row, and of which rows the
    right and the wrong ones count at all, (N,) each; None where none does."""

    value: float
    by_right: Floats
    by_wrong: Floats
    of_right: NDArray[np.bool_] | None
    of_wrong: NDArray[np.bool_] | None


Measured = Callable[[Rows, Floats, Floats], Figure | None]
"""Rows, right mass (N,), wrong mass (N,) -> the figure; None where it is not defined."""


def rows_of(probability: Floats, settings: Settings) -> Rows:
    """Of the predictions `probability` (N,)."""
    return Rows(
        probability >= settings.threshold,
        np.abs(probability - settings.threshold) >= settings.abstain_margin,
        np.unique(probability, return_inverse=True)[1].astype(np.int64),
    )


def auc(rows: Rows, right: Floats, wrong: Floats) -> Figure | None:
    """The share of (right, wrong) pairs in which the right one has the higher probability, equal ones counting half
    (Mann and Whitney, 1947). Of a U-statistic the slopes are its first projection (Hoeffding, 1948)."""
    of_right, of_wrong = np.bincount(rows.rank, right), np.bincount(rows.rank, wrong)
    all_right, all_wrong = of_right.sum(), of_wrong.sum()
    if min(all_right, all_wrong) <= 0:
        return None
    below = (of_wrong.cumsum() - of_wrong / 2)[rows.rank] / all_wrong
    above = 1 - (of_right.cumsum() - of_right / 2)[rows.rank] / all_right
    value = float((right * below).sum() / all_right)
    every = np.ones(len(right), dtype=np.bool_)
    return Figure(value, (below - value) / all_right, (above - value) / all_wrong, every, every)


def false_positive_rate(rows: Rows, right: Floats, wrong: Floats) -> Figure | None:
    """The share of the wrong rollouts that are rewarded, of those that get a reward."""
    found = _share(rows.rewarded, rows.decided, wrong)
    return found and Figure(found[0], np.zeros(len(right)), found[1], None, rows.decided)


def false_negative_rate(rows: Rows, right: Floats, wrong: Floats) -> Figure | None:
    """The share of the right rollouts that are not rewarded, of those that get a reward."""
    found = _share(~rows.rewarded, rows.decided, right)
    return found and Figure(found[0], found[1], np.zeros(len(wrong)), rows.decided, None)


FIGURES: dict[str, Measured] = {
    "auc": auc,
    "false_positive_rate": false_positive_rate,
    "false_negative_rate": false_negative_rate,
}
"""By the name of the field in TrustFigures."""


def figures_of(label: Floats, probability: Floats, settings: Settings) -> TrustFigures:
    """The figures of predictions `probability` (N,) of rollouts with a `label` (N,), which is right from 0.5 on."""
    rows, right = rows_of(probability, settings), (label >= 0.5).astype(np.float64)
    found = {name: figure(rows, right, 1 - right) for name, figure in FIGURES.items()}
    values = {name: None if each is None else each.value for name, each in found.items()}
    return TrustFigures(
        rollouts=len(label),
        share_abstained=float(1 - rows.decided.mean()) if len(label) else None,
        calibration_error=calibration_error(label, probability) if len(label) else None,
        **values,
    )


def _share(chosen: NDArray[np.bool_], of: NDArray[np.bool_], mass: Floats) -> tuple[float, Floats] | None:
    """The share of the mass on the rows `of` that is on `chosen` ones too, and its slopes."""
    total = mass[of].sum()
    if total <= 0:
        return None
    value = float(mass[of & chosen].sum() / total)
    return value, of * (chosen - value) / total
