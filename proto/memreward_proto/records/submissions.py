"""Rollouts that are sent one by one, each with its place in its group."""

from __future__ import annotations

from dataclasses import dataclass

from memreward_proto.records.labels import LabelBudget, LabelRequest
from memreward_proto.records.record import Record
from memreward_proto.records.rollouts import Query, Rollout, Source, Status


@dataclass(frozen=True, slots=True)
class GroupKey:
    """Which group a rollout sent alone belongs to; a group that is sampled again has the next `group_attempt`."""

    run_id: str
    group_id: str
    group_attempt: int = 0


@dataclass(frozen=True, slots=True)
class Submission(Record):
    """POST /v1/rollouts: one rollout, sent alone. run_id, group_id, group_attempt and rollout_index are its identity:
    sent again with the same content, it is the same rollout and gets the same answer.

    With a label_budget the answer may be label_requested: verify the rollout, and send it again with its label, or with
    no_label where that cannot be had. Its siblings wait meanwhile.
    """

    run_id: str
    """The training run; two runs never share a group."""
    group_id: str
    """The group: the same for all rollouts of one query in one step, and for no others of the run."""
    rollout_index: int
    """Which rollout of the group, from 0 to group_size - 1. Sent again, it is the same rollout."""
    group_size: int
    """How many rollouts make the group complete."""
    query: Query
    rollout: Rollout
    group_attempt: int | None = None
    """0 where not given; the next number for a group that is sampled again."""
    step: int | None = None
    """The training step, by which GET /v1/trust and GET /v1/label-spending give figures."""
    label_budget: LabelBudget | None = None
    """You can verify this rollout, and its run may spend so much: the answer may be label_requested. Send the rollout
    again then, with its label, or with no_label."""
    no_label: bool | None = None
    """The label was asked for and cannot be had: the verifier cannot say, or failed."""
    deadline_ms: int | None = None
    """How long the call may wait for the rest of the group, 0 not at all; without it, as the service is set."""
    allow_partial: bool | None = None
    """At the deadline, score the rollouts that are there instead of answering timeout."""

    @property
    def key(self) -> GroupKey:
        """The group that the rollout belongs to."""
        return GroupKey(self.run_id, self.group_id, self.group_attempt or 0)


@dataclass(frozen=True, slots=True)
class RolloutReward(Record):
    """The answer of POST /v1/rollouts; reward is null unless status is ok. On timeout, send the same rollout again; on
    label_requested too, with its label or with no_label. label_request is null for every other status.

    rollouts_present rollouts of the group were there and were scored together (or waited, on timeout); partial: the
    answer was made without the others. The versions are null unless a model was asked.
    """

    run_id: str
    group_id: str
    group_attempt: int
    rollout_index: int
    group_size: int
    rollouts_present: int
    partial: bool
    reward: float | None
    probability: float | None
    status: Status
    source: Source | None
    model_version: str | None
    memory_version: int | None
    label_request: LabelRequest | None = None
    reason: str | None = None
    """Why the status is invalid, or why it is abstain because a consensus drifts, a sentence; else null."""
