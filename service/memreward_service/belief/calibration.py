"""From a logit to P(rollout is correct), calibrated as it is served.

What is served is no probability of a rollout by itself: of the answers of a group at most one is right, and "none is"
is a hypothesis too. With z a logit of the network,

    own_i = sigmoid(slope * z_i + intercept),  odds_c = own / (1 - own) of the mean over the rollouts of answer c,
    P(answer c is right) = odds_c / (1 + sum of the odds of all answers of the group).

So the intercept is what the answers weigh against "none is right", and Platt scaling (Platt 1999), which fits each
rollout by itself, would count twice that answers exclude each other. Slope and intercept are those that make the given
labels of whole groups likeliest by this formula, labels being evidence as they are in serving. What a planner asked for
next because of the labels before does not mislead that likelihood. The logits are cross-fitted: each is from networks
that did not learn from the query (training/fit.py). Few groups move the identity little: the parameters have a Gaussian
prior.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit
from torch import Tensor

from memreward_service.arrays import Floats
from memreward_service.belief.hypotheses import AnswerHypotheses

BOUNDS = [(-5.0, 5.0), (-20.0, 20.0)]
"""Of log slope and intercept: five and twenty deviations of their prior, so that no step of the search overflows."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """probability = sigmoid(slope * logit + intercept); slope > 0, so the order of rollouts never changes."""

    slope: float = 1.0
    intercept: float = 0.0

    def probability(self, logits: Tensor) -> Tensor:
        """(N,) logits -> (N,) probabilities in (0, 1), of each rollout by itself."""
        return torch.sigmoid(self.slope * logits + self.intercept)


def fit_calibration(hypotheses: AnswerHypotheses, logits: Floats) -> Calibration:
    """The likeliest by the known labels of the groups of `hypotheses`, from `logits` (N,) of networks that did not see
    them. Log slope and intercept have a Gaussian prior of mean 0 and deviation 1: the identity where no label is."""

    def loss(parameters: Floats) -> float:
        own = expit(np.exp(parameters[0]) * logits + parameters[1])
        return float(parameters @ parameters) / 2 - hypotheses.log_likelihood(own)

    log_slope, intercept = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=BOUNDS).x
    return Calibration(math.exp(log_slope), float(intercept))
