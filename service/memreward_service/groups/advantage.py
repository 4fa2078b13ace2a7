"""What a trainer makes of the rewards of a group: GRPO's advantages (arXiv 2402.03300), and whether there are any."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from memreward_service.arrays import Floats

LEAST_SPREAD = 1e-3
"""Standard deviation under which the rewards of a group are equal: what is left is rounding."""
EPSILON = 1e-6
"""What verl and TRL add to the standard deviation."""


def are_equal(rewards: Sequence[float] | Floats) -> bool:
    """Whether rewards leave GRPO without a gradient; one reward, or none, does too."""
    return len(rewards) < 2 or float(np.std(rewards, ddof=1)) < LEAST_SPREAD


def advantages(rewards: Floats, divided: bool = True) -> Floats:
    """(n,) advantages of the n rollouts of a group, 0 where their rewards are equal.

    `divided`: by the sample standard deviation, as GRPO does; else only centred, as Dr. GRPO does (arXiv 2503.20783).
    """
    if are_equal(rewards):
        return np.zeros(len(rewards))
    centred: Floats = rewards - rewards.mean()
    return centred / (rewards.std(ddof=1) + EPSILON) if divided else centred
