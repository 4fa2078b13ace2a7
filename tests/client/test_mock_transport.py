"""What users test their trainers with."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from client.callers import caller
from memreward_client import (
    Call,
    Conflict,
    Experience,
    FakeService,
    Group,
    InvalidArgument,
    MockTransport,
    ModelNotTrained,
    NotFound,
    Query,
    Retries,
    Rollout,
    StoredRollout,
    Submission,
    Unavailable,
)

BOTH = pytest.mark.parametrize("kind", ["blocking", "async"])
SUBMISSION = Submission("run-1", "uid-7", 3, 8, Query("2 + 2?"), Rollout("2 + 2 = 4"))


def client_of(kind: str, transport: MockTransport) -> Any:
    return caller(kind, "http://nowhere", transport=transport, retries=Retries(first_wait=0.001, attempts=3))


def ends_with_4(query: Query, rollout: Rollout) -> float | None:
    assert query.text == "2 + 2?"
    return None if rollout.response == "unsure" else float(rollout.response.endswith("4"))


@BOTH
def test_a_handler_answers_and_its_calls_are_kept(kind: str) -> None:
    failures = [Unavailable("Stopping."), Unavailable("Stopping.")]

    def handler(call: Call[Any]) -> dict[str, Any]:
        if failures:
            raise failures.pop()
        return {"models": []} if call.rpc == "ListModels" else {"queries": []}

    transport = MockTransport(handler, ready=False)
    with client_of(kind, transport) as client:
        assert client.models() == ()
        assert client.find_queries("near", k=3) == ()
        assert client.ready() is False
    assert [call.rpc for call in transport.calls] == ["ListModels"] * 3 + ["FindQueries"]
    assert transport.calls[-1].fields == {"text": "near", "k": 3}


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
def test_a_fake_service_remembers_experience(kind: str) -> None:
    with client_of(kind, MockTransport(FakeService(ends_with_4))) as client:
        stored = [Experience(Query("2 + 2?", "q"), [StoredRollout(Rollout("4", label=1.0), "r", "expert", "p", 3)])]
        receipt = client.add_experience(stored)
        assert (receipt.version, receipt.queries_added, receipt.labels_changed) == (1, 1, 1)
        assert receipt.rollout_ids == (("r",),)
        assert client.add_experience(stored).queries_added == 0
        assert client.query("q").rollouts == tuple(stored[0].rollouts)
        assert [each.query.id for each in client.experience()] == ["q"]
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


@BOTH
def test_only_what_a_wire_can_carry_passes(kind: str) -> None:
    with client_of(kind, MockTransport(FakeService(ends_with_4))) as client, pytest.raises(InvalidArgument):
        client.score([Group(Query("2 + 2?"), [Rollout("4", label=float("nan"))])])


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
