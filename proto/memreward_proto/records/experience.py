"""What is stored and learned from: experience, labels that come later, the memory, training jobs and models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from memreward_proto.records.labels import TrustIntervals
from memreward_proto.records.record import Record
from memreward_proto.records.rollouts import Query, Rollout


@dataclass(frozen=True, slots=True)
class StoredRollout(Rollout):
    """A rollout as memory keeps it; as stored, its id is there."""

    id: str | None = None
    """Your own id, for labels that come later; without it, one is derived from the content."""
    label_source: str | None = None
    """Who gave the label, for example verifier or expert."""
    policy: str | None = None
    """The model that wrote the response."""
    step: int | None = None
    """The training step of that model."""


@dataclass(frozen=True, slots=True)
class Experience(Query):
    """A query with its rollouts, to store or as stored; as stored, all ids and the domain are there, and POST
    /v1/experience takes it back as it is."""

    rollouts: Sequence[StoredRollout] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class ExperienceRequest(Record):
    """POST /v1/experience."""

    queries: Sequence[Experience]


@dataclass(frozen=True, slots=True)
class RefusedRollout(Record):
    """A rollout that was not stored, by its place in the request, and why: a sentence."""

    query_index: int
    rollout_index: int
    reason: str


@dataclass(frozen=True, slots=True)
class ExperienceReceipt(Record):
    """The answer of POST /v1/experience. The same content again: nothing added, the same ids and version.

    version is the store's version that holds the content; it counts in predictions once the memory has reached it. Ids
    stand where their queries and rollouts stood in the request; the id of what was refused is "".
    """

    version: int
    queries_added: int
    rollouts_added: int
    labels_changed: int
    query_ids: tuple[str, ...]
    rollout_ids: tuple[tuple[str, ...], ...]
    refused: tuple[RefusedRollout, ...] = ()


@dataclass(frozen=True, slots=True)
class ExperiencePage(Record):
    """One page of an export, in id order; next is the `after` of the next page, null on the last."""

    queries: Sequence[Experience]
    next: str | None


@dataclass(frozen=True, slots=True)
class Label(Record):
    """A true reward for a stored rollout."""

    rollout_id: str
    label: float
    """From 0 (wrong) to 1 (right)."""
    source: str
    """Who gave it, for example verifier or expert."""


@dataclass(frozen=True, slots=True)
class LabelsRequest(Record):
    """POST /v1/labels."""

    labels: Sequence[Label]


@dataclass(frozen=True, slots=True)
class LabelReceipt(Record):
    """The answer of POST /v1/labels: how many labels were new or different, and the version that holds them."""

    version: int
    labels_changed: int


@dataclass(frozen=True, slots=True)
class StoreCounts(Record):
    """Sizes of the durable store."""

    version: int
    queries: int
    rollouts: int
    labels: int


@dataclass(frozen=True, slots=True)
class MemoryStatus(Record):
    """How far the memory that predictions use (memory_version) has followed the store (stored.version)."""

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
class TrainingOptions(Record):
    """POST /v1/training; what is not given is as the service is set."""

    seeds: int | None = None
    """Independent runs, 1 to 32; the best is kept."""
    epochs: int | None = None
    """At most so many epochs each, 1 to 10000."""


@dataclass(frozen=True, slots=True)
class JobError(Record):
    """Why a job failed: a code of the error table, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class TrainingJob(Record):
    """A training job; progress runs from 0 to 1, metrics are on held-out queries, error only where it failed."""

    job_id: str
    status: JobStatus
    progress: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    model_version: str | None = None
    error: JobError | None = None
    reason: str | None = None
    """Whether the model was taken, and why; only where the job succeeded."""


@dataclass(frozen=True, slots=True)
class ModelInfo(Record):
    """A trained model, unchangeable: when it was made (UTC, ISO 8601), what it was trained on, how good it is."""

    model_version: str
    created_at: str
    active: bool
    memory_version: int
    training_queries: int
    training_labels: int
    metrics: dict[str, float] = field(default_factory=dict)
    reason: str | None = None
    """Whether it was taken or refused when it was made, and why; null for models of older versions of the service."""
    intervals: TrustIntervals | None = None
    """Of the metrics, over groups drawn anew; null for models of older versions of the service."""


@dataclass(frozen=True, slots=True)
class Models(Record):
    """The models on disk, newest first."""

    models: Sequence[ModelInfo]
