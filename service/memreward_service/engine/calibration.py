"""From a logit to P(rollout is correct): Platt scaling (Platt 1999) on held-out queries."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

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
    logits, labels = logits.double().detach(), labels.double()
    log_slope = torch.zeros((), dtype=torch.float64, requires_grad=True)
    intercept = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_slope, intercept], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        z = log_slope.exp() * logits + intercept
        value = functional.binary_cross_entropy_with_logits(z, labels)
        value = value + (log_slope**2 + intercept**2) / (2 * queries)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return Calibration(float(log_slope.detach().exp()), float(intercept.detach()))
