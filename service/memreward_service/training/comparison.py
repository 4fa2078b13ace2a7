"""Is a candidate worse than what is served now? The two are compared on queries that neither of them learned from.

The candidate is cross-fitted: of every query that a run held out it says what the networks of those runs say, with a
calibration by the other half of the held-out queries. What is served may have learned from queries that the candidate
held out, so only those count that it did not learn from: the labelled queries that are new since it was trained. Both
see the same memory: the other labelled queries. Before the first network, what is served is the agreement of each
group, which learned from nothing.

Compared is the log loss, which sees order and calibration, rollout by rollout, on the given labels alone: candidate
minus served, so that more than 0 is worse. Rollouts of a group are right or wrong together, so the interval is that of
a ratio of sums over groups (Cochran, Sampling Techniques, 1977, section 6.3), with Student's t for few of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import t
from torch import Tensor

from memreward_proto.records import Interval, TrustIntervals
from memreward_service.arrays import Floats
from memreward_service.belief.calibration import fit_calibration
from memreward_service.belief.hypotheses import AnswerHypotheses
from memreward_service.belief.metrics import auc
from memreward_service.groups.batch import GroupBatch
from memreward_service.network.trained import TrainedModel
from memreward_service.training.fit import CrossFitted
from memreward_service.training.task import FOLDS, TrainingSet, as_served, shown_rollouts, split
from memreward_service.trust.estimate import TAIL, measured
from memreward_service.trust.figures import FIGURES


@dataclass(frozen=True, slots=True)
class Served:
    """What is served now: a `model`, or, where it is None, `agreement` (N,), the probability of every rollout of the
    training set by its group alone. `learned` (B,) bool: from which queries it learned. `audited` (N,) bool: which
    rollouts were drawn for an audit."""

    model: TrainedModel | None
    agreement: Tensor
    learned: Tensor
    audited: Tensor


@dataclass(frozen=True, slots=True)
class Difference:
    """Log loss of the candidate minus that of what is served, over the labelled rollouts of some `groups`, with its 95%
    interval, infinite for one group; and the AUC of both, None where it is not defined."""

    groups: int
    loss: float
    low: float
    high: float
    auc: float | None
    served_auc: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """On all groups that neither learned from, and on their audited rollouts alone; None where there is none."""

    new: Difference | None
    audited: Difference | None


def candidate_figures(
    fitted: CrossFitted, data: TrainingSet, served: Served, seed: int, seeds: int, threshold: float,
    label_noise: float,
) -> tuple[TrustIntervals, int, Comparison]:  # fmt: skip
    """The intervals of the candidate's metrics, over how many held-out groups they are, and its comparison."""
    shown = shown_rollouts(data.batch)
    everything = as_served(data.batch)
    batch, rows = everything.select(fitted.chosen), torch.isin(everything.group, fitted.chosen)
    known = batch.known.numpy()
    label, group = batch.label.double().numpy()[known], batch.group.numpy()[known]
    hypotheses = AnswerHypotheses(batch, label_noise)
    own = fitted.model.calibration.probability(fitted.logits).numpy()
    metrics = _intervals(label, hypotheses.served_probability(own)[known], group, threshold)
    candidate = hypotheses.served_probability(_calibrated_by_others(batch, fitted.logits.numpy(), label_noise))[known]
    before = hypotheses.served_probability(_own_of_served(data, served, seed, seeds, shown)[rows].numpy())[known]
    new = ~served.learned[fitted.chosen].numpy()[group]
    parts = [
        _difference(label[part], group[part], candidate[part], before[part])
        for part in (new, new & served.audited[shown][rows].numpy()[known])
    ]
    return metrics, len(np.unique(group)), Comparison(*parts)


def _intervals(label: Floats, probability: Floats, group: NDArray[np.int64], threshold: float) -> TrustIntervals:
    right = (label >= 0.5).astype(np.float64)
    found = {name: measured(figure, right, probability, group, threshold) for name, figure in FIGURES.items()}
    ends = {name: None if each is None else Interval(each.low, each.high) for name, each in found.items()}
    return TrustIntervals(**ends)


def _calibrated_by_others(batch: GroupBatch, logits: Floats, label_noise: float) -> Floats:
    """(N,) calibrated `logits` (N,): each half of the groups by the labels of the other half."""
    own = np.empty(len(logits))
    half = batch.group.numpy() % 2
    for number in range(2):
        others = AnswerHypotheses(batch.select(torch.arange(1 - number, batch.groups, 2)), label_noise)
        calibration = fit_calibration(others, logits[half != number])
        own[half == number] = calibration.probability(torch.from_numpy(logits[half == number])).numpy()
    return own


def _own_of_served(data: TrainingSet, served: Served, seed: int, seeds: int, shown: Tensor) -> Tensor:
    """What is served says of each rollout by itself, of the rollouts `shown` (N,) bool of queries that the candidate's
    runs held out."""
    if served.model is None:
        return served.agreement[shown]
    group = data.batch.group[shown]
    own = torch.zeros(len(group), dtype=torch.float64)
    for fold in range(min(seeds, FOLDS)):
        task = split(data, served.model.rule, seed, fold)
        logits = task.held_out_logits(served.model.network).double()
        own[torch.isin(group, task.chosen)] = served.model.calibration.probability(logits)
    return own


def _difference(label: Floats, group: NDArray[np.int64], candidate: Floats, served: Floats) -> Difference | None:
    """Of n labelled rollouts; None where n is 0."""
    if len(label) == 0:
        return None
    excess = _log_loss(label, candidate) - _log_loss(label, served)
    mean = float(excess.mean())
    _, place = np.unique(group, return_inverse=True)
    residual = np.bincount(place, excess - mean)  # (G,)
    groups = len(residual)
    width = np.inf
    if groups > 1:
        deviation = np.sqrt(groups / (groups - 1) * float(residual @ residual)) / len(label)
        width = float(-t.ppf(TAIL, groups - 1) * deviation)
    areas = [auc(label >= 0.5, each) for each in (candidate, served)]
    defined = [float(area) if np.isfinite(area) else None for area in areas]
    return Difference(groups, mean, mean - width, mean + width, *defined)


def _log_loss(label: Floats, probability: Floats) -> Floats:
    """(n,) of each rollout; probabilities keep clear of 0 and 1 by the noise of labels (belief/posterior.py)."""
    loss: Floats = -(label * np.log(probability) + (1 - label) * np.log1p(-probability))
    return loss
