"""What the known labels of a stored group say for certain about its other rollouts.

Rollouts with one answer key have one fate, and where answers exclude each other a right one makes the others wrong
(belief/posterior.py). So a label on the majority answer mostly tells the whole group, and a network that learns from
that learns from every rollout, not from those that somebody found worth a check. What it gains is small: on every
second query of gsm8k, with 17% of the labels chosen by the planner, 98.5% of the rewards became right with deduced
labels and 98.4% without, in two splits each.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from memreward_service.belief.posterior import belief_about
from memreward_service.groups.batch import ParsedGroup


def with_deduced_labels(group: ParsedGroup) -> ParsedGroup:
    """The group as memory and training see it: known labels as they are, and those that follow from them.

    An unlabelled rollout gets the mean label of its key, unless its labels are both right and wrong ones; else 0 where
    another key is right and answers exclude each other. All others stay unknown.
    """
    labels = [rollout.label for rollout in group.rollouts]
    if all(label is None for label in labels) or all(label is not None for label in labels):
        return group
    belief = belief_about(group, [0.5] * len(labels))
    by_key: defaultdict[int, list[float]] = defaultdict(list)
    for key, label in zip(belief.key.tolist(), labels, strict=True):
        if label is not None:
            by_key[key].append(label)
    fate = {key: sum(known) / len(known) for key, known in by_key.items() if _agree(known)}
    right = {key for key, label in fate.items() if label >= 0.5} if belief.exclusive else set()
    deduced = (
        label if label is not None else fate.get(key, 0.0 if right - {key} and key not in by_key else None)
        for key, label in zip(belief.key.tolist(), labels, strict=True)
    )
    rollouts = (replace(one, label=label) for one, label in zip(group.rollouts, deduced, strict=True))
    return replace(group, rollouts=tuple(rollouts))


def _agree(labels: list[float]) -> bool:
    return min(labels) >= 0.5 or max(labels) < 0.5
