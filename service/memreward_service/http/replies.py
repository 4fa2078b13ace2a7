"""The JSON answers of /v1: their schemas for the OpenAPI page, and the records that need more than their
fields.

orjson writes a dataclass field by field, so most records are their own JSON; a stored query is flat on the
wire, and the error of a job is an object. The contract tests hold the schemas and the answers together.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from memreward_proto.errors import ERROR_TABLE
from memreward_proto.records import Domain, Experience, JobStatus, PlanReason, Source, Status, TrainingJob


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
                "behaviour": stored.rollout.behaviour,
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


class PlannedLabelReply(Reply):
    """One rollout to verify; gain: rewards expected to become right by its label, its own included."""

    group_id: str
    rollout_index: int
    reason: PlanReason
    gain: float


class SampledRolloutReply(Reply):
    """A rollout of the random sample."""

    group_id: str
    rollout_index: int


class LabelPlanReply(Reply):
    """The answer of POST /v1/label-plan, in the order in which to verify; an empty plan: no label is expected to change
    a reward. sample: all rollouts drawn at random so far, their label known or planned here. model_version is null
    where no model is trained: then agreement alone is believed."""

    model_version: str | None
    memory_version: int
    plan: list[PlannedLabelReply]
    sample: list[SampledRolloutReply]


class LabelRequestReply(Reply):
    """Why a label is asked for, and how many rewards it is expected to put right, its own included."""

    reason: PlanReason
    gain: float


class RolloutRewardReply(Reply):
    """The answer of POST /v1/rollouts; reward is null unless status is ok. On timeout, send the same rollout again; on
    label_requested too, with its label or with no_label. label_request is null for every other status."""

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
    label_request: LabelRequestReply | None


class OpenRlhfReply(Reply):
    """The answer of POST /get_reward, one number a query in each list; extra_logs are metrics of OpenRLHF."""

    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


class GymResult(Reply):
    """What stands behind a reward in a trainer's format."""

    status: Status
    probability: float | None
    source: Source | None


class GymVerifyReply(BaseModel):
    """The answer of POST /verify: the fields of the request, and these. The last three only where there is no reward of
    its own."""

    reward: float
    memreward_result: GymResult
    mask_sample: bool = False
    instance_config: dict[str, object] | None = None
    failure_class: str | None = Field(None, alias="_ng_failure_class")


class GymMetricsReply(Reply):
    """The answer of POST /aggregate_metrics."""

    group_level_metrics: list[dict[str, object]]
    agent_metrics: dict[str, float]
    key_metrics: dict[str, float]


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
    behaviour: list[list[str]] | None
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


class TrustFiguresReply(Reply):
    """How predictions compare with what the rollouts are: labelled ones, each predicted without its own label, with
    their labels, often no random sample; or unlabelled ones with what the labels of others say. The two rates are over
    those that would have got a reward. Null where a figure is not defined."""

    rollouts: int
    share_abstained: float | None
    auc: float | None
    false_positive_rate: float | None
    false_negative_rate: float | None
    calibration_error: float | None


class IntervalReply(Reply):
    """The ends of an interval that holds the true figure 95 times of 100, for audits drawn anew."""

    low: float
    high: float


class TrustIntervalsReply(Reply):
    """The intervals of estimated figures; null where the figure is not defined."""

    auc: IntervalReply | None
    false_positive_rate: IntervalReply | None
    false_negative_rate: IntervalReply | None


class StepTrustReply(Reply):
    """The figures of one training step."""

    step: int
    figures: TrustFiguresReply


class DomainTrustReply(Reply):
    """The figures over the labelled rollouts of one domain and of its last training steps; predicted: the same,
    estimated for the last rollouts whose rewards were predicted, from so many audited ones, with an interval each;
    where these are too_few, a sentence, nothing is estimated. Where the domain is not trusted, all its predictions are
    answered abstain, for the reason."""

    domain: Domain
    trusted: bool
    reason: str | None
    figures: TrustFiguresReply
    predicted: TrustFiguresReply
    interval: TrustIntervalsReply
    audited: int
    too_few: str | None
    steps: list[StepTrustReply]


class TrustReply(Reply):
    """The answer of GET /v1/trust: over the groups answered last, `window` rollouts of each domain. The bounds are
    null where off; min_rollouts is how many audited rollouts an estimate takes."""

    window: int
    min_rollouts: int
    min_auc: float | None
    max_false_positive_rate: float | None
    overall: TrustFiguresReply
    domains: list[DomainTrustReply]


class StepSpendingReply(Reply):
    """Labels asked for among the rollouts of one training step so far; step is null where callers did not say it."""

    step: int | None
    rollouts: int
    labels: int


class LabelSpendingReply(Reply):
    """The answer of GET /v1/label-spending, in all and by step, in order of the steps; zeros for a run that is not
    known."""

    run_id: str
    rollouts: int
    labels: int
    steps: list[StepSpendingReply]
