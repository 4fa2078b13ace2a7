"""The words of the rendezvous, and the records that pass between its parts.

due         a rollout is to be scored now: its group is complete and awaits no label, or the group is overdue and the
            rollout allows a partial answer
overdue     a call of the group allows a partial answer and waits no more, neither for siblings nor for a label; the
            group stays overdue, and what comes later is due on arrival
late        a scoring of a group some of whose rollouts are settled already
partial     an answer that was made before the group was complete
settled     a rollout that has its answer; the first answer stays
finished    a group that is complete, and all of whose rollouts are settled

Each rule behind a word is in group.py, once.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from memreward_proto.records import (
    GroupKey,
    LabelBudget,
    LabelRequest,
    Query,
    Rollout,
    Source,
    Status,
    Submission,
)
from memreward_service.rendezvous.texts import Texts

OVERHEAD_BYTES = 4096
"""What a held rollout, a group and a waiting call each cost beside their texts, about."""
OUTCOME_BYTES = 64
"""What one outcome of a behaviour costs, about."""
RETRY_SECONDS = 1.0
"""After how many seconds a caller that was turned away should come back."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A submission as a place needs it.

    `group` names the group; `query` is a digest of the query and `content` one of the rollout without its label, which
    may come later. The bytes are those of the texts, with the overhead.
    """

    submission: Submission
    group: str
    query: str
    content: str
    query_bytes: int
    rollout_bytes: int
    texts: Texts


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rollout was answered: the part of its RolloutReward that its submission does not say."""

    rollouts_present: int
    partial: bool
    reward: float | None
    probability: float | None
    status: Status
    source: Source | None
    model_version: str | None
    memory_version: int | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RolloutState:
    """How things are for one rollout: how many of its group are there, whether it is due, its answer if it is settled.

    `known`: the rollout was there before this call. `request`: its label is awaited, and why. `lapses_seconds`: when
    the label that the group awaits will be awaited no more; None where none is.
    """

    present: int
    due: bool
    answer: Answer | None
    known: bool
    request: LabelRequest | None = None
    lapses_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to score a group, and what to score: all `rollouts` that are there, by index, for those in `settles`.

    `step` and `label_budget`: as the siblings say. `unlabelled`: whose label cannot be had, because it was asked for in
    vain, or the caller cannot verify. `token` sets this claim apart from others to the same group.
    """

    group: str
    token: str
    key: GroupKey
    query: Query
    group_size: int
    step: int | None
    label_budget: LabelBudget | None
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


class Usage(NamedTuple):
    """How much is held. Finished groups are kept for retries."""

    open_groups: int = 0
    finished_groups: int = 0
    rollouts: int = 0
    bytes: int = 0

    def changed(self, before: Usage, after: Usage) -> Usage:
        """The usage when a group that took `before` takes `after`."""
        return Usage(*(total - old + new for total, old, new in zip(self, before, after, strict=True)))


def arrival_of(submission: Submission) -> Arrival:
    """The digests, sizes and texts of a submission."""
    query, rollout = submission.query, submission.rollout
    return Arrival(
        submission=submission,
        group=group_name(submission.key),
        query=_digest(query.text, query.id, query.domain, query.dataset),
        content=_digest(rollout.response, rollout.thinking, rollout.answer, rollout.answer_key, rollout.behaviour),
        query_bytes=_bytes(query.text, query.id, query.dataset),
        rollout_bytes=_bytes(rollout.response, rollout.thinking, rollout.answer, rollout.answer_key)
        + sum(OUTCOME_BYTES * len(outcomes) for outcomes in rollout.behaviour or ()),
        texts=Texts(query, {submission.rollout_index: rollout}),
    )


def group_name(key: GroupKey) -> str:
    """The digest by which places and the label ledger know a group."""
    return _digest(key.run_id, key.group_id, key.group_attempt)


def _digest(*parts: object) -> str:
    """JSON keeps the parts apart; its ASCII form takes any Python string."""
    return hashlib.blake2b(json.dumps(parts).encode("ascii"), digest_size=16).hexdigest()


def _bytes(*texts: str | None) -> int:
    return OVERHEAD_BYTES + sum(sys.getsizeof(text) for text in texts if text is not None)
