"""The worlds of belief/posterior.py for many groups at once: how likely their labels are, and each of their rollouts.

Probabilities are calibrated by the labels of such groups (calibration.py), and what is not labelled is estimated from
those that are (trust/estimate.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memreward_service.arrays import Floats
from memreward_service.belief.posterior import LABEL_LOG_ODDS, NOISE, KeyPosterior, log_odds_of, noisy
from memreward_service.groups.batch import GroupBatch

WRONG_KEY_LOG_ODDS = float(np.log((1 - NOISE) / NOISE))
"""How much likelier a label is that its key has than one that its key has not."""


@dataclass(frozen=True, slots=True)
class Worlds:
    """N rollouts with K keys. A contest is a set of keys of which at most one is right: those of a group whose answers
    exclude each other, or a single key."""

    key: NDArray[np.int64]
    """(N,) in [0, K)"""
    contest: NDArray[np.int64]
    """(K,) non-decreasing, from 0 without gaps"""
    told: Floats
    """(K,) what known labels say of each key: right ones less wrong ones"""

    def log_likelihood(self, probability: Floats) -> float:
        """Log P(known labels), but for a constant, where `probability` (N,) is believed before any of them."""
        log_odds = self._log_odds(probability)
        return float((self._totals(log_odds + WRONG_KEY_LOG_ODDS * self.told) - self._totals(log_odds)).sum())

    def probability(self, believed: Floats) -> Floats:
        """(N,) of each rollout given the known labels, where `believed` (N,) was before any of them."""
        result: Floats = noisy(self._of_keys(believed))[self.key]
        return result

    def variance(self, slope: Floats, believed: Floats) -> float:
        """Of the sum of `slope` (N,) over the rollouts that are right, given the known labels, where `believed` (N,)
        was before any of them."""
        of_key = self._of_keys(believed)
        total = np.bincount(self.key, slope)  # (K,) where that key is the right one
        mean = np.bincount(self.contest, of_key * total)
        of_rollouts = NOISE * (1 - NOISE) * (slope**2).sum()
        return float((of_key * total**2).sum() - (mean**2).sum() + of_rollouts)

    def _of_keys(self, believed: Floats) -> Floats:
        """(K,) probability that each key is right, given the known labels."""
        log_odds = self._log_odds(believed) + LABEL_LOG_ODDS * self.told
        result: Floats = np.exp(log_odds - self._totals(log_odds)[self.contest])
        return result

    def _log_odds(self, probability: Floats) -> Floats:
        """(K,) of each key against "none of its contest is right"."""
        return log_odds_of(np.bincount(self.key, probability) / np.bincount(self.key))

    def _totals(self, log_odds: Floats) -> Floats:
        """(contests,) log of the sum of the odds (K,) of all worlds, those of "none is right" being 1."""
        starts = np.flatnonzero(np.diff(self.contest, prepend=-1))
        totals: Floats = np.logaddexp(0.0, np.logaddexp.reduceat(log_odds, starts))
        return totals


def worlds_of_batch(batch: GroupBatch) -> Worlds:
    """Of all rollouts of a batch, as if no label were known."""
    names, key = np.unique(np.stack([batch.group.numpy(), batch.key.numpy()]), axis=1, return_inverse=True)
    alone = ~batch.exclusive.numpy()[names[0]]
    begins = np.diff(names[0], prepend=-1) > 0
    return Worlds(key, np.cumsum(begins | alone) - 1, np.zeros(names.shape[1]))


def worlds_of_groups(beliefs: Sequence[KeyPosterior], labels: Sequence[Sequence[float | None]]) -> Worlds:
    """Of all rollouts of one group or more, with their known `labels`."""
    sizes = [len(belief.votes) for belief in beliefs]
    offsets = np.cumsum([0, *sizes[:-1]])
    alone = np.repeat([not belief.exclusive for belief in beliefs], sizes)
    begins = np.zeros(sum(sizes), dtype=bool)
    begins[offsets] = True
    return Worlds(
        np.concatenate([belief.key + offset for belief, offset in zip(beliefs, offsets, strict=True)]),
        np.cumsum(begins | alone) - 1,
        np.concatenate([belief.told(known) for belief, known in zip(beliefs, labels, strict=True)]),
    )
