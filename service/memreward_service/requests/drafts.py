"""What a caller sent, before it is known to be right: the input of validation.py, the same from both
transports.

A draft differs from its record only in what may be missing. `Rollout` has no required field beyond its
response, so drafts hold the record itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from memreward_proto.records import Rollout


@dataclass(frozen=True, slots=True)
class QueryDraft:
    """A query as sent. `domain` is any word, `id` None means "derive it"."""

    text: str
    id: str | None = None
    domain: str | None = None
    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class GroupDraft:
    """A group as sent. `query` is None where the caller forgot it."""

    query: QueryDraft | None
    rollouts: tuple[Rollout, ...]
    group_id: str | None = None


@dataclass(frozen=True, slots=True)
class LabelBudgetDraft:
    """What a run may spend on labels, as sent. `share` is None where the caller forgot it."""

    share: float | None
    labels: int | None = None
    deadline_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LabelPlanDraft:
    """The groups of a label plan as sent. `budget` is None where the caller forgot it; the rest is None where nothing
    is to be charged."""

    groups: tuple[GroupDraft, ...]
    budget: int | None
    run_id: str | None = None
    step: int | None = None
    label_budget: LabelBudgetDraft | None = None


@dataclass(frozen=True, slots=True)
class SubmissionDraft:
    """One rollout sent alone, as sent. What is None was forgotten, or is left to the service."""

    run_id: str
    group_id: str
    group_attempt: int | None
    rollout_index: int | None
    group_size: int | None
    query: QueryDraft | None
    rollout: Rollout | None
    deadline_ms: int | None = None
    allow_partial: bool | None = None
    step: int | None = None
    label_budget: LabelBudgetDraft | None = None
    no_label: bool | None = None


@dataclass(frozen=True, slots=True)
class StoredRolloutDraft:
    """A rollout to store, as sent."""

    rollout: Rollout
    id: str | None = None
    label_source: str | None = None
    policy: str | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class ExperienceDraft:
    """A query to store with its rollouts, as sent."""

    query: QueryDraft
    rollouts: tuple[StoredRolloutDraft, ...]


@dataclass(frozen=True, slots=True)
class LabelDraft:
    """A late label as sent. `label` is None where the caller forgot it: never to be read as 0."""

    rollout_id: str
    label: float | None
    source: str
