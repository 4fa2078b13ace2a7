"""Which rollouts to verify next: those whose label is expected to put most rewards right.

A reward that follows the likelier side is wrong with probability min(p, 1 - p). The gain of a label is how many
wrong rewards fewer are expected among the siblings and itself once it is known: the value of information of Howard
(1966), one label ahead. A group is asked for one such label at a time, because the next depends on what the first
said. A consensus that drifts (groups/drift.py) comes first of all,
whatever is believed of it, because the belief rests on agreement that may mean nothing.

A stated share of the labels goes to an audit (audit.py): every rollout is drawn for it with the same known probability,
whatever is believed or known of it, so that it says without bias how good the rewards are (trust/estimate.py). For that
the planner must not see what the audit says: it asks as if nobody had drawn anything, and sees the label of a drawn
rollout only once it would have asked for it itself (`wanted`). So a drawn rollout that nobody wants stands for those
that are neither drawn nor asked for.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from memreward_proto.records import Group, PlannedLabel, PlanReason, SampledRollout, filled
from memreward_service.arrays import Floats
from memreward_service.belief.drift import is_decided
from memreward_service.belief.posterior import GroupBelief
from memreward_service.labels.audit import NO_AUDIT, GroupAudit, content_of, digest, drawn

LEAST_GAIN = 0.02
"""A label that puts fewer rewards right than this is not worth asking for. More than a second label on an answer whose
first was right gains among 8 rollouts, which is some LABEL_NOISE for each."""
ROUNDING = 1e-9
"""Gains this near are equal: the answer that came first is asked about then."""

Labels = Sequence[float | None]
"""Known labels of a group's rollouts, None where unknown."""


@dataclass(frozen=True, slots=True)
class OpenGroup:
    """A group that may be asked for labels.

    `belief` is the one before any of them. `blank` responses get no reward and are not asked about. The random draw is
    by `group_id` and `content`, which sets the group apart from others of that id; it must not depend on the labels.
    `drift`: the answer hypothesis, of C, that is a drifting consensus.
    """

    group_id: str
    belief: GroupBelief
    labels: Labels
    blank: frozenset[int] = frozenset()
    content: bytes = b""
    audit: GroupAudit = NO_AUDIT
    drift: int | None = None

    @property
    def seen(self) -> Labels:
        """The known labels without those that only the audit asked for."""
        return [None if index in self.audit.sample else label for index, label in enumerate(self.labels)]


@dataclass(frozen=True, slots=True)
class LabelChoice:
    """The labels to ask for, in order, and the audit of each group after that."""

    plan: tuple[PlannedLabel, ...]
    audits: tuple[GroupAudit, ...]


def open_group(group: Group, belief: GroupBelief, drift: int | None = None) -> OpenGroup:
    """A group as callers send it, nothing drawn."""
    responses = [rollout.response for rollout in group.rollouts]
    return OpenGroup(
        filled(group.group_id),
        belief,
        [rollout.label for rollout in group.rollouts],
        frozenset(index for index, response in enumerate(responses) if not response.strip()),
        content_of(group),
        drift=drift,
    )


def with_audit(group: OpenGroup, rate: float, wanted: frozenset[int] = frozenset()) -> OpenGroup:
    """The group with its rollouts drawn for an audit, each with probability `rate`."""
    name = digest(group.group_id.encode("utf-8", "surrogatepass"), group.content)
    rollouts = [index for index in range(len(group.labels)) if index not in group.blank]
    chosen = drawn(name, rollouts, rate)
    return replace(group, audit=GroupAudit(rate, chosen, wanted & chosen))


def audit_rate(groups: Sequence[OpenGroup], budget: int, share: float) -> float:
    """The probability with which each rollout is drawn so that a `share` of the labels known and to come is audited."""
    rollouts = sum(len(group.labels) - len(group.blank) for group in groups)
    known = sum(label is not None for group in groups for label in group.labels)
    return min(1.0, share * (known + budget) / rollouts) if rollouts else 0.0


