"""The figures of trust, and when they are out of bounds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memreward_proto.records import TrustFigures
from memreward_service.arrays import Floats
from memreward_service.belief.metrics import calibration_error
from memreward_service.settings import Settings


def figures_of(right: Floats, probability: Floats, settings: Settings) -> TrustFigures:
    """The figures of predictions `probability` (N,) beside `right` (N,) in [0, 1], how surely each rollout is right.

    The two rates are over the rollouts that would have got a reward; AUC and calibration over all. None where a figure
    is not defined.
    """
    wrong = 1 - right
    rewarded = probability >= settings.threshold
    abstained = np.abs(probability - settings.threshold) < settings.abstain_margin
    return TrustFigures(
        rollouts=len(right),
        share_abstained=float(abstained.mean()) if len(right) else None,
        auc=_auc(right, probability),
        false_positive_rate=_share(rewarded, wrong * ~abstained),
        false_negative_rate=_share(~rewarded, right * ~abstained),
        calibration_error=calibration_error(right, probability) if len(right) else None,
    )


def slopes_of(right: Floats, probability: Floats, settings: Settings) -> dict[str, Floats]:
    """By name: (N,) how much a figure changes with how surely each rollout is right; without those not defined."""
    wrong = 1 - right
    rewarded = probability >= settings.threshold
    kept = np.abs(probability - settings.threshold) >= settings.abstain_margin
    found = {}
    if (total := (wrong * kept).sum()) > 0:
        found["false_positive_rate"] = kept * ((rewarded * wrong * kept).sum() / total - rewarded) / total
    if (total := (right * kept).sum()) > 0:
        found["false_negative_rate"] = kept * (~rewarded - (~rewarded * right * kept).sum() / total) / total
    auc = _auc(right, probability)
    if auc is not None:
        _, place = np.unique(probability, return_inverse=True)
        of_right, of_wrong = np.bincount(place, right), np.bincount(place, wrong)
        below = (of_wrong.cumsum() - of_wrong / 2)[place] / wrong.sum()
        above = 1 - (of_right.cumsum() - of_right / 2)[place] / right.sum()
        found["auc"] = (below - auc) / right.sum() - (above - auc) / wrong.sum()
    return found


def out_of_bounds(over: str, figures: TrustFigures, settings: Settings) -> str | None:
    """Why predictions with these figures `over` some rollouts are withheld; None where they are not. Too few rollouts,
    or a figure that is not defined, are no reason."""
    if figures.rollouts < settings.trust_min_rollouts:
        return None
    bounds = (
        ("AUC", figures.auc, settings.trust_min_auc, -1, "under", "MIN_AUC"),
        ("false-positive rate", figures.false_positive_rate, settings.trust_max_false_positive_rate, 1, "over",
         "MAX_FALSE_POSITIVE_RATE"),
    )  # fmt: skip
    for name, value, bound, sign, side, setting in bounds:
        if value is not None and bound is not None and sign * value > sign * bound:
            return (
                f"Over the last {figures.rollouts} {over}, the {name} of the predictions is {value:.3g}, {side} the "
                f"bound of {bound:g} (MEMREWARD_TRUST_{setting}): its predictions are answered abstain until labels "
                "show it within. Send more labelled rollouts, or train again."
            )
    return None


def _auc(right: Floats, score: Floats) -> float | None:
    """The share of (right, wrong) pairs in which the right one has the higher score, equal scores counting half
    (Mann and Whitney, 1947), each pair weighed by how surely it is one. Scikit-learn takes 3 ms for the same, too long
    for every scoring."""
    _, place = np.unique(score, return_inverse=True)
    of_right, of_wrong = np.bincount(place, right), np.bincount(place, 1 - right)
    pairs = of_right.sum() * of_wrong.sum()
    below = of_wrong.cumsum() - of_wrong / 2
    return float((of_right * below).sum() / pairs) if pairs > 0 else None


def _share(chosen: NDArray[np.bool_], weight: Floats) -> float | None:
    """The share of the `weight` (N,) that is on the `chosen` (N,)."""
    total = weight.sum()
    return float(weight[chosen].sum() / total) if total > 0 else None
