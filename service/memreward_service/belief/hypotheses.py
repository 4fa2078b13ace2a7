"""The answer hypotheses of posterior.py for all groups of a batch at once, where no label is known: what rollouts are
served with, from what the network says of each."""

from __future__ import annotations

import numpy as np

from memreward_service.arrays import Floats
from memreward_service.belief.posterior import log_odds_of, noisy
from memreward_service.groups.batch import GroupBatch


def served_probability(batch: GroupBatch, own: Floats) -> Floats:
    """(N,) of each rollout, where `own` (N,) is the network's. Of the answers of an exclusive set at most one is right:
    those of a group whose answers exclude each other, or a single answer."""
    names, answer = np.unique(np.stack([batch.group.numpy(), batch.key.numpy()]), axis=1, return_inverse=True)
    alone = ~batch.exclusive.numpy()[names[0]]
    begins = alone | (np.diff(names[0], prepend=-1) > 0)
    log_odds = log_odds_of(np.bincount(answer, own) / np.bincount(answer))  # (K,) of each answer
    totals = np.logaddexp(0.0, np.logaddexp.reduceat(log_odds, np.flatnonzero(begins)))  # (sets,)
    result: Floats = noisy(np.exp(log_odds - totals[np.cumsum(begins) - 1]))[answer]
    return result
