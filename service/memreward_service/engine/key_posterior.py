"""What labels inside a group say about their siblings, by Bayes' rule over the answer keys of the group.

Rollouts with one key have one fate, and of the different keys at most one is the right answer. So the worlds are "key c
is right" for every key c, and "none is". Before any label the network weighs them: the odds of a key are those of the
mean probability of its rollouts (that of independent keys, given that at most one is right). Labels then decide between
the worlds, whatever the network believed; two that contradict each other cancel. A rollout may still differ from its
key, so that no unlabelled one is surer than 1 - NOISE. Where different keys may all be right (free texts, programs that
are compared by their text), `exclusive` is False and a label speaks of its own key only.

Measured on one split of real rollouts with 20% of the labels at random: as good as a network that is shown the labels
(AUC 0.976 against 0.972 on gsm8k, 0.979 against 0.980 on commonsenseqa). With labels that a first planner chose it
stayed right, where such a network learned from a choice that is not random and failed (97.9-98.5% of the rewards right
on gsm8k against 91-96%, 99.7% on commonsenseqa against 37-85%).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOISE = 0.005
"""Share of the rollouts whose label is not that of their key. Of 627 gsm8k groups 0.2% of the labels are such,
of 581 of commonsenseqa none."""
LEAST = 1e-3
"""The network's probabilities count as at least this far from 0 and 1."""
LABEL_LOG_ODDS = 20.0
"""How far a label moves the log odds of its key: further than the network can set two keys apart, 2 log(1 / LEAST)."""


class KeyPosterior:
    """The belief about one group of n rollouts with C keys, to be asked again as labels come."""

    def __init__(self, probability: Sequence[float], keys: Sequence[str | None], exclusive: bool = True) -> None:
        """`probability` (n,): of each rollout, where no label of the group was seen. A rollout without a key agrees
        with nobody."""
        names = [key if key is not None else index for index, key in enumerate(keys)]
        order = {name: place for place, name in enumerate(dict.fromkeys(names))}
        self.key = np.array([order[name] for name in names], dtype=np.int64)
        """(n,) in [0, C): the key of each rollout, in order of appearance."""
        self.votes = np.bincount(self.key, minlength=len(order))
        """(C,) rollouts of each key."""
        self.exclusive = exclusive
        """Whether at most one key is right."""
        self.own: Floats = np.asarray(probability, dtype=np.float64)
        """(n,) of each rollout, where no label of the group was seen."""
        self._log_odds = _logit(np.bincount(self.key, self.own, len(order)) / self.votes)  # (C,) before any label

    def with_probability(self, probability: Floats) -> KeyPosterior:
        """The same group, of which `probability` (n,) is believed."""
        return KeyPosterior(probability.tolist(), [str(key) for key in self.key], self.exclusive)

    def told(self, labels: Sequence[float | None]) -> Floats:
        """(C,) what the known `labels` (n,) say of each key: right labels less wrong ones."""
        said = np.zeros(len(self.votes))
        for key, label in zip(self.key, labels, strict=True):
            if label is not None:
                said[key] += 2 * label - 1
        return said

    def world_probability(self, told: Floats) -> Floats:
        """(..., C) probability of the worlds "key c is right", given what labels said of each key: `told` (..., C)."""
        log_odds = self._log_odds + LABEL_LOG_ODDS * told
        if not self.exclusive:
            return _sigmoid(log_odds)
        most = np.maximum(log_odds.max(axis=-1, keepdims=True), 0.0)  # where none is right, the log odds are 0
        worlds = np.exp(log_odds - most)
        result: Floats = worlds / (worlds.sum(axis=-1, keepdims=True) + np.exp(-most))
        return result

    def key_probability(self, labels: Sequence[float | None]) -> Floats:
        """(C,) probability that a rollout of each key is right, given the known `labels` (n,) of the group."""
        return _noisy(self.world_probability(self.told(labels)))

    def probability(self, labels: Sequence[float | None]) -> Floats:
        """(n,) probability of each rollout. Without any label it is the network's own; else it moves with its key."""
        if all(label is None for label in labels):
            return self.own
        moved = _logit(self.key_probability(labels)) - self._log_odds
        return _sigmoid(_logit(self.own) + moved[self.key])


def _noisy(share: Floats) -> Floats:
    return share * (1 - 2 * NOISE) + NOISE


def _sigmoid(log_odds: Floats) -> Floats:
    result: Floats = np.exp(np.minimum(log_odds, 0.0)) / (1 + np.exp(-np.abs(log_odds)))
    return result


def _logit(probability: Floats) -> Floats:
    kept = np.clip(probability, LEAST, 1 - LEAST)
    result: Floats = np.log(kept) - np.log1p(-kept)
    return result
