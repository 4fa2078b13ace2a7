"""What the rendezvous asks of the place where groups meet, and the records that pass between the two.

Two places: in_process.py (this process and the durable store) and in_redis.py (all replicas). Both
keep to one rule of when a rollout is due, that is, to be scored now:

    the group is complete, and no label is awaited,
    or  neither siblings nor labels will be waited for any more (`overdue`) and the rollout allows that

A group becomes overdue when the deadline of a call that allows partial answers passes, and stays so: what comes late
is due on arrival. Of a group one label is awaited at a time: until its rollout comes again with it, or with `no_label`,
or the time for it passes (the request lapses).
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from memreward_proto.errors import Conflict, Overloaded, Unavailable
from memreward_proto.records import GroupKey, LabelRequest, Query, Rollout, RolloutReward, Submission

OVERHEAD_BYTES = 4096
"""What a held rollout, a group and a waiting call each cost beside their texts, about."""
OUTCOME_BYTES = 64
"""What one outcome of a behaviour costs, about."""
SHARE_OF_NEW_GROUPS = 0.9
"""How full a place may be for a new group: the rest is for the siblings of groups that are there already, because
only a group that can become complete will go."""
RETRY_SECONDS = 1.0
"""When a caller that was turned away is told to come back."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A submission as a place needs it.

    `group` names the group and `content` the rollout without its label, which may come later, as digests; `facts` is
    the digest of what all rollouts of the group must agree on. The bytes are those of the texts, with the overhead.
    """

    submission: Submission
    group: str
    facts: str
    content: str
    query_bytes: int
    rollout_bytes: int


@dataclass(frozen=True, slots=True)
class Standing:
    """How things are for one rollout: how many of its group are there, whether it is due, its answer if it has one.

    `known`: the rollout was there before this call. `request`: its label is awaited, and why. `lapses_seconds`: when
    the label that the group awaits will be awaited no more; None where none is.
    """

    present: int
    due: bool
    answer: RolloutReward | None
    known: bool
    request: LabelRequest | None = None
    lapses_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to score a group, and what to score: all `rollouts` that are there, by index, for those in `settles`.

    `late`: siblings have answers already. `overdue`: somebody waits no more. `unlabelled`: whose label cannot be had,
    because it was asked for in vain, or the caller cannot verify. `token` tells this claim from others to the same
    group.
    """

    group: str
    token: str
    key: GroupKey
    query: Query
    group_size: int
    rollouts: Mapping[int, Rollout]
    settles: tuple[int, ...]
    late: bool
    overdue: bool
    unlabelled: frozenset[int]

    @property
    def complete(self) -> bool:
        """Whether the whole group is there."""
        return len(self.rollouts) == self.group_size

    @property
    def may_ask(self) -> bool:
        """Whether labels may be asked for: nobody is kept waiting beyond a deadline for them."""
        return self.complete and not self.late and not self.overdue


@dataclass(frozen=True, slots=True)
class Held:
    """How much a place holds. Finished groups have all their answers, which are kept for retries."""

    open_groups: int
    finished_groups: int
    rollouts: int
    bytes: int


class MeetingPlace(Protocol):
    """Where the rollouts of a group come together. Every method may raise Unavailable."""

    poll_seconds: float | None
    """How often a waiting call looks by itself, where a wake-up can be lost."""

    async def open(self, wake: Callable[[str], None]) -> None:
        """Begin. `wake(group)` is called when another process settled or gave up a group."""

    async def close(self) -> None:
        """End; what is held stays where it is durable."""

    async def arrive(self, arrival: Arrival, overdue: bool) -> Standing:
        """Hold the rollout if it is new, and its label. `overdue`: its call has waited long enough and allows a partial
        answer.

        Raises Conflict (the same identity with other content, or with another label), Overloaded.
        """
        ...

    async def look(self, arrival: Arrival, overdue: bool) -> Standing:
        """How things are now, for a call that arrived before."""
        ...

    def leave(self, arrival: Arrival) -> None:
        """A call that arrived has ended."""

    async def claim(self, group: str) -> Claim | None:
        """The right to score what is due in the group; None where nothing is, or somebody else has it."""
        ...

    async def settle(self, claim: Claim, answers: Sequence[RolloutReward]) -> Mapping[int, RolloutReward]:
        """Keep the answers to `claim.settles` and end the claim. What was written first stays, and is returned."""
        ...

    async def ask(self, claim: Claim, index: int, request: LabelRequest, seconds: float) -> None:
        """End the claim without answers, and await the label of rollout `index` for `seconds`."""

    async def release(self, claim: Claim) -> None:
        """End a claim without answers."""

    def held(self) -> Held:
        """How much is held, as last seen."""
        ...


def arrival_of(submission: Submission) -> Arrival:
    """The digests and sizes of a submission."""
    query, rollout = submission.query, submission.rollout
    return Arrival(
        submission=submission,
        group=group_name(submission.key),
        facts=_digest(submission.group_size, query.text, query.id, query.domain, query.dataset),
        content=_digest(rollout.response, rollout.thinking, rollout.answer, rollout.answer_key, rollout.behaviour),
        query_bytes=_bytes(query.text, query.id, query.dataset),
        rollout_bytes=_bytes(rollout.response, rollout.thinking, rollout.answer, rollout.answer_key)
        + sum(OUTCOME_BYTES * len(outcomes) for outcomes in rollout.behaviour or ()),
    )


def group_name(key: GroupKey) -> str:
    """The digest by which places and the label ledger know a group."""
    return _digest(key.run_id, key.group_id, key.group_attempt)


def other_group(arrival: Arrival) -> Conflict:
    """The error of a rollout whose siblings came with another query or group_size."""
    key = arrival.submission.key
    return Conflict(
        f"The group {key.group_id!r} of run {key.run_id!r} came with another query or group_size before: "
        "send a group that is sampled again with the next group_attempt.",
        field="group_id",
        group_id=key.group_id,
        group_attempt=key.group_attempt,
    )


def other_rollout(arrival: Arrival) -> Conflict:
    """The error of an identity that is taken by another rollout."""
    key, index = arrival.submission.key, arrival.submission.rollout_index
    return Conflict(
        f"Rollout {index} of the group {key.group_id!r} of run {key.run_id!r} came with other content or another label "
        "before: "
        "send a group that is sampled again with the next group_attempt.",
        field="rollout_index",
        group_id=key.group_id,
        group_attempt=key.group_attempt,
        rollout_index=index,
    )


def full(limit: int) -> Overloaded:
    """The error of a rollout for which there is no room."""
    return Overloaded(
        f"The groups that wait hold {limit} bytes, which is the limit: try again in {RETRY_SECONDS:g} s, "
        "or raise MEMREWARD_RENDEZVOUS_MAX_BYTES of the service.",
        retry_after=RETRY_SECONDS,
        limit=limit,
    )


def closing() -> Unavailable:
    """The error of a call that the end of the service meets."""
    return Unavailable(
        "The service is shutting down: send the rollout again, here or to another replica.",
        retry_after=RETRY_SECONDS,
    )


def _digest(*parts: object) -> str:
    """JSON keeps the parts apart; its ASCII form takes any Python string."""
    return hashlib.blake2b(json.dumps(parts).encode("ascii"), digest_size=16).hexdigest()


def _bytes(*texts: str | None) -> int:
    return OVERHEAD_BYTES + sum(sys.getsizeof(text) for text in texts if text is not None)
