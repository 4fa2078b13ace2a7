"""Records to the JSON of /v1 and back; gRPC has the same fields, so both transports carry these dicts.

What is None is left out of a request. Numbers are made plain on the way (a NumPy label or index is a number too).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from operator import index
from typing import Any, TypeVar, cast

from memreward_client.records import (
    DomainTrust,
    Experience,
    ExperiencePage,
    ExperienceReceipt,
    Explanation,
    Group,
    Interval,
    JobError,
    Label,
    LabelBudget,
    LabelPlan,
    LabelReceipt,
    LabelRequest,
    LabelSpending,
    MemoryStatus,
    ModelInfo,
    Neighbor,
    PlannedLabel,
    Prediction,
    Query,
    Rollout,
    RolloutReward,
    SampledRollout,
    Scored,
    ScoredGroup,
    StepSpending,
    StepTrust,
    StoreCounts,
    StoredRollout,
    Submission,
    TrainingJob,
    TrustFigures,
    TrustIntervals,
    TrustReport,
)  # fmt: skip

Json = dict[str, Any]
Record = TypeVar("Record")


def given(**values: Any) -> Json:
    """The values that are not None."""
    return {name: value for name, value in values.items() if value is not None}


def whole(number: Any) -> int | None:
    """A whole number of any kind as int, None as None. Raises TypeError for anything else."""
    return None if number is None else index(number)


def query_json(query: Query) -> Json:
    """A prompt."""
    return given(text=query.text, id=query.id, domain=query.domain, dataset=query.dataset)


def rollout_json(rollout: Rollout) -> Json:
    """A response."""
    return given(
        response=rollout.response,
        thinking=rollout.thinking,
        answer=rollout.answer,
        answer_key=rollout.answer_key,
        label=None if rollout.label is None else float(rollout.label),
        behaviour=None if rollout.behaviour is None else _lists(rollout.behaviour),
    )


def _lists(behaviour: Sequence[Sequence[str]]) -> list[list[str]]:
    """Raises TypeError where a text stands in the place of a list: it would pass for a list of letters."""
    if isinstance(behaviour, str) or any(isinstance(outcomes, str) for outcomes in behaviour):
        raise TypeError("behaviour is a list of lists of texts")
    return [list(outcomes) for outcomes in behaviour]


def label_budget_json(budget: LabelBudget | None) -> Json | None:
    """What a run may spend on labels."""
    if budget is None:
        return None
    deadline_ms = round(1000 * budget.deadline_seconds)
    return given(share=float(budget.share), labels=whole(budget.labels), deadline_ms=deadline_ms)


def group_json(group: Group) -> Json:
    """A group of POST /v1/rewards."""
    wire = given(group_id=group.group_id)
    return wire | {"query": query_json(group.query), "rollouts": [rollout_json(each) for each in group.rollouts]}


def submission_json(submission: Submission, hold_seconds: float, allow_partial: bool) -> Json:
    """The body of POST /v1/rollouts: `hold_seconds` is how long the service may keep the call."""
    return given(
        run_id=submission.run_id,
        group_id=submission.group_id,
        group_attempt=whole(submission.group_attempt),
        rollout_index=whole(submission.rollout_index),
        group_size=whole(submission.group_size),
        step=whole(submission.step),
        query=query_json(submission.query),
        rollout=rollout_json(submission.rollout),
        deadline_ms=round(1000 * hold_seconds),
        allow_partial=allow_partial,
        label_budget=label_budget_json(submission.label_budget),
        no_label=submission.no_label or None,
    )


def experience_json(experience: Experience) -> Json:
    """A query of POST /v1/experience: flat."""
    rollouts = [
        rollout_json(stored.rollout)
        | given(id=stored.id, label_source=stored.label_source, policy=stored.policy, step=whole(stored.step))
        for stored in experience.rollouts
    ]
    return query_json(experience.query) | {"rollouts": rollouts}


def label_json(label: Label) -> Json:
    """A label of POST /v1/labels."""
    return {"rollout_id": label.rollout_id, "label": float(label.label), "source": label.source}


def plain(kind: type[Record], wire: Mapping[str, Any]) -> Record:
    """A record whose fields are those of the wire. Raises KeyError where one is missing."""
    return kind(*map(wire.__getitem__, _names(cast(Hashable, kind))))


@cache
def _names(kind: Hashable) -> tuple[str, ...]:
    return tuple(each.name for each in fields(cast(Any, kind)))


def read_scored(wire: Json) -> Scored:
    """The answer of POST /v1/rewards."""
    return Scored(wire["model_version"], wire["memory_version"], tuple(map(_read_group, wire["groups"])))


def _read_group(wire: Json) -> ScoredGroup:
    return ScoredGroup(
        wire["group_id"], tuple(map(_read_prediction, wire["rollouts"])), read_neighbors(wire["neighbors"])
    )


def _read_prediction(wire: Json) -> Prediction:
    said = wire["explanation"]
    explanation = None if said is None else plain(Explanation, said)
    return Prediction(wire["reward"], wire["probability"], wire["status"], wire["source"], explanation)


def read_neighbors(wire: list[Json]) -> tuple[Neighbor, ...]:
    """Memory queries, in their order."""
    return tuple(plain(Neighbor, each) for each in wire)


def read_label_plan(wire: Json) -> LabelPlan:
    """The answer of POST /v1/label-plan."""
    plan = tuple(plain(PlannedLabel, each) for each in wire["plan"])
    sample = tuple(plain(SampledRollout, each) for each in wire["sample"])
    return LabelPlan(wire["model_version"], wire["memory_version"], plan, sample)


def read_rollout_reward(wire: Json) -> RolloutReward:
    """The answer of POST /v1/rollouts."""
    request = wire["label_request"]
    return plain(RolloutReward, {**wire, "label_request": None if request is None else plain(LabelRequest, request)})


def _read_rollout(wire: Json) -> Rollout:
    """A response, all its fields there."""
    behaviour = wire["behaviour"]
    return plain(Rollout, {**wire, "behaviour": None if behaviour is None else tuple(map(tuple, behaviour))})


def read_experience(wire: Json) -> Experience:
    """A stored query."""
    return Experience(plain(Query, wire), tuple(map(_read_stored, wire["rollouts"])))


def _read_stored(wire: Json) -> StoredRollout:
    return StoredRollout(_read_rollout(wire), wire["id"], wire["label_source"], wire["policy"], wire["step"])


def read_page(wire: Json) -> ExperiencePage:
    """One page of GET /v1/experience."""
    return ExperiencePage(tuple(map(read_experience, wire["queries"])), wire["next"])


def read_experience_receipt(wire: Json) -> ExperienceReceipt:
    """The answer of POST /v1/experience."""
    ids = {"query_ids": tuple(wire["query_ids"]), "rollout_ids": tuple(map(tuple, wire["rollout_ids"]))}
    return plain(ExperienceReceipt, {**wire, **ids})


def read_label_receipt(wire: Json) -> LabelReceipt:
    """The answer of POST /v1/labels."""
    return plain(LabelReceipt, wire)


def read_memory(wire: Json) -> MemoryStatus:
    """The answer of GET /v1/memory."""
    return plain(MemoryStatus, {**wire, "stored": plain(StoreCounts, wire["stored"])})


def read_job(wire: Json) -> TrainingJob:
    """A training job."""
    error = wire["error"]
    return plain(TrainingJob, {**wire, "error": None if error is None else plain(JobError, error)})


def read_model(wire: Json) -> ModelInfo:
    """A trained model."""
    return plain(ModelInfo, wire)


def read_trust(wire: Json) -> TrustReport:
    """The answer of GET /v1/trust."""
    domains = tuple(map(_read_domain_trust, wire["domains"]))
    return plain(TrustReport, {**wire, "overall": plain(TrustFigures, wire["overall"]), "domains": domains})


def _read_domain_trust(wire: Json) -> DomainTrust:
    steps = tuple(StepTrust(each["step"], plain(TrustFigures, each["figures"])) for each in wire["steps"])
    figures = {name: plain(TrustFigures, wire[name]) for name in ("figures", "predicted")}
    ends = wire["interval"].items()
    interval = TrustIntervals(**{name: None if each is None else plain(Interval, each) for name, each in ends})
    return plain(DomainTrust, {**wire, **figures, "interval": interval, "steps": steps})


def read_label_spending(wire: Json) -> LabelSpending:
    """The answer of GET /v1/label-spending."""
    return plain(LabelSpending, {**wire, "steps": tuple(plain(StepSpending, each) for each in wire["steps"])})


def read_list(name: str, read: Callable[[Json], Record]) -> Callable[[Json], tuple[Record, ...]]:
    """A reader of the list that an answer keeps under `name`."""
    return lambda wire: tuple(read(each) for each in wire[name])
