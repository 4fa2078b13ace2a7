"""How good the predicted rewards are of which nobody knows the label, estimated from the labels of others.

The labelled rollouts calibrate the network anew: what it believed of their groups before any label, beside the labels
(calibration.py). With its calibrated probabilities the labels that came speak of their unlabelled siblings by Bayes'
rule (worlds.py), which says how surely each of these is right, and so how many of the rewards that were given are
wrong. It does not matter who chose the rollouts to label as long as he saw no label but those that came: what made a
planner choose them is known of the unlabelled ones too.

`memreward evaluate --trust` compares the estimates with the truth, beside the plain figures over labelled rollouts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memreward_proto.records import Domain, Group, GroupKey, StandardErrors, TrustFigures
from memreward_service.arrays import Floats
from memreward_service.belief.calibration import DIFFERENCE, calibrated, can_calibrate, fit_to_worlds
from memreward_service.belief.posterior import KeyPosterior
from memreward_service.belief.worlds import Worlds, worlds_of_groups
from memreward_service.settings import Settings
from memreward_service.trust.figures import figures_of, slopes_of

LEAST = 1e-6
"""Probabilities count as at least this far from 0 and 1."""
STEPS = np.eye(2) * DIFFERENCE

Estimates = tuple[TrustFigures, StandardErrors]


@dataclass(frozen=True, slots=True)
class AnsweredGroup:
    """A group as it was answered: `belief` before any of its `labels`, and the rollouts whose rewards were predicted.
    An answer with the same `name` takes its place."""

    name: int
    domain: Domain
    belief: KeyPosterior
    labels: tuple[float | None, ...]
    predicted: tuple[int, ...]

    @property
    def known(self) -> Iterator[float]:
        """The labels that are known."""
        return (label for label in self.labels if label is not None)


def answered_groups(
    groups: Sequence[Group], beliefs: Sequence[KeyPosterior], key: GroupKey | None = None
) -> list[AnsweredGroup]:
    """Those in which something was predicted or is labelled; `key` is that of a group sent one by one. A blank response
    is not predicted."""
    found = []
    for group, belief in zip(groups, beliefs, strict=True):
        responses = tuple(rollout.response for rollout in group.rollouts)
        labels = tuple(rollout.label for rollout in group.rollouts)
        predicted = tuple(
            index
            for index, (response, label) in enumerate(zip(responses, labels, strict=True))
            if label is None and response.strip()
        )
        if predicted or any(label is not None for label in labels):
            name = (key.run_id, key.group_id, key.group_attempt) if key else responses
            found.append(
                AnsweredGroup(
                    hash((group.query.id, group.query.text, name)), group.query.domain, belief, labels, predicted
                )
            )
    return found


class LastGroups:
    """The last answered groups, with `limit` rollouts of a kind at most (or one group); the oldest are dropped."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._groups: dict[int, tuple[AnsweredGroup, int]] = {}
        self.rollouts = 0

    def put(self, group: AnsweredGroup, rollouts: int) -> None:
        """Keep a group that counts as `rollouts` in the place of an earlier answer; with none it is not kept."""
        self._drop(group.name)
        if rollouts:
            self._groups[group.name] = group, rollouts
            self.rollouts += rollouts
        while self.rollouts > self._limit and len(self._groups) > 1:
            self._drop(next(iter(self._groups)))

    def groups(self) -> list[AnsweredGroup]:
        """The oldest first."""
        return [group for group, _ in self._groups.values()]

    def _drop(self, name: int) -> None:
        _, rollouts = self._groups.pop(name, (None, 0))
        self.rollouts -= rollouts


def estimated(
    labelled: Collection[AnsweredGroup], answered: Collection[AnsweredGroup], settings: Settings
) -> Estimates:
    """The figures of the predicted rollouts of the `answered` groups, from the labels of the `labelled` ones, and how
    far off they are: because the labels were few to calibrate on, and because rollouts are right or wrong by chance.

    Where the labels are too few, or all of one kind, no figure is defined.
    """
    predicted = sum(len(group.predicted) for group in answered)
    if predicted == 0 or not can_calibrate(np.array([label for group in labelled for label in group.known])):
        return TrustFigures(predicted, None, None, None, None, None), StandardErrors(None, None, None)
    fitted = fit_to_worlds(_logits(labelled), _worlds(labelled))
    worlds, logits, rows = _worlds(answered), _logits(answered), _rows(answered)
    served = worlds.probability(np.concatenate([group.belief.own for group in answered]))[rows]

    def likely(parameters: Floats) -> Floats:
        return worlds.probability(calibrated(logits, parameters))[rows]

    right, believed = likely(fitted.parameters), calibrated(logits, fitted.parameters)
    moved = np.array([likely(fitted.parameters + step) - likely(fitted.parameters - step) for step in STEPS])
    errors = dict.fromkeys(("auc", "false_positive_rate", "false_negative_rate"), None) | {
        name: _standard_error(slope, moved / (2 * DIFFERENCE), fitted.covariance, worlds, believed, rows)
        for name, slope in slopes_of(right, served, settings).items()
    }
    return figures_of(right, served, settings), StandardErrors(**errors)


def _standard_error(
    slope: Floats, moved: Floats, covariance: Floats, worlds: Worlds, believed: Floats, rows: NDArray[np.bool_]
) -> float:
    """Of a figure that changes by `slope` (P,) with each predicted rollout, which the parameters move by (2, P)."""
    of_all = np.zeros(len(rows))
    of_all[rows] = slope
    by_parameter = moved @ slope
    return math.sqrt(by_parameter @ covariance @ by_parameter + worlds.variance(of_all, believed))


def _rows(groups: Collection[AnsweredGroup]) -> NDArray[np.bool_]:
    """(N,) which of all rollouts of the groups were predicted."""
    rows = np.zeros(sum(len(group.labels) for group in groups), dtype=bool)
    begin = 0
    for group in groups:
        rows[[begin + index for index in group.predicted]] = True
        begin += len(group.labels)
    return rows


def _worlds(groups: Collection[AnsweredGroup]) -> Worlds:
    return worlds_of_groups([group.belief for group in groups], [group.labels for group in groups])


def _logits(groups: Collection[AnsweredGroup]) -> Floats:
    """(N,) of all rollouts of the groups, as they were believed."""
    kept = np.clip(np.concatenate([group.belief.own for group in groups]), LEAST, 1 - LEAST)
    logits: Floats = np.log(kept) - np.log1p(-kept)
    return logits
