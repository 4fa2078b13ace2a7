"""READ FIRST: every call of a MemReward service, as data: where it goes over either transport, and what comes back.

One call of `RewardClient` or `AsyncRewardClient` passes these files in this order:
    memreward_proto/records/   what goes in and what comes out, as frozen records
    calls.py             here: the calls
    async_client.py      a method for each call
    async_retry_loop.py  sends a call, waits, sends it again; retries.py says how long to wait and when to give up
    transport/           async_http.py and grpc.py carry one call, once: as JSON (memreward_proto/plain.py), or as a
                         message (memreward_proto/codec.py)
    errors.py            what all of it raises
client.py, retry_loop.py and transport/http.py are the same without `await`: `make client` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, Literal, TypeVar

from memreward_proto.plain import Json, plain, record_of
from memreward_proto.records import (
    Experience,
    ExperiencePage,
    ExperienceReceipt,
    ExperienceRequest,
    Group,
    Label,
    LabelBudget,
    LabelPlan,
    LabelPlanRequest,
    LabelReceipt,
    LabelSpending,
    LabelsRequest,
    MemoryStatus,
    ModelInfo,
    Models,
    Neighbor,
    Neighbors,
    PruneReport,
    PruneRequest,
    Record,
    RolloutReward,
    Scored,
    ScoreRequest,
    Submission,
    TrainingJob,
    TrainingOptions,
    TrustReport,
)  # fmt: skip

Result = TypeVar("Result", covariant=True)


@dataclass(frozen=True, slots=True)
class Call(Generic[Result]):
    """One call. `rpc`: its name in gRPC; `method`, `path`: its place in HTTP, where fields in braces go into the path.

    `request`: its record, or its fields; in HTTP the JSON body of a POST, the parameters of a GET. `answer`: the record
    that is answered, and `part` the field of it that the caller wants, None for all. `repeatable`: sent twice, it does
    what it does sent once.
    """

    rpc: str
    method: Literal["GET", "POST"]
    path: str
    request: Record | Mapping[str, Any]
    answer: type[Record]
    part: str | None = None
    repeatable: bool = True

    @property
    def fields(self) -> Json:
        """The request as JSON. Raises TypeError where it holds what no JSON can."""
        written: Json = plain(self.request)
        return written

    def read(self, answer: Record | Json) -> Result:
        """What the caller gets of an answer, a record or its JSON. Raises KeyError, TypeError, ValueError."""
        record: Any = record_of(self.answer, answer) if isinstance(answer, Mapping) else answer
        result: Result = record if self.part is None else getattr(record, self.part)
        return result


def score(groups: Iterable[Group], explain: bool) -> Call[Scored]:
    """POST /v1/rewards."""
    return Call("ScoreRewards", "POST", "/v1/rewards", ScoreRequest(list(groups), explain), Scored)


def plan_labels(
    groups: Iterable[Group], budget: int, run_id: str | None, step: int | None, label_budget: LabelBudget | None
) -> Call[LabelPlan]:
    """POST /v1/label-plan: repeatable, because a label is charged to its run once."""
    request = LabelPlanRequest(list(groups), budget, run_id, step, label_budget)
    return Call("PlanLabels", "POST", "/v1/label-plan", request, LabelPlan)


def submit(submission: Submission, hold_seconds: float, allow_partial: bool) -> Call[RolloutReward]:
    """POST /v1/rollouts: repeatable, because the rollout has an identity."""
    request = replace(submission, deadline_ms=round(1000 * hold_seconds), allow_partial=allow_partial)
    return Call("SubmitRollout", "POST", "/v1/rollouts", request, RolloutReward)


def add_experience(queries: Iterable[Experience]) -> Call[ExperienceReceipt]:
    """POST /v1/experience: repeatable, because the same content again changes nothing."""
    return Call("AddExperience", "POST", "/v1/experience", ExperienceRequest(list(queries)), ExperienceReceipt)


def add_labels(labels: Iterable[Label]) -> Call[LabelReceipt]:
    """POST /v1/labels."""
    return Call("AddLabels", "POST", "/v1/labels", LabelsRequest(list(labels)), LabelReceipt)


def list_experience(after: str | None, limit: int | None) -> Call[ExperiencePage]:
    """GET /v1/experience."""
    return Call("ListExperience", "GET", "/v1/experience", {"after": after, "limit": limit}, ExperiencePage)


def query(query_id: str) -> Call[Experience]:
    """GET /v1/queries/{id}."""
    return Call("GetQuery", "GET", "/v1/queries/{query_id}", {"query_id": query_id}, Experience)


def find_queries(text: str, k: int | None) -> Call[tuple[Neighbor, ...]]:
    """GET /v1/queries."""
    return Call("FindQueries", "GET", "/v1/queries", {"text": text, "k": k}, Neighbors, part="queries")


def memory() -> Call[MemoryStatus]:
    """GET /v1/memory."""
    return Call("GetMemory", "GET", "/v1/memory", {}, MemoryStatus)


def start_training(seeds: int | None, epochs: int | None) -> Call[TrainingJob]:
    """POST /v1/training: not repeatable, for a second one might queue a second job."""
    options = TrainingOptions(seeds, epochs)
    return Call("StartTraining", "POST", "/v1/training", options, TrainingJob, repeatable=False)


def training_job(job_id: str) -> Call[TrainingJob]:
    """GET /v1/training/{job_id}."""
    return Call("GetTrainingJob", "GET", "/v1/training/{job_id}", {"job_id": job_id}, TrainingJob)


def models() -> Call[tuple[ModelInfo, ...]]:
    """GET /v1/models."""
    return Call("ListModels", "GET", "/v1/models", {}, Models, part="models")


def activate_model(model_version: str) -> Call[ModelInfo]:
    """POST /v1/models/{model_version}/activate."""
    path = "/v1/models/{model_version}/activate"
    return Call("ActivateModel", "POST", path, {"model_version": model_version}, ModelInfo)


def trust() -> Call[TrustReport]:
    """GET /v1/trust."""
    return Call("GetTrust", "GET", "/v1/trust", {}, TrustReport)


def label_spending(run_id: str) -> Call[LabelSpending]:
    """GET /v1/label-spending."""
    return Call("GetLabelSpending", "GET", "/v1/label-spending", {"run_id": run_id}, LabelSpending)


def prune(request: PruneRequest) -> Call[PruneReport]:
    """POST /v1/prune: repeatable, because what went is gone."""
    return Call("Prune", "POST", "/v1/prune", request, PruneReport)
