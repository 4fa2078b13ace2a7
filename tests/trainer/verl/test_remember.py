"""Labelled rollouts on their way into memory."""

from __future__ import annotations

import pytest

from memreward_client import AsyncRewardClient, MockTransport, Query, Retries, StoredRollout
from memreward_trainer.verl import remember as verl_experience
from memreward_trainer.verl.remember import LabelledExperience
from trainer.verl.experience_memory import Memory


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verl_experience, "GATHER_SECONDS", 0.01)


def experience_of(memory: Memory) -> LabelledExperience:
    return LabelledExperience(AsyncRewardClient(transport=MockTransport(memory), retries=Retries(attempts=1)))


def rollout(response: str) -> StoredRollout:
    return StoredRollout(response, label=1.0, id=response, label_source="verifier")


async def test_what_comes_together_is_sent_together_by_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verl_experience, "ROLLOUTS_A_REQUEST", 4)
    memory = Memory()
    experience = experience_of(memory)
    for number in range(6):
        experience.add(Query(f"Query {number % 2}?"), rollout(str(number)))
    await experience.settled()
    sent = [{q["text"]: [each["response"] for each in q["rollouts"]] for q in each} for each in memory.requests]
    assert sent == [{"Query 0?": ["0", "2"], "Query 1?": ["1", "3"]}, {"Query 0?": ["4"], "Query 1?": ["5"]}]
    experience.add(Query("later?"), rollout("later"))
    await experience.settled()
    assert list(memory.labels) == ["0", "2", "1", "3", "4", "5", "later"]
    assert (experience.stored, experience.lost) == (7, 0)


async def test_one_refused_rollout_does_not_keep_its_siblings_out_of_memory(caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory(refused="bad")
    experience = experience_of(memory)
    for response in ("a", "bad", "b"):
        experience.add(Query("Query?"), rollout(response))
    await experience.settled()
    assert memory.labels == {"a": 1.0, "b": 1.0}
    assert (experience.stored, experience.lost) == (2, 1)
    assert "1 labelled rollouts could not be stored as experience (invalid_argument: A response is too" in caplog.text


async def test_rollouts_that_wait_for_an_absent_service_are_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(verl_experience, "WAITING_ROLLOUTS", 2)
    memory = Memory()
    experience = experience_of(memory)
    for response in ("a", "b", "c"):
        experience.add(Query("Query?"), rollout(response))
    await experience.settled()
    assert list(memory.labels) == ["a", "b"]
    assert (experience.stored, experience.lost) == (2, 1)
    assert "2 others wait for the service" in caplog.text
