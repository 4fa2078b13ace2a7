"""What is stored, and what is learned from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from memreward_client.records.rollouts import Query, Rollout

JobStatus = Literal["queued", "running", "succeeded", "failed"]
"""The life of a training job."""


@dataclass(frozen=True, slots=True)
class StoredRollout:
    """A rollout as memory keeps it. `label_source`: who gave the label; `policy`: the model that wrote it."""

    rollout: Rollout
    id: str | None = None
    label_source: str | None = None
    policy: str | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Experience:
    """A query with its rollouts, to store or as stored; as stored, all ids and the domain are there."""

    query: Query
    rollouts: Sequence[StoredRollout]


@dataclass(frozen=True, slots=True)
class ExperiencePage:
    """Stored queries in id order; `next` is the `after` of the next page, None on the last."""

    queries: tuple[Experience, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class ExperienceReceipt:
    """What `add_experience` did; the same content again adds nothing and gets the same ids.

    `version` is the store's version that holds it all; predictions use it once the memory has reached it.
    """

    version: int
    queries_added: int
    rollouts_added: int
    labels_changed: int
    query_ids: tuple[str, ...]
    rollout_ids: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Label:
    """The true reward, in [0, 1], of a stored rollout; `source` is who gave it, for example verifier."""

    rollout_id: str
    label: float
    source: str


@dataclass(frozen=True, slots=True)
class LabelReceipt:
    """How many labels were new or different, and the store's version that holds them."""

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
    """How far the memory that predictions use (`memory_version`) has followed the store (`stored.version`)."""

    memory_version: int
    indexed_queries: int
    stored: StoreCounts
    building: bool


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a training job failed: a code of the service, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A training job. `progress` is in [0, 1]; `metrics` are on held-out queries; `error` only where it failed."""

    job_id: str
    status: JobStatus
    progress: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    model_version: str | None = None
    error: JobError | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """An immutable trained model: when it was made (UTC, ISO 8601), on what it was trained, and how good it is."""

    model_version: str
    created_at: str
    active: bool
    memory_version: int
    training_queries: int
    training_labels: int
    metrics: Mapping[str, float] = field(default_factory=dict)
