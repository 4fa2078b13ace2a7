"""READ FIRST: every call of a MemReward service, as data: where it goes over either transport, and what comes back.

One call of `RewardClient` or `AsyncRewardClient` passes these files in this order:
    records/             what goes in and what comes out, as frozen records
    wire.py              records to the JSON of /v1 and back
    calls.py             here: the calls
    async_client.py      a method for each call
    async_retry_loop.py  sends a call, waits, sends it again; retries.py says how long to wait and when to give up
    transport/           async_http.py and grpc.py carry one call, once
    errors.py            what all of it raises
client.py, retry_loop.py and transport/http.py are the same without `await`: `make client` writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from memreward_client import wire
from memreward_client.errors import InvalidArgument
from memreward_client.records import (
    Experience,
    ExperiencePage,
    ExperienceReceipt,
    Group,
    Label,
    LabelBudget,
    LabelPlan,
    LabelReceipt,
    LabelSpending,
    MemoryStatus,
    ModelInfo,
    Neighbor,
    RolloutReward,
    Scored,
    Submission,
    TrainingJob,
    TrustReport,
)  # fmt: skip

Result = TypeVar("Result", covariant=True)


@dataclass(frozen=True, slots=True)
class Call(Generic[Result]):
    """One call. `rpc`: its name in gRPC; `method`, `path`: its place in HTTP, where fields in braces go into the path.

    `fields`: those of the gRPC request; in HTTP the JSON body of a POST, the parameters of a GET. `read` turns the
    answer into its record. `repeatable`: sent twice, it does what it does sent once.
    """

    rpc: str
    method: Literal["GET", "POST"]
    path: str
    fields: Mapping[str, Any]
    read: Callable[[wire.Json], Result]
    repeatable: bool = True


def _written(write: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """The fields of a call. Raises InvalidArgument where a record holds what no wire can carry."""
    try:
        return write()
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidArgument(f"The request cannot be written ({error}): correct the types of its fields.") from error


def score(groups: Iterable[Group], explain: bool) -> Call[Scored]:
    """POST /v1/rewards."""
    fields = _written(lambda: {"groups": [wire.group_json(each) for each in groups], "explain": explain})
    return Call("ScoreRewards", "POST", "/v1/rewards", fields, wire.read_scored)


def plan_labels(
    groups: Iterable[Group], budget: int, run_id: str | None, step: int | None, label_budget: LabelBudget | None
) -> Call[LabelPlan]:
    """POST /v1/label-plan: repeatable, because a label is charged to its run once."""
    fields = _written(
        lambda: {
            "groups": [wire.group_json(each) for each in groups],
            "budget": wire.whole(budget),
            **wire.given(run_id=run_id, step=wire.whole(step), label_budget=wire.label_budget_json(label_budget)),
        }
    )
    return Call("PlanLabels", "POST", "/v1/label-plan", fields, wire.read_label_plan)


def submit(submission: Submission, hold_seconds: float, allow_partial: bool) -> Call[RolloutReward]:
    """POST /v1/rollouts: repeatable, because the rollout has an identity."""
    fields = _written(lambda: wire.submission_json(submission, hold_seconds, allow_partial))
    return Call("SubmitRollout", "POST", "/v1/rollouts", fields, wire.read_rollout_reward)


def add_experience(queries: Iterable[Experience]) -> Call[ExperienceReceipt]:
    """POST /v1/experience: repeatable, because the same content again changes nothing."""
    fields = _written(lambda: {"queries": [wire.experience_json(each) for each in queries]})
    return Call("AddExperience", "POST", "/v1/experience", fields, wire.read_experience_receipt)


def add_labels(labels: Iterable[Label]) -> Call[LabelReceipt]:
    """POST /v1/labels."""
    fields = _written(lambda: {"labels": [wire.label_json(each) for each in labels]})
    return Call("AddLabels", "POST", "/v1/labels", fields, wire.read_label_receipt)


def list_experience(after: str | None, limit: int | None) -> Call[ExperiencePage]:
    """GET /v1/experience."""
    return Call("ListExperience", "GET", "/v1/experience", wire.given(after=after, limit=limit), wire.read_page)


def query(query_id: str) -> Call[Experience]:
    """GET /v1/queries/{id}."""
    return Call("GetQuery", "GET", "/v1/queries/{query_id}", {"query_id": query_id}, wire.read_experience)


def find_queries(text: str, k: int | None) -> Call[tuple[Neighbor, ...]]:
    """GET /v1/queries."""
    return Call(
        "FindQueries", "GET", "/v1/queries", wire.given(text=text, k=k),
        lambda answer: wire.read_neighbors(answer["queries"]),
    )  # fmt: skip


def memory() -> Call[MemoryStatus]:
    """GET /v1/memory."""
    return Call("GetMemory", "GET", "/v1/memory", {}, wire.read_memory)


def start_training(seeds: int | None, epochs: int | None) -> Call[TrainingJob]:
    """POST /v1/training: not repeatable, for a second one might queue a second job."""
    fields = wire.given(seeds=seeds, epochs=epochs)
    return Call("StartTraining", "POST", "/v1/training", fields, wire.read_job, repeatable=False)


def training_job(job_id: str) -> Call[TrainingJob]:
    """GET /v1/training/{job_id}."""
    return Call("GetTrainingJob", "GET", "/v1/training/{job_id}", {"job_id": job_id}, wire.read_job)


def models() -> Call[tuple[ModelInfo, ...]]:
    """GET /v1/models."""
    return Call("ListModels", "GET", "/v1/models", {}, wire.read_list("models", wire.read_model))


def activate_model(model_version: str) -> Call[ModelInfo]:
    """POST /v1/models/{model_version}/activate."""
    fields = {"model_version": model_version}
    return Call("ActivateModel", "POST", "/v1/models/{model_version}/activate", fields, wire.read_model)


def trust() -> Call[TrustReport]:
    """GET /v1/trust."""
    return Call("GetTrust", "GET", "/v1/trust", {}, wire.read_trust)


def label_spending(run_id: str) -> Call[LabelSpending]:
    """GET /v1/label-spending."""
    return Call("GetLabelSpending", "GET", "/v1/label-spending", {"run_id": run_id}, wire.read_label_spending)
