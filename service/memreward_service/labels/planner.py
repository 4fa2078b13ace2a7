"""Which rollouts to verify next: those whose label is expected to put most rewards right.

A reward that follows the likelier side is wrong with probability min(p, 1 - p). The gain of a label is how many
wrong rewards fewer are expected among the siblings and itself once it is known: the value of information of Howard
(1966), one label ahead. A group is asked for one such label at a time, because the next depends on what the first
said.

A stated share of the labels goes to rollouts drawn at random, whatever is believed or known of them: figures over this
sample alone say without bias how good the rewards are. It only grows while the same groups are sent again.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memreward_proto.records import Group, PlannedLabel, PlanReason, SampledRollout
from memreward_service.arrays import Floats
from memreward_service.belief.posterior import KeyPosterior

LEAST_GAIN = 0.005
"""A label that puts fewer rewards right than this is not worth asking for."""

Labels = Sequence[float | None]
"""Known labels of a group's rollouts, None where unknown."""


@dataclass(frozen=True, slots=True)
class OpenGroup:
    """A group that may be asked for labels.

    `belief` is the one before any of them. `blank` responses get no reward and are not asked about. The random draw is
    by `group_id` and `content`, which tells the group from others of that id; it must not depend on the labels.
    """

    group_id: str
    belief: KeyPosterior
    labels: Labels
    blank: frozenset[int] = frozenset()
    content: bytes = b""


def open_group(group: Group, belief: KeyPosterior) -> OpenGroup:
    """A group as callers send it."""
    responses = [rollout.response for rollout in group.rollouts]
    return OpenGroup(
        group.group_id,
        belief,
        [rollout.label for rollout in group.rollouts],
        frozenset(index for index, response in enumerate(responses) if not response.strip()),
        _digest(*(text.encode("utf-8", "surrogatepass") for text in (group.query.id, *responses))),
    )


def plan_and_sample(
    groups: Sequence[Group], beliefs: Sequence[KeyPosterior], budget: int, share: float
) -> tuple[tuple[PlannedLabel, ...], tuple[SampledRollout, ...]]:
    """The next labels, and all rollouts that were drawn at random so far."""
    asked = [open_group(group, belief) for group, belief in zip(groups, beliefs, strict=True)]
    sample = (SampledRollout(group.group_id, index) for group, index in calibration_sample(asked, budget, share))
    return tuple(label_plan(asked, budget, share)), tuple(sample)


def label_plan(
    groups: Sequence[OpenGroup], budget: int, calibration_share: float, least_gain: float = LEAST_GAIN
) -> list[PlannedLabel]:
    """At most `budget` labels: the random ones, then the most valuable first, at most one of those a group.

    Nothing but random labels is planned where no label is expected to put `least_gain` rewards right. The same groups
    get the same plan.
    """
    drawn = [
        (group, index)
        for group, index in calibration_sample(groups, budget, calibration_share)
        if group.labels[index] is None
    ][:budget]
    plan = [_calibration(group, index) for group, index in drawn]
    asked = {(group.group_id, int(group.belief.key[index])) for group, index in drawn}
    probes = (probe for group in groups if (probe := _probe(group, asked, least_gain)) is not None)
    return plan + heapq.nlargest(budget - len(plan), probes, key=lambda probe: probe.gain)


def calibration_sample(groups: Sequence[OpenGroup], budget: int, share: float) -> list[tuple[OpenGroup, int]]:
    """The random rollouts, as (group, index): `share` of the labels known and to come, on average over many calls.

    They are those with the smallest digests. Who is drawn does not depend on which labels are known already, or the
    sample would be one of hard rollouts.
    """
    known = sum(label is not None for group in groups for label in group.labels)
    by_group = [_digest(group.group_id.encode("utf-8", "surrogatepass"), group.content) for group in groups]
    # Rounded up or down by chance, so that also small budgets have their share.
    size = int(share * (known + budget) + int.from_bytes(_digest(*sorted(by_group))) / 2**64)
    places = (
        (_digest(digest, str(index).encode()), place, index)
        for place, (group, digest) in enumerate(zip(groups, by_group, strict=True))
        for index in range(len(group.labels))
        if index not in group.blank
    )
    return [(groups[place], index) for _, place, index in heapq.nsmallest(size, places)]


def label_gains(group: OpenGroup) -> Floats:
    """(C,) rewards expected to become right by a label on one more rollout of each key; 0 where none is left."""
    belief = group.belief
    told, unknown = belief.told(group.labels), _unknown(group)
    chance = belief.world_probability(told)
    one = np.eye(len(unknown))  # row c: a label on key c, which leaves no doubt about that key
    expected = chance * _errors(belief.world_probability(told + one), unknown)
    expected += (1 - chance) * _errors(belief.world_probability(told - one), unknown)
    gains: Floats = np.where(unknown > 0, _errors(chance, unknown) - expected, 0.0)
    return gains


def _probe(group: OpenGroup, asked: set[tuple[str, int]], least_gain: float) -> PlannedLabel | None:
    """The most valuable label of one group; None where it gains too little, or a drawn sibling of the key tells."""
    gains = label_gains(group)
    key = int(gains.argmax())
    if gains[key] < least_gain or (group.group_id, key) in asked:
        return None
    index = next(i for i in _open_rollouts(group) if group.belief.key[i] == key)
    return PlannedLabel(group.group_id, index, _reason(group, key), float(gains[key]))


def _calibration(group: OpenGroup, index: int) -> PlannedLabel:
    gain = max(0.0, float(label_gains(group)[group.belief.key[index]]))
    return PlannedLabel(group.group_id, index, PlanReason.CALIBRATION, gain)


def _open_rollouts(group: OpenGroup) -> list[int]:
    return [index for index, label in enumerate(group.labels) if label is None and index not in group.blank]


def _unknown(group: OpenGroup) -> Floats:
    """(C,) rollouts of each key whose reward is still a prediction."""
    return np.bincount(group.belief.key[_open_rollouts(group)], minlength=len(group.belief.votes)).astype(np.float64)


def _errors(chance: Floats, unknown: Floats) -> Floats:
    """(...) wrong rewards expected over the `unknown` (..., C) rollouts of each key, right with `chance` (..., C)."""
    expected: Floats = (np.minimum(chance, 1 - chance) * unknown).sum(axis=-1)
    return expected


def _reason(group: OpenGroup, key: int) -> PlanReason:
    """SECOND after a label said wrong of an answer as frequent or more; UNCERTAIN where nobody else agrees."""
    votes: NDArray[np.int64] = group.belief.votes
    told = group.belief.told(group.labels)
    if any(label is not None and place == key for place, label in zip(group.belief.key, group.labels, strict=True)):
        return PlanReason.UNCERTAIN
    if ((told < 0) & (votes >= votes[key])).any():
        return PlanReason.SECOND
    return PlanReason.MAJORITY if votes[key] == votes.max() > 1 else PlanReason.UNCERTAIN


def _digest(*parts: bytes) -> bytes:
    told = hashlib.blake2b(digest_size=8)
    for part in parts:
        told.update(len(part).to_bytes(8))
        told.update(part)
    return told.digest()
