"""Fixed rules that say which label of a group to ask for next, and how much it is worth beside those of other groups.

They go by what agreement says of a group and by the labels that are known in it. `oracle` knows the truth: it is a
bound, and no way to spend labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from memreward_service.arrays import Floats
from memreward_service.belief.posterior import GroupBelief

SETTLED = 0.05
"""A group that is worth less is settled: what is left is that a label may be wrong."""


@dataclass(frozen=True, slots=True)
class AskedGroup:
    """A group of n rollouts with C answers. `truth` (n,) is for the oracle only."""

    belief: GroupBelief
    labels: Sequence[float | None]
    truth: Sequence[float]

    @property
    def open(self) -> Floats:
        """(C,) rollouts of each answer that have no label."""
        rollouts = [key for key, label in zip(self.belief.key, self.labels, strict=True) if label is None]
        return np.bincount(np.array(rollouts, dtype=np.int64), minlength=len(self.belief.votes)).astype(np.float64)

    @property
    def chances(self) -> Floats:
        """(C + 1,) of each answer that it is the right one, and that none is, by agreement and the known labels."""
        chance = self.belief.hypothesis_probability(self.belief.evidence(self.labels))
        each: Floats = chance / max(1.0, float(chance.sum()))
        return np.append(each, max(0.0, 1.0 - float(each.sum())))


@dataclass(frozen=True, slots=True)
class NextLabel:
    """A label on a rollout of the answer `key`."""

    worth: float
    key: int


Rule = Callable[[AskedGroup], NextLabel | None]
"""None where no further label of the group is worth anything."""


def majority_then_second(group: AskedGroup) -> NextLabel | None:
    """The most frequent answer; where it is wrong, the next one, until one is right. No group gets a second label
    before all have one."""
    known = [label for label in group.labels if label is not None]
    unlabelled = np.where(group.open == group.belief.votes, group.belief.votes, 0)
    if max(known, default=0.0) >= 0.5 or not unlabelled.any():
        return None
    return NextLabel(-float(len(known)), int(unlabelled.argmax()))


def corrective_advantage_gap(group: AskedGroup) -> NextLabel | None:
    """Where wrong rewards are expected to turn the advantages of GRPO furthest (CARE, arXiv 2605.25864).

    The gap is ||A(r) - A(r~)||, the Euclidean distance between the group's advantages A(r) = (r - mean) / std under the
    true rewards r and under the pseudo-rewards r~, which call one answer right. The paper's policy asks where the
    expected gap is largest, over how many rollouts have the right answer; it learns these chances from hidden states of
    the policy, which rollouts do not carry, so that here they are those of agreement and of the labels known. The
    pseudo-rewards call the likeliest answer right, and its label is asked for.
    """
    chances = group.chances
    likeliest = int(chances[:-1].argmax())
    if group.open[likeliest] == 0:
        return None
    right = np.vstack([np.eye(len(chances) - 1), np.zeros(len(chances) - 1)])[:, group.belief.key]
    advantages = np.array([_advantage(rewards) for rewards in right])  # (C + 1, n): row c if answer c is right
    gaps = np.linalg.norm(advantages - advantages[likeliest], axis=1)
    worth = float(chances @ gaps)
    return NextLabel(worth, likeliest) if worth > SETTLED else None


def entropy(group: AskedGroup) -> NextLabel | None:
    """Where it is least clear which answer is right; of its answers, the one whose chance is nearest to one half."""
    chances = group.chances
    if not group.open.any():
        return None
    worth = -float((chances * np.log(np.maximum(chances, 1e-300))).sum())
    doubt = np.where(group.open > 0, np.abs(chances[:-1] - 0.5), np.inf)
    return NextLabel(worth, int(doubt.argmin())) if worth > SETTLED else None


def oracle(group: AskedGroup) -> NextLabel | None:
    """The label that puts most rewards of its group right, by looking at the truth."""
    wrong = _wrong(group, group.labels)
    gains = np.zeros(len(group.belief.votes))
    for index, (key, label) in enumerate(zip(group.belief.key, group.labels, strict=True)):
        if label is None:
            told = [*group.labels[:index], group.truth[index], *group.labels[index + 1 :]]
            gains[key] = max(gains[key], wrong - _wrong(group, told))
    return NextLabel(float(gains.max()), int(gains.argmax())) if gains.any() else None


def _wrong(group: AskedGroup, labels: Sequence[float | None]) -> int:
    """Rewards that are wrong with these labels."""
    rewarded = group.belief.probability(labels) >= 0.5
    return sum(
        label is None and bool(given) != (truth >= 0.5)
        for given, label, truth in zip(rewarded, labels, group.truth, strict=True)
    )


def _advantage(rewards: Floats) -> Floats:
    spread = rewards.std()
    result: Floats = (rewards - rewards.mean()) / spread if spread > 0 else np.zeros_like(rewards)
    return result
