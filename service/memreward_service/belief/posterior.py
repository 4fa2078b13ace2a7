"""What labels inside a group say about their siblings, by Bayes' rule over the answer keys of the group.

Rollouts with one key have one fate, and of the different keys at most one is the right answer: they are an exclusive
set. So the answer hypotheses are "key c is right" for every key c, and "none is". Before any label the network weighs
them: the odds of a key against "none is right" are those of the mean probability of its rollouts, calibrated for that
(calibration.py). Labels are evidence that then decides between the hypotheses. A label is wrong now and then, with the
probability LABEL_NOISE: so two that contradict each other cancel, and a single one does not sink an answer that nearly
everything else supports. Different keys that labels found right are one answer, read in two ways. Where different keys
may all be right (free texts, programs that are compared by their text), `exclusive` is False and a label speaks of its
own key only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from memreward_service.arrays import Floats
from memreward_service.groups.batch import ParsedGroup
from memreward_service.groups.history import QueryHistory, past_evidence

LABEL_NOISE = 0.002
"""Share of the rollouts whose label is not that of their key. Of 627 gsm8k groups 0.2% of the labels are such,
of 581 of commonsenseqa none."""
LEAST = 1e-3
"""The network's probabilities count as at least this far from 0 and 1."""
MOST_SURE = 3.0
"""Log odds that the network counts at most where labels are known, 0.95: so one label decides against it, on the answer
that it believes in or on another one, with the noise of LABEL_NOISE."""

NOTHING_PAST: Mapping[str, float] = MappingProxyType({})


class GroupBelief:
    """The belief about one group of n rollouts with C keys, to be asked again as labels come."""

    def __init__(
        self, probability: Sequence[float], keys: Sequence[str | None], exclusive: bool = True,
        past: Mapping[str, float] = NOTHING_PAST, label_noise: float = LABEL_NOISE,
    ) -> None:  # fmt: skip
        """`probability` (n,): of each rollout, where no label of the group was seen. A rollout without a key agrees
        with nobody. `past`: answer key -> right labels less wrong ones that it got in earlier groups of the query; a
        key that was right and that nobody gives now is an answer hypothesis too. `label_noise`: how often a label is
        not what it should be."""
        names = [key if key is not None else index for index, key in enumerate(keys)]
        absent = [key for key, evidence in past.items() if evidence > 0 and key not in names] if exclusive else []
        order: dict[str | int, int] = {}
        for name in (*names, *absent):
            order.setdefault(name, len(order))
        self.key = np.array([order[name] for name in names], dtype=np.int64)
        """(n,) in [0, C): the key of each rollout, in order of appearance."""
        self.votes = np.bincount(self.key, minlength=len(order))
        """(C,) rollouts of each key."""
        self.exclusive = exclusive
        """Whether at most one key is right."""
        self.own: Floats = np.asarray(probability, dtype=np.float64)
        """(n,) of each rollout by itself: the network's, where no label of the group was seen."""
        self._noise = label_noise
        self._weight = label_log_odds(label_noise)
        means = np.bincount(self.key, self.own, len(order)) / np.maximum(self.votes, 1)
        self._log_odds = log_odds_of(means)  # (C,) before any label
        self._past = np.array([past.get(name, 0.0) if isinstance(name, str) else 0.0 for name in order])  # (C,)

    def evidence(self, labels: Sequence[float | None]) -> Floats:
        """(C,) of the known `labels` (n,) for each key, and of those in the past: right labels less wrong ones."""
        evidence = self._past.copy()
        for key, label in zip(self.key, labels, strict=True):
            if label is not None:
                evidence[key] += 2 * label - 1
        return evidence

    def hypothesis_probability(self, evidence: Floats) -> Floats:
        """(..., C) probability of the hypotheses "key c is right", given the `evidence` (..., C) of labels."""
        labelled = evidence.any(axis=-1, keepdims=True)
        before = np.where(labelled, np.clip(self._log_odds, -MOST_SURE, MOST_SURE), self._log_odds)
        log_odds = before + self._weight * evidence
        if not self.exclusive:
            return _sigmoid(log_odds)
        most = np.maximum(log_odds.max(axis=-1, keepdims=True), 0.0)  # where none is right, the log odds are 0
        odds = np.exp(log_odds - most)
        each: Floats = odds / (odds.sum(axis=-1, keepdims=True) + np.exp(-most))
        found_right = evidence > 0
        result: Floats = np.where(found_right, (each * found_right).sum(axis=-1, keepdims=True), each)
        return result

    def key_probability(self, labels: Sequence[float | None]) -> Floats:
        """(C,) probability that a rollout of each key is right, given the known `labels` (n,) of the group."""
        return self.noisy(self.hypothesis_probability(self.evidence(labels)))

    def probability(self, labels: Sequence[float | None]) -> Floats:
        """(n,) probability of each rollout, which is that of its key."""
        result: Floats = self.key_probability(labels)[self.key]
        return result

    def before_labels(self) -> Floats:
        """(n,) probability of each rollout as if no label were known, of the group or of the past."""
        result: Floats = self.noisy(self.hypothesis_probability(np.zeros(len(self.votes))))[self.key]
        return result

    def noisy(self, share: Floats) -> Floats:
        """Probabilities that keys are right -> that rollouts of theirs are labelled right."""
        return noisy(share, self._noise)


def noisy(share: Floats, label_noise: float) -> Floats:
    """Probabilities that keys are right -> that rollouts of theirs are labelled right."""
    return share * (1 - 2 * label_noise) + label_noise


def label_log_odds(label_noise: float) -> float:
    """How far a label moves the log odds of its key."""
    return math.log1p(-label_noise) - math.log(label_noise)


def _sigmoid(log_odds: Floats) -> Floats:
    result: Floats = np.exp(np.minimum(log_odds, 0.0)) / (1 + np.exp(-np.abs(log_odds)))
    return result


def log_odds_of(probability: Floats) -> Floats:
    """Of probabilities, which count as at least LEAST from 0 and 1."""
    kept = np.clip(probability, LEAST, 1 - LEAST)
    result: Floats = np.log(kept) - np.log1p(-kept)
    return result


def belief_about(
    group: ParsedGroup, probability: Sequence[float], history: QueryHistory = (), step: int | None = None,
    label_noise: float = LABEL_NOISE,
) -> GroupBelief:  # fmt: skip
    """What is believed of a group of `step` before any of its labels: `probability` (n,) of the network, and what
    became of its answers in earlier groups."""
    keys = [parsed.answer_key for parsed in group.parsed]
    return GroupBelief(probability, keys, group.exclusive, past_evidence(history, group, step), label_noise)


def agreement_probability(group: ParsedGroup) -> list[float]:
    """(n,) what is believed of each rollout before any model is trained, from the agreement of its group alone.

    The odds are 2 s / (1.1 - s) for the share s of the group that has its answer key: 20 (0.95) where all agree, 1.67
    (0.62) for a half, 0.26 (0.20) for one of eight. For programs that were run, s is the mean of that share and of the
    partial agreement. A group of one agrees with nobody, so that it is 0.5 there.
    """
    if len(group.rollouts) == 1:
        return [0.5]
    keys = [parsed.answer_key for parsed in group.parsed]
    shares = [(1 if key is None else keys.count(key)) / len(keys) for key in keys]
    shares = [
        share if behaviour is None else (share + behaviour.agreement) / 2
        for share, behaviour in zip(shares, group.behaviours, strict=True)
    ]
    return [2 * share / (1.1 + share) for share in shares]
