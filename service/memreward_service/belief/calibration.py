"""From a logit to P(rollout is correct): Platt scaling (Platt 1999) on held-out queries."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from memreward_service.arrays import Floats

MIN_ROLLOUTS = 20
"""Labelled rollouts below which the two parameters would be noise."""
BOUNDS = [(-5.0, 5.0), (-20.0, 20.0)]
"""Of log slope and intercept: five and twenty deviations of their pull, so that no step of the search overflows."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """probability = sigmoid(slope * logit + intercept); slope > 0, so the order of rollouts never changes."""

    slope: float = 1.0
    intercept: float = 0.0

    def probability(self, logits: Tensor) -> Tensor:
        """(N,) logits -> (N,) probabilities in (0, 1)."""
        return torch.sigmoid(self.slope * logits + self.intercept)


def can_calibrate(labels: Floats) -> bool:
    """Whether `labels` (L,) say enough: not too few, and right ones and wrong ones."""
    return len(labels) >= MIN_ROLLOUTS and bool(labels.max() >= 0.5 > labels.min())


def fit_calibration(logits: Floats, labels: Floats, queries: int) -> Calibration:
    """What a model is served with: fitted on held-out `logits` (N,) and true `labels` (N,) in [0, 1], one by one. The
    identity where they cannot say.

    `queries` is how many groups the rollouts come from: those of one group are right or wrong together, so it is the
    queries that count as evidence.
    """
    if not can_calibrate(labels):
        return Calibration()

    def evidence(parameters: Floats) -> float:
        x = np.exp(parameters[0]) * logits + parameters[1]
        return queries * float((labels * x - np.logaddexp(0.0, x)).mean())

    log_slope, intercept = _likeliest(evidence)
    return Calibration(math.exp(log_slope), float(intercept))


def _likeliest(evidence: Callable[[Floats], float]) -> Floats:
    """(2,) log slope and intercept by their log likelihood and a pull to the identity, a Gaussian of deviation 1."""
    found: Floats = minimize(_loss, np.zeros(2), args=(evidence,), method="L-BFGS-B", bounds=BOUNDS).x
    return found


def _loss(parameters: Floats, evidence: Callable[[Floats], float]) -> float:
    return float(parameters @ parameters) / 2 - evidence(parameters)
