"""How good the predicted rewards are of which nobody knows the label, estimated from the labels of others.

The labelled rollouts calibrate the network: what it said of each before any label of its group, beside its label (Platt
scaling, calibration.py). With its calibrated probabilities the labels that came speak of their unlabelled siblings by
Bayes' rule (key_posterior.py), which says how surely each of these is right, and so how many of the rewards that were
given are wrong. It does not matter who chose the rollouts to label as long as he saw no label of theirs: what made a
planner choose them is known of the unlabelled ones too.

`memreward evaluate --trust` compares the estimates with the truth, beside the plain figures over labelled rollouts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from memreward_service.engine.calibration import MIN_ROLLOUTS, Calibration, fit_calibration
from memreward_service.engine.key_posterior import KeyPosterior
from memreward_service.engine.metrics import Floats
from memreward_service.engine.trust_figures import figures_of
from memreward_service.records import Domain, Group, GroupKey, TrustFigures
from memreward_service.settings import Settings

LEAST = 1e-6
"""Probabilities count as at least this far from 0 and 1."""


@dataclass(frozen=True, slots=True)
class AnsweredGroup:
    """A group as it was answered: `belief` before any of its `labels`, and the rollouts whose rewards were predicted.
    An answer with the same `name` takes its place."""

    name: int
    domain: Domain
    belief: KeyPosterior
    labels: tuple[float | None, ...]
    predicted: tuple[int, ...]


def answered_groups(
    groups: Sequence[Group], beliefs: Sequence[KeyPosterior], key: GroupKey | None = None
) -> list[AnsweredGroup]:
    """Those in which something was predicted; `key` is that of a group sent one by one. A blank response is not
    predicted."""
    found = []
    for group, belief in zip(groups, beliefs, strict=True):
        responses = tuple(rollout.response for rollout in group.rollouts)
        labels = tuple(rollout.label for rollout in group.rollouts)
        predicted = tuple(
            index
            for index, (response, label) in enumerate(zip(responses, labels, strict=True))
            if label is None and response.strip()
        )
        if predicted:
            name = (key.run_id, key.group_id, key.group_attempt) if key else responses
            found.append(
                AnsweredGroup(
                    hash((group.query.id, group.query.text, name)), group.query.domain, belief, labels, predicted
                )
            )
    return found


def estimated(
    groups: Sequence[AnsweredGroup], said: Floats, labels: Floats, labelled_groups: int, settings: Settings
) -> TrustFigures:
    """The figures of the predicted rollouts of `groups`.

    `said` (N,): what the network said of labelled rollouts before any label of their `labelled_groups` groups, and
    their `labels` (N,). Where they are too few to calibrate on, or all of one kind, no figure is defined.
    """
    predicted = sum(len(group.predicted) for group in groups)
    if len(labels) < MIN_ROLLOUTS or labels.max() < 0.5 or labels.min() >= 0.5 or predicted == 0:
        return TrustFigures(predicted, None, None, None, None, None)
    calibration = fit_calibration(_logits(said), torch.from_numpy(labels), labelled_groups)
    answered, right = [], []
    for group in groups:
        likely = group.belief.with_probability(_calibrated(group.belief.own, calibration))
        rows = list(group.predicted)
        answered.append(group.belief.probability(group.labels)[rows])
        right.append(likely.probability(group.labels)[rows])
    return figures_of(np.concatenate(right), np.concatenate(answered), settings)


def _calibrated(probability: Floats, calibration: Calibration) -> Floats:
    result: Floats = calibration.probability(_logits(probability)).numpy()
    return result


def _logits(probability: Floats) -> torch.Tensor:
    kept = np.clip(probability, LEAST, 1 - LEAST)
    return torch.from_numpy(np.log(kept) - np.log1p(-kept))
