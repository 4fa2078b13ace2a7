"""A group as one process holds it, from its first rollout to the last retry: plain state and its rules."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from memreward_proto.errors import Conflict
from memreward_proto.records import GroupKey, LabelRequest, Query, Rollout, RolloutReward
from memreward_service.rendezvous.group_json import answer_from, query_from, rollout_from, to_json
from memreward_service.rendezvous.protocol import (
    OVERHEAD_BYTES,
    Arrival,
    Standing,
    other_group,
    other_rollout,
)


@dataclass(slots=True)
class HeldRollout:
    """One rollout; its texts go when its group is finished, their digest `content` stays.

    `verifies`: its caller can verify. `unlabelled`: the label was asked for, and cannot be had.
    """

    content: str
    bytes: int
    rollout: Rollout | None
    allow_partial: bool = False
    answer: RolloutReward | None = None
    verifies: bool = False
    unlabelled: bool = False


@dataclass(frozen=True, slots=True)
class AwaitedLabel:
    """The label of rollout `index`, awaited `until` a time of the monotonic clock."""

    index: int
    request: LabelRequest
    until: float


@dataclass(slots=True)
class HeldGroup:
    """The rollouts that have come, by index. `calls` is how many wait, `claimed` says that it is being scored.

    `awaited` does not outlive the process: the same label is asked for again then, and the ledger knows it.
    """

    key: GroupKey
    facts: str
    size: int
    query: Query | None
    query_bytes: int
    rollouts: dict[int, HeldRollout]
    overdue: bool = False
    calls: int = 0
    claimed: bool = False
    awaited: AwaitedLabel | None = None

    @classmethod
    def opened_by(cls, arrival: Arrival) -> HeldGroup:
        """The group of a first rollout, still without it."""
        given = arrival.submission
        return cls(given.key, arrival.facts, given.group_size, given.query, arrival.query_bytes, {})

    @property
    def bytes(self) -> int:
        """What it holds."""
        return self.query_bytes + sum(held.bytes for held in self.rollouts.values())

    @property
    def finished(self) -> bool:
        """Whether every rollout has come and has its answer."""
        return len(self.rollouts) == self.size and all(held.answer for held in self.rollouts.values())

    def holds(self, arrival: Arrival) -> bool:
        """Whether this rollout is there. Raises Conflict where something else is, or it has another label."""
        if arrival.facts != self.facts:
            raise other_group(arrival)
        held = self.rollouts.get(arrival.submission.rollout_index)
        if held is None:
            return False
        known = held.rollout.label if held.rollout is not None else None
        given = arrival.submission.rollout.label
        if held.content != arrival.content or (given is not None and known is not None and given != known):
            raise other_rollout(arrival)
        return True

    def add(self, arrival: Arrival) -> None:
        """Hold a rollout that is not there."""
        given = arrival.submission
        self.rollouts[given.rollout_index] = HeldRollout(arrival.content, arrival.rollout_bytes, given.rollout)

    def standing(self, arrival: Arrival, overdue: bool, known: bool) -> Standing:
        """How things are for a rollout that is there, after its call said what it allows."""
        index = arrival.submission.rollout_index
        held = self.rollouts[index]
        held.allow_partial = arrival.submission.allow_partial
        held.verifies = arrival.submission.label_budget is not None
        self.overdue = self.overdue or overdue
        awaited = self._still_awaited()
        return Standing(
            present=len(self.rollouts),
            due=self._is_due(held),
            answer=held.answer,
            known=known,
            request=awaited.request if awaited is not None and awaited.index == index else None,
            lapses_seconds=None if awaited is None else awaited.until - time.monotonic(),
        )

    def hear(self, arrival: Arrival) -> None:
        """Take the label of a rollout that is there, or that it has none."""
        index, label = arrival.submission.rollout_index, arrival.submission.rollout.label
        held = self.rollouts[index]
        if label is None and not arrival.submission.no_label:
            return
        if label is None:
            held.unlabelled = True
        elif held.rollout is not None:
            held.rollout = replace(held.rollout, label=label)
        if self.awaited is not None and self.awaited.index == index:
            self.awaited = None

    def await_label(self, index: int, request: LabelRequest, seconds: float) -> None:
        """Wait for the label of one rollout before anything is due."""
        self.awaited = AwaitedLabel(index, request, time.monotonic() + seconds)

    def drop_lapsed(self) -> None:
        """A label that did not come in time is not asked for again."""
        if self.awaited is not None and self._still_awaited() is None:
            self.rollouts[self.awaited.index].unlabelled = True
            self.awaited = None

    def due(self) -> tuple[int, ...]:
        """The indices of the rollouts that are to be scored now."""
        return tuple(sorted(index for index, held in self.rollouts.items() if self._is_due(held)))

    def with_answers(self, answers: Mapping[int, RolloutReward]) -> HeldGroup:
        """A copy in which the rollouts without an answer have theirs of `answers`."""
        rollouts = {
            index: replace(held, answer=held.answer or answers.get(index)) for index, held in self.rollouts.items()
        }
        answered = replace(self, rollouts=rollouts)
        answered._drop_texts()
        return answered

    def take(self, settled: HeldGroup) -> None:
        """Take over what was settled, answers and siblings that another process knew."""
        for index, held in settled.rollouts.items():
            self.rollouts.setdefault(index, held).answer = held.answer
        self._drop_texts()

    def to_json(self) -> str:
        """What outlives the process."""
        return json.dumps(
            {
                "key": asdict(self.key),
                "facts": self.facts,
                "size": self.size,
                "query": None if self.query is None else to_json(self.query),
                "query_bytes": self.query_bytes,
                "overdue": self.overdue,
                "rollouts": {
                    index: {
                        "content": held.content,
                        "bytes": held.bytes,
                        "rollout": None if held.rollout is None else to_json(held.rollout),
                        "allow_partial": held.allow_partial,
                        "answer": None if held.answer is None else to_json(held.answer),
                    }
                    for index, held in self.rollouts.items()
                },
            }
        )

    @classmethod
    def from_json(cls, text: str) -> HeldGroup:
        """The group that `to_json` wrote; nobody waits for it yet."""
        facts: dict[str, Any] = json.loads(text)
        return cls(
            key=GroupKey(**facts["key"]),
            facts=facts["facts"],
            size=facts["size"],
            query=None if facts["query"] is None else query_from(facts["query"]),
            query_bytes=facts["query_bytes"],
            overdue=facts["overdue"],
            rollouts={
                int(index): HeldRollout(
                    content=held["content"],
                    bytes=held["bytes"],
                    rollout=None if held["rollout"] is None else rollout_from(held["rollout"]),
                    allow_partial=held["allow_partial"],
                    answer=None if held["answer"] is None else answer_from(held["answer"]),
                )
                for index, held in facts["rollouts"].items()
            },
        )

    def _is_due(self, held: HeldRollout) -> bool:
        complete = len(self.rollouts) == self.size and self._still_awaited() is None
        return held.answer is None and (complete or (self.overdue and held.allow_partial))

    def _still_awaited(self) -> AwaitedLabel | None:
        awaited = self.awaited
        return awaited if awaited is not None and time.monotonic() < awaited.until else None

    def _drop_texts(self) -> None:
        """A finished group is scored no more: retries need digests and answers only."""
        if self.finished:
            self.query, self.query_bytes = None, OVERHEAD_BYTES
            for held in self.rollouts.values():
                held.rollout, held.bytes = None, OVERHEAD_BYTES


def first_written(stored: str, given: str) -> str:
    """The group `given` as JSON, where what `stored` has answered already stays as it is.

    Raises Conflict where the two are not of the same content.
    """
    before, now = HeldGroup.from_json(stored), HeldGroup.from_json(given)
    for index, held in before.rollouts.items():
        if before.facts != now.facts or held.content != now.rollouts.get(index, held).content:
            raise Conflict(
                f"The group {now.key.group_id!r} of run {now.key.run_id!r} was answered with other content already: "
                "send a group that is sampled again with the next group_attempt.",
                group_id=now.key.group_id,
                group_attempt=now.key.group_attempt,
            )
        if held.answer is not None:
            now.rollouts.setdefault(index, held).answer = held.answer
    now._drop_texts()
    return now.to_json()
