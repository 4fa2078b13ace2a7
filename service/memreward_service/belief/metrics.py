"""How good predictions are: the figures of training reports and of `memreward evaluate`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, roc_auc_score

from memreward_service.arrays import Floats

CALIBRATION_BINS = 10


def reward_metrics(label: Floats, probability: Floats, group: NDArray[np.int64], threshold: float) -> dict[str, float]:
    """Metrics of N predictions: `label` (N,) in [0, 1], `probability` (N,), `group` (N,) says who competes.

    A figure that is not defined (AUC of one class only) is left out, never made up. auc and within_group_auc see
    the order only; accuracy, f1 and the false-positive rate see reward = probability >= threshold;
    calibration_error is the expected calibration error over ten equal-width bins (Naeini et al., AAAI 2015).
    """
    truth = label >= 0.5
    reward = probability >= threshold
    figures = {
        "rollouts": float(len(label)),
        "share_right": _mean(truth),
        "auc": auc(truth, probability),
        "within_group_auc": within_group_auc(truth, probability, group),
        "accuracy": _mean(truth == reward),
        "f1": float(f1_score(truth, reward, zero_division=0.0)) if truth.any() else np.nan,
        "false_positive_rate": _mean(reward[~truth]),
        "false_negative_rate": _mean(~reward[truth]),
        "calibration_error": calibration_error(label, probability),
    }
    return {name: value for name, value in figures.items() if np.isfinite(value)}


def auc(truth: NDArray[np.bool_], score: Floats) -> float:
    """Area under the ROC curve; NaN where one class is missing."""
    if len(truth) == 0 or truth.all() or not truth.any():
        return np.nan
    return float(roc_auc_score(truth, score))


def within_group_auc(truth: NDArray[np.bool_], score: Floats, group: NDArray[np.int64]) -> float:
    """Mean AUC over the groups that have both right and wrong rollouts: the order that GRPO's advantage uses."""
    order = np.argsort(group, kind="stable")
    cuts = np.flatnonzero(np.diff(group[order])) + 1
    values = [auc(truth[rows], score[rows]) for rows in np.split(order, cuts)]
    defined = [value for value in values if np.isfinite(value)]
    return float(np.mean(defined)) if defined else np.nan


def _mean(values: NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else np.nan


def calibration_error(label: Floats, probability: Floats) -> float:
    """Expected calibration error over ten equal-width bins (Naeini et al., AAAI 2015); NaN of nothing."""
    if len(label) == 0:
        return np.nan
    bins = np.minimum((probability * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    size = np.bincount(bins, minlength=CALIBRATION_BINS)
    gap = np.bincount(bins, probability - label, minlength=CALIBRATION_BINS)
    return float(np.abs(gap[size > 0]).sum() / len(label))
