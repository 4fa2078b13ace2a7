"""Records and protobuf messages: each message has the fields of its record, and goes there and back."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from memreward_proto import records
from memreward_proto import reward_pb2 as pb
from memreward_proto.codec import LISTS, MissingField, message_of, record_of
from memreward_proto.plain import shape_of
from memreward_proto.records import Domain, Experience, ExperienceRequest, ScoreRequest, StoredRollout, TrainingJob

SAME_NAME = [name for name in records.__all__ if hasattr(pb, name)]
RENAMED = {
    "ScoreRequest": "ScoreRewardsRequest",
    "Scored": "ScoreRewardsResponse",
    "LabelPlanRequest": "PlanLabelsRequest",
    "LabelPlan": "PlanLabelsResponse",
    "Submission": "SubmitRolloutRequest",
    "RolloutReward": "SubmitRolloutResponse",
    "ExperienceRequest": "AddExperienceRequest",
    "ExperienceReceipt": "AddExperienceResponse",
    "ExperiencePage": "ListExperienceResponse",
    "LabelsRequest": "AddLabelsRequest",
    "LabelReceipt": "AddLabelsResponse",
    "Neighbors": "FindQueriesResponse",
    "Models": "ListModelsResponse",
    "TrainingOptions": "StartTrainingRequest",
}
"""Record -> its message."""
INSIDE = {"Record", "GroupKey", "LabelCharge"}
"""Names of the records that are no messages."""


def test_every_record_has_a_message_with_its_fields() -> None:
    kinds = {name for name in records.__all__ if is_dataclass(getattr(records, name))} - INSIDE
    assert kinds == (set(SAME_NAME) | set(RENAMED)) - INSIDE
    for name in kinds:
        message = getattr(pb, RENAMED.get(name, name)).DESCRIPTOR
        kind: Any = getattr(records, name)
        assert {each.name for each in fields(kind)} == set(message.fields_by_name), name
        for shape in shape_of(kind):
            field = message.fields_by_name[shape.name]
            inner = field.message_type
            if inner is not None and inner.full_name not in LISTS and not inner.GetOptions().map_entry:
                assert is_dataclass(shape.kind), (name, shape.name)


def test_a_request_goes_there_and_back() -> None:
    rollouts = (
        StoredRollout("r", "", "a", label=0.0, behaviour=(("v1", "n"), ()), id="r-1", step=2**62),
        StoredRollout("", behaviour=()),
    )
    given = ExperienceRequest((Experience("?", "q", Domain.CODE, rollouts=rollouts),))
    message = message_of(pb.AddExperienceRequest, given)
    assert message.queries[0].rollouts[0].behaviour.sets[0].outcomes == ["v1", "n"]  # type: ignore[attr-defined]
    assert not message.queries[0].rollouts[1].HasField("label")  # type: ignore[attr-defined]
    assert record_of(ExperienceRequest, type(message).FromString(message.SerializeToString())) == given


def test_words_and_maps_of_an_answer() -> None:
    message = pb.TrainingJob(job_id="j", status="running", progress=0.5, metrics={"auc": 0.75})
    job = record_of(TrainingJob, message)
    assert job == TrainingJob("j", records.JobStatus.RUNNING, 0.5, {"auc": 0.75})
    assert isinstance(job.status, records.JobStatus)
    assert message_of(pb.TrainingJob, job) == message


@pytest.mark.parametrize(
    ("message", "place"),
    [
        (pb.ScoreRewardsRequest(groups=[pb.Group(query=pb.Query(text="t")), pb.Group()]), "groups[1].query"),
        (pb.SubmitRolloutRequest(rollout_index=0), "group_size"),
        (pb.SubmitRolloutRequest(rollout_index=0, group_size=1, query=pb.Query()), "rollout"),
        (pb.PlanLabelsRequest(budget=1, label_budget=pb.LabelBudget(labels=3)), "label_budget.share"),
        (pb.AddLabelsRequest(labels=[pb.Label(rollout_id="r", source="s")]), "labels[0].label"),
    ],
)
def test_an_absent_field_is_named(message: Any, place: str) -> None:
    kinds = {RENAMED[name]: name for name in RENAMED}
    with pytest.raises(MissingField) as caught:
        record_of(getattr(records, kinds[message.DESCRIPTOR.name]), message)
    assert caught.value.field == place


@pytest.mark.parametrize("behaviour", ["v1", ["v1"], {"v1": 1}])
def test_a_text_is_no_list(behaviour: Any) -> None:
    group = records.Group(records.Query("?"), [records.Rollout("r", behaviour=behaviour)])
    with pytest.raises(TypeError, match="where a list belongs"):
        message_of(pb.ScoreRewardsRequest, ScoreRequest([group]))