def label_plan(groups: Sequence[OpenGroup], budget: int, least_gain: float = LEAST_GAIN) -> LabelChoice:
    """At most `budget` labels: those of the audit, then one on every consensus that drifts, then the most
    valuable first, at most one of these a group.

    Only the audit is planned where no label is expected to put `least_gain` rewards right. The same groups get the same
    plan. A drawn rollout that the planner wants too is paid for once.
    """
    now = list(groups)
    plan = [
        _audited(group, index) for group in groups for index in sorted(group.audit.drawn) if group.labels[index] is None
    ][:budget]
    best = [(_rank(probe), place, probe) for place, group in enumerate(now) if (probe := _probe(group, least_gain))]
    heapq.heapify(best)
    while best and len(plan) < budget:
        _, place, probe = heapq.heappop(best)
        group = now[place]
        if probe.rollout_index not in group.audit.drawn:
            plan.append(probe)
            continue
        wanted = group.audit.wanted | {probe.rollout_index}
        now[place] = group = replace(group, audit=replace(group.audit, wanted=wanted))
        if group.labels[probe.rollout_index] is not None and (following := _probe(group, least_gain)):
            heapq.heappush(best, (_rank(following), place, following))
    return LabelChoice(tuple(plan), tuple(group.audit for group in now))


def audit_sample(groups: Sequence[OpenGroup]) -> tuple[SampledRollout, ...]:
    """All rollouts that were drawn, in order of the groups."""
    return tuple(SampledRollout(group.group_id, index) for group in groups for index in sorted(group.audit.drawn))


def label_gains(group: OpenGroup) -> Floats:
    """(C,) rewards expected to become right by a label on one more rollout of each key; 0 where none is left."""
    belief = group.belief
    evidence, unknown = belief.evidence(group.seen), _unknown(group)
    chance = belief.hypothesis_probability(evidence)
    right, one = belief.noisy(chance), np.eye(len(unknown))  # row c: a label on key c
    expected = right * _errors(belief.hypothesis_probability(evidence + one), unknown)
    expected += (1 - right) * _errors(belief.hypothesis_probability(evidence - one), unknown)
    gains: Floats = np.where(unknown > 0, _errors(chance, unknown) - expected, 0.0)
    return gains


def _probe(group: OpenGroup, least_gain: float) -> PlannedLabel | None:
    """The most valuable label of one group; None where it gains too little and no consensus drifts."""
    gains = label_gains(group)
    if group.drift is not None and not is_decided(group.belief, group.drift, group.seen):
        for index in _open_rollouts(group):
            if group.belief.key[index] == group.drift:
                return PlannedLabel(group.group_id, index, PlanReason.CONSENSUS_DRIFT, float(gains[group.drift]))
    key = int((gains >= gains.max() - ROUNDING).argmax())
    if gains[key] < least_gain:
        return None
    index = next(i for i in _open_rollouts(group) if group.belief.key[i] == key)
    return PlannedLabel(group.group_id, index, _reason(group, key), float(gains[key]))


def _rank(probe: PlannedLabel) -> tuple[bool, float]:
    """The lower, the sooner."""
    return probe.reason is not PlanReason.CONSENSUS_DRIFT, -probe.gain


def _audited(group: OpenGroup, index: int) -> PlannedLabel:
    gain = max(0.0, float(label_gains(group)[group.belief.key[index]]))
    return PlannedLabel(group.group_id, index, PlanReason.CALIBRATION, gain)


def _open_rollouts(group: OpenGroup) -> list[int]:
    return [index for index, label in enumerate(group.seen) if label is None and index not in group.blank]


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
    evidence = group.belief.evidence(group.seen)
    if any(label is not None and place == key for place, label in zip(group.belief.key, group.seen, strict=True)):
        return PlanReason.UNCERTAIN
    if ((evidence < 0) & (votes >= votes[key])).any():
        return PlanReason.SECOND
    return PlanReason.MAJORITY if votes[key] == votes.max() > 1 else PlanReason.UNCERTAIN
