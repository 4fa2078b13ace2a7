"""Rollouts sent one by one."""

from __future__ import annotations

from dataclasses import dataclass

from memreward_client.records.labels import LabelBudget, LabelRequest
from memreward_client.records.rollouts import Query, Rollout, Source, Status


@dataclass(frozen=True, slots=True)
class Submission:
    """One rollout sent alone. (`run_id`, `group_id`, `group_attempt`, `rollout_index`) is its identity.

    Sent again with the same content, it is the same rollout and gets the same answer. The group is complete when the
    rollouts 0 to `group_size` - 1 are there; a group that is sampled again has the next `group_attempt`. `step` is the
    training step, by which `trust` and `label_spending` tell figures.

    Give a `label_budget` where you can verify a rollout: the answer may then be label_requested. Verify that rollout,
    and submit it again with its `rollout.label`, or with `no_label` where that cannot be had; its siblings wait.
    """

    run_id: str
    group_id: str
    rollout_index: int
    group_size: int
    query: Query
    rollout: Rollout
    group_attempt: int = 0
    step: int | None = None
    label_budget: LabelBudget | None = None
    no_label: bool = False


@dataclass(frozen=True, slots=True)
class RolloutReward:
    """The answer to a submission: its identity, and the four fields of a prediction.

    `rollouts_present` rollouts of the group were there and were scored together (or waited, where the status is
    timeout); `partial`: the answer was made without the others. The versions are None unless a model was asked.
    `label_request` says why its label is asked for, where the status is label_requested.
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
