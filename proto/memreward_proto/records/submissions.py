"""Rollouts that are sent one by one, each with its place in its group."""

from __future__ import annotations

from dataclasses import dataclass

from memreward_proto.records.labels import LabelBudget, LabelRequest
from memreward_proto.records.rollouts import Query, Rollout, Source, Status


@dataclass(frozen=True, slots=True)
class GroupKey:
    """Which group a rollout sent alone belongs to; a re-sampled group has the next `group_attempt`."""

    run_id: str
    group_id: str
    group_attempt: int = 0


@dataclass(frozen=True, slots=True)
class Submission:
    """One rollout sent alone; (`key`, `rollout_index`) is its identity: sent again, it is the same rollout.

    The group is complete when `group_size` rollouts, of index 0 to group_size - 1, are there. The call waits for that
    at most `deadline_seconds`; then the rollouts that are there are scored if `allow_partial`, else the answer is
    TIMEOUT. `step` is the training step, by which trust is told.

    With a `label_budget` the caller can verify: the answer may be LABEL_REQUESTED, upon which it sends the rollout
    again with its label, or with `no_label` where it cannot be had. Siblings wait meanwhile.
    """

    key: GroupKey
    rollout_index: int
    group_size: int
    query: Query
    rollout: Rollout
    deadline_seconds: float
    allow_partial: bool = False
    step: int | None = None
    label_budget: LabelBudget | None = None
    no_label: bool = False


@dataclass(frozen=True, slots=True)
class RolloutReward:
    """The answer to one rollout sent alone. `reward`, `probability`, `status`, `source`: as in Prediction.

    `rollouts_present` rollouts of the group were there and were scored together (or waited, where TIMEOUT); `partial`
    says that the answer was made without the others. The versions are None unless a model was asked.
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
