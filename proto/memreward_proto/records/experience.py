"""What is stored and learned from: experience, labels that come later, the memory, training jobs and models."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from memreward_proto.records.rollouts import Query, Rollout


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """A rollout as memory keeps it. `label_source` says who gave the label (for example `verifier` or `expert`)."""

    id: str
    rollout: Rollout
    label_source: str | None = None
    policy: str | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Experience:
    """A stored query with all its rollouts, in the order in which they were first stored."""

    query: Query
    rollouts: tuple[StoredRollout, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """A true reward in [0, 1] that arrives after its rollout was stored."""

    rollout_id: str
    label: float
    source: str


@dataclass(frozen=True, slots=True)
class ExperienceReceipt:
    """What POST /v1/experience did. Same content again: zero added, zero updated, the same ids and version.

    `version` is the store's version that holds the content; it counts in predictions once the memory has reached it.
    """

    version: int
    queries_added: int
    rollouts_added: int
    labels_changed: int
    query_ids: tuple[str, ...]
    rollout_ids: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class LabelReceipt:
    """What POST /v1/labels did: how many labels were new or different, and the version that holds them."""

    version: int
    labels_changed: int


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """Sizes of the durable store."""

    version: int
    queries: int
    rollouts: int
    labels: int


@dataclass(frozen=True, slots=True)
class MemoryStatus:
    """How far the memory that predictions use has followed the durable store (`memory_version` of `stored.version`)."""

    memory_version: int
    indexed_queries: int
    stored: StoreCounts
    building: bool


class JobStatus(StrEnum):
    """The life of a training job."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """`seeds`: independent runs, the best kept by false-positive rate; `epochs`: at most so many each.

    None takes the value of Settings.
    """

    seeds: int | None = None
    epochs: int | None = None


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A snapshot of one training job. `progress` is in [0, 1]; `metrics` are on held-out queries; `error` is an
    ErrorCode value and a person's sentence, only when failed."""

    job_id: str
    status: JobStatus
    progress: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    model_version: str | None = None
    error: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """An immutable trained model: its version, when it was made (UTC, ISO 8601), what it was trained on, how good."""

    model_version: str
    created_at: str
    active: bool
    memory_version: int
    training_queries: int
    training_labels: int
    metrics: dict[str, float] = field(default_factory=dict)
