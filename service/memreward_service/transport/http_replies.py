"""The JSON answers of /v1: their schemas for the OpenAPI page, and the records that need more than their
fields.

orjson writes a dataclass field by field, so most records are their own JSON; a stored query is flat on the
wire, and the error of a job is an object. The contract tests hold the schemas and the answers together.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from memreward_service.errors import ERROR_TABLE
from memreward_service.records import Domain, Experience, JobStatus, Source, Status, TrainingJob


def experience_json(experience: Experience) -> dict[str, object]:
    """A stored query with its rollouts, flat."""
    query = experience.query
    return {
        "id": query.id,
        "text": query.text,
        "domain": query.domain,
        "dataset": query.dataset,
        "rollouts": [
            {
                "id": stored.id,
                "response": stored.rollout.response,
                "thinking": stored.rollout.thinking,
                "answer": stored.rollout.answer,
                "answer_key": stored.rollout.answer_key,
                "label": stored.rollout.label,
                "label_source": stored.label_source,
                "policy": stored.policy,
                "step": stored.step,
            }
            for stored in experience.rollouts
        ],
    }


def page_json(queries: Sequence[Experience], limit: int) -> dict[str, object]:
    """One page of an export; `queries` holds one more than `limit` where there is a next page."""
    page = queries[:limit]
    return {
        "queries": [experience_json(experience) for experience in page],
        "next": page[-1].query.id if len(queries) > limit else None,
    }


def job_json(job: TrainingJob) -> dict[str, object]:
    """A training job."""
    return {
        "job_id": job.job_id,
        "status": job.status,
        "progress": job.progress,
        "metrics": job.metrics,
        "model_version": job.model_version,
        "error": None if job.error is None else {"code": job.error[0], "message": job.error[1]},
    }


class Reply(BaseModel):
    """An answer of the service."""

    model_config = ConfigDict(extra="forbid")


class ErrorObject(Reply):
    """What went wrong and what to do."""

    code: str = Field(json_schema_extra={"enum": list(ERROR_TABLE)})
    message: str
    details: dict[str, object]


class ErrorReply(Reply):
    """Every error of every route."""

    error: ErrorObject


class ExplanationReply(Reply):
    """What the group says about a rollout."""

    answer: str
    answer_key: str
    agreement: float
    same_key_right: int
    same_key_wrong: int


class PredictionReply(Reply):
    """The answer for one rollout; reward is null unless status is ok."""

    reward: float | None
    probability: float | None
    status: Status
    source: Source | None
    explanation: ExplanationReply | None


class NeighborReply(Reply):
    """A memory query; similarity is the cosine."""

    query_id: str
    similarity: float
    text: str


class ScoredGroupReply(Reply):
    """Predictions in the order of the rollouts sent, and the memory queries they drew on, nearest first."""

    group_id: str
    rollouts: list[PredictionReply]
    neighbors: list[NeighborReply]


class ScoredReply(Reply):
    """The answer of POST /v1/rewards: reproducible from the two versions and the input."""

    model_version: str
    memory_version: int
    groups: list[ScoredGroupReply]


class ExperienceReceiptReply(Reply):
    """The answer of POST /v1/experience. The same content again: nothing added, the same ids."""

    version: int
    queries_added: int
    rollouts_added: int
    labels_changed: int
    query_ids: list[str]
    rollout_ids: list[list[str]]


class LabelReceiptReply(Reply):
    """The answer of POST /v1/labels."""

    version: int
    labels_changed: int


class StoredRolloutReply(Reply):
    """A rollout as memory keeps it."""

    id: str
    response: str
    thinking: str | None
    answer: str | None
    answer_key: str | None
    label: float | None
    label_source: str | None
    policy: str | None
    step: int | None


class ExperienceReply(Reply):
    """A stored query with its rollouts; POST /v1/experience takes it back as it is."""

    id: str
    text: str
    domain: Domain
    dataset: str | None
    rollouts: list[StoredRolloutReply]


class ExperiencePageReply(Reply):
    """One page of an export; next is null on the last."""

    queries: list[ExperienceReply]
    next: str | None


class SearchReply(Reply):
    """The memory queries nearest to a text, nearest first."""

    queries: list[NeighborReply]


class StoreCountsReply(Reply):
    """Sizes of the durable store."""

    version: int
    queries: int
    rollouts: int
    labels: int


class MemoryReply(Reply):
    """How far the memory has followed the store."""

    memory_version: int
    indexed_queries: int
    stored: StoreCountsReply
    building: bool


class JobErrorReply(Reply):
    """Why a job failed."""

    code: str
    message: str


class JobReply(Reply):
    """A training job; progress runs from 0 to 1."""

    job_id: str
    status: JobStatus
    progress: float
    metrics: dict[str, float]
    model_version: str | None
    error: JobErrorReply | None


class ModelReply(Reply):
    """A trained model."""

    model_version: str
    created_at: str
    active: bool
    memory_version: int
    training_queries: int
    training_labels: int
    metrics: dict[str, float]


class ModelsReply(Reply):
    """The models on disk, newest first."""

    models: list[ModelReply]
