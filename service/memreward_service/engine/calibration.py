"""From a logit to P(rollout is correct): Platt scaling (Platt 1999) on held-out queries."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit
from torch import Tensor

from memreward_service.engine.metrics import Floats

MIN_ROLLOUTS = 20
"""Held-out rollouts below which the two parameters would be noise."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """probability = sigmoid(slope * logit + intercept); slope > 0, so the order of rollouts never changes."""

    slope: float = 1.0
    intercept: float = 0.0

    def probability(self, logits: Tensor) -> Tensor:
        """(N,) logits -> (N,) probabilities in (0, 1)."""
        return torch.sigmoid(self.slope * logits + self.intercept)


def fit_calibration(logits: Tensor, labels: Tensor, queries: int) -> Calibration:
    """Fit on held-out `logits` (N,) and true `labels` (N,) in [0, 1]. The identity where they cannot say.

    `queries` is how many groups the rollouts come from: those of one group are right or wrong together, so it is the
    queries that count as evidence against the pull of both parameters to the identity (a Gaussian of deviation 1 on
    the logarithm of the slope and on the intercept).
    """
    if len(labels) < MIN_ROLLOUTS or labels.max() < 0.5 or labels.min() >= 0.5:
        return Calibration()
    z, y = logits.detach().double().numpy(), labels.double().numpy()

    def loss(parameters: Floats) -> tuple[float, Floats]:
        """Cross-entropy and pull, and their gradient by (log slope, intercept)."""
        log_slope, intercept = parameters
        x = np.exp(log_slope) * z + intercept
        value = (np.logaddexp(0.0, x) - y * x).mean() + (parameters @ parameters) / (2 * queries)
        off = expit(x) - y
        gradient = np.array([(off * (x - intercept)).mean(), off.mean()]) + parameters / queries
        return float(value), gradient

    log_slope, intercept = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", options={"gtol": 1e-8}).x
    return Calibration(math.exp(log_slope), float(intercept))
