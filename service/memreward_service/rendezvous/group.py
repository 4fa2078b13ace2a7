"""A group that meets, from its first rollout to the last retry: all rules of the rendezvous, as pure functions.

A group never changes: each event makes the next one, or raises Conflict. `now` is a time in seconds, by the clock of
the storage that holds the group. Both storages keep the JSON of it, and know nothing of what it means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter

from memreward_proto.records import GroupKey, LabelBudget, LabelRequest
from memreward_service.rendezvous.answers import answered_otherwise, disagreement, other_query, other_rollout
from memreward_service.rendezvous.protocol import OVERHEAD_BYTES, Answer, Arrival, Claim, RolloutState, Usage
from memreward_service.rendezvous.texts import Texts


@dataclass(frozen=True, slots=True)
class HeldRollout:
    """One rollout without its texts. `verifies`: its caller can verify. `unlabelled`: the label was asked for, and
    cannot be had."""

    content: str
    bytes: int
    allow_partial: bool = False
    verifies: bool = False
    label: float | None = None
    unlabelled: bool = False
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class AwaitedLabel:
    """The label of rollout `index`, awaited `until` a time."""

    index: int
    request: LabelRequest
    until: float


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """The rollouts that have come, by index. `claim` is the token of who scores it, until `claimed_until`; `read_at`
    is when a call looked at it last, about."""

    key: GroupKey
    query: str
    query_bytes: int
    size: int
    read_at: float
    step: int | None = None
    label_budget: LabelBudget | None = None
    overdue: bool = False
    awaited: AwaitedLabel | None = None
    claim: str | None = None
    claimed_until: float = 0.0
    rollouts: Mapping[int, HeldRollout] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every rollout has come."""
        return len(self.rollouts) == self.size

    @property
    def finished(self) -> bool:
        """Whether every rollout has come and is settled: then the texts are needed no more."""
        return self.complete and all(held.answer for held in self.rollouts.values())

    def awaits_label(self, now: float) -> bool:
        """Whether the group waits for a label that was asked for."""
        return self.awaited is not None and now < self.awaited.until

    def is_claimed(self, now: float) -> bool:
        """Whether somebody scores it, who has not been silent for too long."""
        return self.claim is not None and now < self.claimed_until

    def is_due(self, index: int, now: float) -> bool:
        """Whether the rollout is to be scored now."""
        held = self.rollouts[index]
        ready = self.complete and not self.awaits_label(now)
        return held.answer is None and (ready or (self.overdue and held.allow_partial))

    def due(self, now: float) -> tuple[int, ...]:
        """The rollouts that are to be scored now."""
        return tuple(index for index in sorted(self.rollouts) if self.is_due(index, now))

    def expired(self, now: float, seconds: float) -> bool:
        """Whether nobody has looked for so many seconds, and nobody scores it."""
        return now >= self.read_at + seconds and not self.is_claimed(now)

    def state(self, index: int, now: float, known: bool) -> RolloutState:
        """How things are for a rollout that is there."""
        awaited = self.awaited if self.awaits_label(now) else None
        return RolloutState(
            present=len(self.rollouts),
            due=self.is_due(index, now),
            answer=self.rollouts[index].answer,
            known=known,
            request=awaited.request if awaited is not None and awaited.index == index else None,
            lapses_seconds=None if awaited is None else awaited.until - now,
        )


def arrived(group: HeldGroup | None, arrival: Arrival, overdue: bool, now: float) -> HeldGroup:
    """A rollout comes, or comes again, or its call looks. Nothing is added twice.

    Raises Conflict where the place of the rollout is taken by another, or it says another thing of the group than a
    sibling said before. What a settled rollout says again, beside its content, changes nothing any more.
    """
    given = arrival.submission
    if group is None:
        group = HeldGroup(given.key, arrival.query, arrival.query_bytes, given.group_size, now)
    index, label = given.rollout_index, given.rollout.label
    held = group.rollouts.get(index, HeldRollout(arrival.content, arrival.rollout_bytes))
    _check(group, held, arrival)
    decided = label is not None or given.no_label
    held = replace(
        held,
        allow_partial=bool(given.allow_partial),
        verifies=given.label_budget is not None,
        label=label if held.label is None else held.label,
        unlabelled=held.unlabelled or (bool(given.no_label) and label is None),
    )
    return replace(
        group,
        step=given.step if group.step is None else group.step,
        label_budget=given.label_budget if group.label_budget is None else group.label_budget,
        overdue=group.overdue or overdue,
        awaited=None if decided and group.awaited is not None and group.awaited.index == index else group.awaited,
        rollouts={**group.rollouts, index: held},
    )


