"""The answer hypotheses of posterior.py for all groups of a batch at once: what rollouts are served with where no label
is known, and how likely the labels that are known would then be."""

from __future__ import annotations

import numpy as np

from memreward_service.arrays import Floats
from memreward_service.belief.posterior import LABEL_NOISE, label_log_odds, log_odds_of, noisy
from memreward_service.groups.batch import GroupBatch


class AnswerHypotheses:
    """The K answers of a batch of N rollouts, in S sets of which at most one answer each is right: the answers of a
    group that exclude each other, or a single answer."""

    def __init__(self, batch: GroupBatch, label_noise: float = LABEL_NOISE) -> None:
        self._noise = label_noise
        names, self._answer = np.unique(
            np.stack([batch.group.numpy(), batch.key.numpy()]), axis=1, return_inverse=True
        )  # (2, K): group and key of each answer; (N,)
        alone = ~batch.exclusive.numpy()[names[0]]
        begins = alone | (np.diff(names[0], prepend=-1) > 0)
        self._starts, self._set = np.flatnonzero(begins), np.cumsum(begins) - 1  # (S,), (K,)
        self._votes = np.bincount(self._answer)  # (K,)
        known = batch.known.numpy()
        labels = batch.label.double().numpy()[known]
        self._evidence = np.bincount(self._answer[known], 2 * labels - 1, len(self._votes))  # (K,) right less wrong

    def served_probability(self, own: Floats) -> Floats:
        """(N,) of each rollout, from `own` (N,), the network's calibrated ones, and no label."""
        log_odds = self._log_odds(own)
        share = np.exp(log_odds - self._log_total(log_odds)[self._set])
        result: Floats = noisy(share, self._noise)[self._answer]
        return result

    def log_likelihood(self, own: Floats) -> float:
        """Of all known labels, up to a constant that does not depend on `own` (N,): the log of the share that the
        hypotheses which agree with the labels have of all, summed over the sets."""
        log_odds = self._log_odds(own)
        agreeing = self._log_total(log_odds + label_log_odds(self._noise) * self._evidence)
        return float((agreeing - self._log_total(log_odds)).sum())

    def _log_odds(self, own: Floats) -> Floats:
        """(K,) of each answer against "none is right"."""
        return log_odds_of(np.bincount(self._answer, own) / self._votes)

    def _log_total(self, log_odds: Floats) -> Floats:
        """(S,) log of the summed odds (K,) of each set, those of "none is right", 1, included."""
        result: Floats = np.logaddexp(0.0, np.logaddexp.reduceat(log_odds, self._starts))
        return result
