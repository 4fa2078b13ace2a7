"""What users test their trainers with, by both clients."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from client.callers import caller
from memreward_client import (
    Conflict,
    Experience,
    FakeService,
    Group,
    InvalidArgument,
    LabelBudget,
    LabelRequest,
    LabelSpending,
    MockTransport,
    ModelNotTrained,
    NotFound,
    PlannedLabel,
    Query,
    Retries,
    Rollout,
    StepSpending,
    StoredRollout,
    Submission,
)
from memreward_client.testing.fake_service import NO_TRUST
from memreward_proto.records import fields_of

BOTH = pytest.mark.parametrize("kind", ["blocking", "async"])
SUBMISSION = Submission("run-1", "uid-7", 3, 8, Query("2 + 2?"), Rollout("2 + 2 = 4"))


def client_of(kind: str, transport: MockTransport) -> Any:
    return caller(kind, "http://nowhere", transport=transport, retries=Retries(first_wait=0.001, attempts=3))


def ends_with_4(query: Query, rollout: Rollout) -> float | None:
    assert query.text == "2 + 2?"
    return None if rollout.response == "unsure" else float(rollout.response.endswith("4"))


@BOTH
def test_a_fake_service_scores_groups(kind: str) -> None:
    service = FakeService(ends_with_4)
    with client_of(kind, MockTransport(service)) as client:
        rollouts = [Rollout("4"), Rollout("5"), Rollout("unsure"), Rollout("9", label=0.5)]
        [group] = client.score([Group(Query("2 + 2?"), rollouts)]).groups
    told = [(each.reward, each.status, each.source) for each in group.rollouts]
    assert told == [(1.0, "ok", "gnn"), (0.0, "ok", "gnn"), (None, "abstain", None), (0.5, "ok", "label")]
    assert (group.group_id, service.scored) == ("0", 4)


@BOTH
def test_a_fake_service_keeps_what_was_submitted(kind: str) -> None:
    service = FakeService(ends_with_4)
    with client_of(kind, MockTransport(service)) as client:
        answer = client.submit(SUBMISSION, deadline=5, allow_partial=True)
        assert client.submit(SUBMISSION) == answer
        other = Submission("run-1", "uid-7", 3, 8, Query("2 + 2?"), Rollout("5"))
        with pytest.raises(Conflict, match="next group_attempt"):
            client.submit(other)
    assert (answer.reward, answer.rollout_index, answer.rollouts_present, answer.partial) == (1.0, 3, 8, False)
    assert service.submitted == {("run-1", "uid-7", 0, 3): SUBMISSION}


@BOTH
def test_a_fake_service_asks_for_labels(kind: str) -> None:
    service = FakeService(ends_with_4, wants_label=lambda query, rollout: query.text == "2 + 2?" != rollout.response)
    asked = replace(SUBMISSION, label_budget=LabelBudget(0.17), step=6)
    other = replace(asked, rollout_index=4)
    with client_of(kind, MockTransport(service)) as client:
        requested = client.submit(asked)
        told = (requested.status, requested.reward, requested.probability, requested.source, requested.model_version)
        assert told == ("label_requested", None, None, None, None)
        assert requested.label_request == LabelRequest("majority_answer", 1.0)
        assert client.submit(asked) == requested
        answer = client.submit(replace(asked, rollout=Rollout("2 + 2 = 4", label=0.25)))
        assert (answer.reward, answer.status, answer.source, answer.label_request) == (0.25, "ok", "label", None)
        assert client.submit(asked) == client.submit(replace(asked, no_label=True)) == answer
        with pytest.raises(Conflict):
            client.submit(replace(asked, rollout=Rollout("2 + 2 = 4", label=1.0)))
        assert client.submit(other).status == "label_requested"
        with pytest.raises(InvalidArgument) as caught:
            client.submit(replace(other, rollout=Rollout("2 + 2 = 4", label=1.0), no_label=True))
        assert caught.value.details == {"field": "no_label"}
        answer = client.submit(replace(other, no_label=True))
        assert (answer.reward, answer.source) == (1.0, "gnn")
        assert client.submit(replace(SUBMISSION, rollout_index=5)).source == "gnn"
        unwanted = replace(asked, group_id="uid-8", step=None, rollout=Rollout("2 + 2?"))
        assert client.submit(unwanted).status == "ok"
        spending = client.label_spending("run-1")
        assert client.label_spending("run-2") == LabelSpending("run-2", 0, 0, ())
    assert spending == LabelSpending("run-1", 16, 2, (StepSpending(None, 8, 0), StepSpending(6, 8, 2)))
    assert service.asked == [("run-1", "uid-7", 0, 3), ("run-1", "uid-7", 0, 4)]
    assert [kept.rollout.label for kept in service.submitted.values()] == [0.25, None, None, None]
    assert service.submitted[("run-1", "uid-7", 0, 4)].no_label


@BOTH
def test_a_fake_service_plans_labels(kind: str) -> None:
    service = FakeService(ends_with_4)
    groups = [
        Group(Query("2 + 2?"), [Rollout("4", label=1.0), Rollout("5"), Rollout("6")]),
        Group(Query("2 + 2?"), [Rollout("4", label=1.0)], "known"),
        Group(Query("2 + 2?"), [Rollout("4"), Rollout("5")], "mine"),
    ]
    with client_of(kind, MockTransport(service)) as client:
        first, second = PlannedLabel("0", 1, "majority_answer", 1.0), PlannedLabel("mine", 0, "majority_answer", 1.0)
        assert client.plan_labels(groups, 2).plan == (first, second)
        assert client.label_spending("run-1").rollouts == 0
        groups[0] = replace(groups[0], group_id="first")
        first = replace(first, group_id="first")
        charged = {"run_id": "run-1", "step": 3, "label_budget": LabelBudget(0.5)}
        for _ in range(2):
            assert client.plan_labels(groups, 1, **charged).plan == (first,)
        assert client.label_spending("run-1") == LabelSpending("run-1", 6, 1, (StepSpending(3, 6, 1),))
        with pytest.raises(InvalidArgument, match="group_id is missing"):
            client.plan_labels([replace(groups[0], group_id=None)], 1, **charged)


@BOTH
def test_a_fake_service_answers_with_the_trust_that_a_test_gives_it(kind: str) -> None:
    service = FakeService(ends_with_4)
    with client_of(kind, MockTransport(service)) as client:
        assert client.trust() == NO_TRUST
        service.trust = replace(NO_TRUST, window=7)
        assert client.trust() == service.trust


@BOTH
def test_a_fake_service_remembers_experience(kind: str) -> None:
    with client_of(kind, MockTransport(FakeService(ends_with_4))) as client:
        told = Rollout("4", label=1.0, behaviour=(("v1", "xValueError"), ("t", "t")))
        rollout = StoredRollout(**fields_of(told), id="r", label_source="expert", policy="p", step=3)
        stored = [Experience("2 + 2?", "q", rollouts=[rollout])]
        receipt = client.add_experience(stored)
        assert (receipt.version, receipt.queries_added, receipt.labels_changed) == (1, 1, 1)
        assert receipt.rollout_ids == (("r",),)
        assert client.add_experience(stored).queries_added == 0
        assert client.query("q").rollouts == tuple(stored[0].rollouts)
        assert [each.id for each in client.experience()] == ["q"]
        assert client.memory().stored.labels == 1
        with pytest.raises(NotFound):
            client.query("absent")
        with pytest.raises(NotFound, match="FakeService has no ListModels"):
            client.models()


@BOTH
def test_a_fake_service_may_be_untrained(kind: str) -> None:
    with client_of(kind, MockTransport(FakeService(ends_with_4, trained=False))) as client:
        with pytest.raises(ModelNotTrained):
            client.submit(SUBMISSION)
        with pytest.raises(ModelNotTrained):
            client.score([Group(Query("2 + 2?"), [Rollout("4")])])


def test_the_example_of_the_documentation() -> None:
    from memreward_client import RewardClient

    service = FakeService(lambda _, rollout: float(rollout.response.endswith("4")))
    client = RewardClient(transport=MockTransport(service))
    threads = [threading.Thread(target=client.submit, args=(SUBMISSION,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.submitted[("run-1", "uid-7", 0, 3)].rollout.response == "2 + 2 = 4"