def _check(group: HeldGroup, held: HeldRollout, arrival: Arrival) -> None:
    """Raises Conflict where `held`, the rollout that is there, or the group is not what arrives."""
    given = arrival.submission
    if group.query != arrival.query:
        raise other_query(arrival)
    if group.size != given.group_size:
        raise disagreement(arrival, "group_size", group.size, given.group_size)
    if held.content != arrival.content:
        raise other_rollout(arrival)
    if held.answer is not None:
        return
    if _differ(held.label, given.rollout.label):
        raise other_rollout(arrival)
    if _differ(group.step, given.step):
        raise disagreement(arrival, "step", group.step, given.step)
    if _differ(group.label_budget, given.label_budget):
        raise disagreement(arrival, "label_budget", group.label_budget, given.label_budget)


def _differ(before: object, now: object) -> bool:
    """Whether two things that may be left unsaid are both said, and are not the same."""
    return before is not None and now is not None and before != now


def read(group: HeldGroup, now: float, every: float) -> HeldGroup:
    """Somebody looks. The time is written down every so many seconds only: most looks change nothing."""
    return group if now < group.read_at + every else replace(group, read_at=now)


def claimed(group: HeldGroup, token: str, seconds: float, now: float) -> HeldGroup:
    """Somebody takes the right to score what is due, unless another has it. A label that did not come in time is not
    asked for again."""
    if (group.claim != token and group.is_claimed(now)) or not group.due(now):
        return group
    rollouts = group.rollouts
    if group.awaited is not None and not group.awaits_label(now):
        late = group.awaited.index
        rollouts = {**rollouts, late: replace(rollouts[late], unlabelled=True)}
        group = replace(group, awaited=None)
    return replace(group, claim=token, claimed_until=now + seconds, rollouts=rollouts)


def renewed(group: HeldGroup, token: str, seconds: float, now: float) -> HeldGroup:
    """The scoring goes on: its claim holds for longer."""
    return replace(group, claimed_until=now + seconds) if group.claim == token else group


def released(group: HeldGroup, token: str) -> HeldGroup:
    """The claim ends."""
    return replace(group, claim=None) if group.claim == token else group


def asked(group: HeldGroup, token: str, index: int, request: LabelRequest, until: float) -> HeldGroup:
    """The claim ends without answers, and a label is awaited, unless it came meanwhile."""
    if group.claim != token:
        return group
    held = group.rollouts[index]
    waits = held.label is None and not held.unlabelled
    return replace(released(group, token), awaited=AwaitedLabel(index, request, until) if waits else group.awaited)


def settled(group: HeldGroup, token: str, answers: Mapping[int, Answer]) -> HeldGroup:
    """The claim ends; the rollouts that have no answer yet have theirs of `answers`, also where the claim was lost."""
    rollouts = {
        index: replace(held, answer=answers[index]) if held.answer is None and index in answers else held
        for index, held in group.rollouts.items()
    }
    return replace(released(group, token), rollouts=rollouts)


def first_written(stored: HeldGroup, given: HeldGroup) -> HeldGroup:
    """What two processes answered, each without the other: what `stored` says stays, `given` adds to it.

    Raises Conflict where the two are not of the same content.
    """
    rollouts = dict(given.rollouts)
    for index, held in stored.rollouts.items():
        ours = rollouts.setdefault(index, held)
        if stored.query != given.query or stored.size != given.size or held.content != ours.content:
            raise answered_otherwise(given.key)
        rollouts[index] = replace(ours, answer=held.answer or ours.answer)
    return replace(given, rollouts=rollouts)


def usage_of(group: HeldGroup | None) -> Usage:
    """What a group takes."""
    if group is None:
        return Usage()
    if group.finished:
        return Usage(0, 1, group.size, OVERHEAD_BYTES * (1 + group.size))
    return Usage(1, 0, len(group.rollouts), group.query_bytes + sum(held.bytes for held in group.rollouts.values()))


def claim_of(name: str, group: HeldGroup, texts: Texts, now: float) -> Claim:
    """What the claim to a group says."""
    assert group.claim is not None, "the group was claimed before"
    return Claim(
        group=name,
        token=group.claim,
        key=group.key,
        query=texts.query,
        group_size=group.size,
        step=group.step,
        label_budget=group.label_budget,
        rollouts={i: replace(texts.rollouts[i], label=held.label) for i, held in sorted(group.rollouts.items())},
        settles=group.due(now),
        late=any(held.answer for held in group.rollouts.values()),
        overdue=group.overdue,
        unlabelled=frozenset(i for i, held in group.rollouts.items() if held.unlabelled or not held.verifies),
    )


def to_json(group: HeldGroup) -> bytes:
    """What the storages keep."""
    return _JSON.dump_json(group)


def from_json(text: bytes | str) -> HeldGroup:
    """The group that `to_json` wrote. Raises ValueError for anything else."""
    return _JSON.validate_json(text)


_JSON = TypeAdapter(HeldGroup)
