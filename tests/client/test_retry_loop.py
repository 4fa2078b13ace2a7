"""The loops of calls, over a scripted transport and on a clock of their own."""

from __future__ import annotations

import logging
import math
from typing import Any

import pytest

from memreward_client import calls, retries, retry_loop
from memreward_client.calls import Call
from memreward_client.errors import (
    DeadlineExceeded,
    InvalidArgument,
    MemRewardError,
    ModelNotTrained,
    NotMemReward,
    Overloaded,
    TrainingFailed,
    Unavailable,
    Unreachable,
)
from memreward_client.retries import Retries, Timeouts
from memreward_client.retry_loop import ANSWER_SECONDS, RetryLoop
from memreward_proto.records import Query, Rollout, RolloutReward, Submission

MEMORY = {
    "memory_version": 3,
    "indexed_queries": 2,
    "stored": {"version": 3, "queries": 2, "rollouts": 16, "labels": 5},
    "building": False,
}
REFUSED = Unreachable("No service is reachable.", sent=False)
BROKEN = Unreachable("The connection broke.")
SUBMISSION = Submission("run", "group", 3, 8, Query("2 + 2?"), Rollout("4"))


@pytest.fixture(autouse=True)
def longest_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits of the worst luck."""
    monkeypatch.setattr(retries.random, "uniform", lambda _, high: high)


@pytest.fixture(autouse=True)
def scripted_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop sleeps on the clock of the script that was made last."""
    monkeypatch.setattr(retry_loop, "sleep", lambda seconds: Script.running.sleep(seconds))


class Script:
    """A transport that gives the answers in turn, each after `seconds`; what was sent and waited is kept."""

    running: Script

    def __init__(self, *answers: Any, seconds: float = 0.0) -> None:
        self.answers, self.seconds = list(answers), seconds
        self.now = 100.0
        self.sent: list[tuple[Call[Any], float]] = []
        self.waited: list[float] = []
        Script.running = self

    def loop(self, timeouts: Timeouts | None = None, attempts: int | None = None, **options: Any) -> RetryLoop:
        return RetryLoop(
            lambda: self, timeouts or Timeouts(), Retries(attempts=attempts), clock=lambda: self.now, **options
        )

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds

    def send(self, call: Call[Any], seconds: float) -> Any:
        self.sent.append((call, seconds))
        self.now += self.seconds
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, MemRewardError):
            raise answer
        return answer

    def ready(self, seconds: float) -> bool:
        return True

    def close(self) -> None:
        pass


def reward(status: str = "ok", partial: bool = False) -> dict[str, Any]:
    value = 1.0 if status == "ok" else None
    return {
        "run_id": "run", "group_id": "group", "group_attempt": 0, "rollout_index": 3, "group_size": 8,
        "rollouts_present": 8, "partial": partial, "reward": value, "probability": value, "status": status,
        "source": "gnn" if value else None, "model_version": "m", "memory_version": 3,
        "label_request": {"reason": "uncertain", "gain": 0.5} if status == "label_requested" else None,
    }  # fmt: skip


def test_passing_failures_are_waited_out_longer_and_longer() -> None:
    script = Script(REFUSED, BROKEN, Unavailable("Stopping."), NotMemReward("502", passing=True), MEMORY)
    status = script.loop().call(calls.memory(), None)
    assert status.stored.labels == 5
    assert script.waited == [0.2, 0.4, 0.8, 1.6]
    assert {seconds for _, seconds in script.sent} == {120.0}


def test_retry_after_is_waited_out_with_jitter_on_top() -> None:
    script = Script(Overloaded("Full.", {"retry_after": 3}), Unavailable("Away.", {"retry_after": 0}), MEMORY)
    script.loop().call(calls.memory(), None)
    assert script.waited == [3.2, 0.4]


def test_retry_after_beyond_the_deadline_is_not_waited_for() -> None:
    script = Script(Overloaded("Full.", {"retry_after": 30}))
    with pytest.raises(DeadlineExceeded, match=r"within 20 seconds. The last attempt: Full\.") as raised:
        script.loop().call(calls.memory(), 20)
    assert (script.waited, raised.value.details) == ([], {"last": "overloaded"})
    assert isinstance(raised.value.__cause__, Overloaded)


def test_the_deadline_ends_all_trying() -> None:
    script = Script(BROKEN, seconds=1.0)
    with pytest.raises(DeadlineExceeded, match="within 10 seconds"):
        script.loop().call(calls.memory(), 10)
    assert script.now == pytest.approx(110, abs=1.1)
    # No attempt is given more time than the call has left.
    assert [seconds for _, seconds in script.sent][:2] == [10, pytest.approx(8.8)]
    assert len(script.sent) > 4


def test_a_client_may_give_up_after_some_attempts() -> None:
    script = Script(BROKEN)
    with pytest.raises(Unreachable, match="broke"):
        script.loop(attempts=3).call(calls.memory(), None)
    assert (len(script.sent), len(script.waited)) == (3, 2)


@pytest.mark.parametrize("final", [ModelNotTrained("Train."), InvalidArgument("Wrong."), NotMemReward("No.")])
def test_an_answer_is_no_hiccup(final: MemRewardError) -> None:
    script = Script(final)
    with pytest.raises(type(final)) as raised:
        script.loop().call(calls.memory(), None)
    assert raised.value is final
    assert len(script.sent) == 1


@pytest.mark.parametrize(("failure", "attempts"), [(REFUSED, 2), (BROKEN, 1), (Unavailable("Stopping."), 1)])
def test_training_is_started_once(failure: MemRewardError, attempts: int) -> None:
    job = {"job_id": "j", "status": "queued", "progress": 0, "metrics": {}, "model_version": None, "error": None}
    script = Script(failure, job)
    if attempts == 1:
        with pytest.raises(type(failure)):
            script.loop().call(calls.start_training(1, 2), None)
    else:
        assert script.loop().call(calls.start_training(1, 2), None).job_id == "j"
    assert len(script.sent) == attempts


def test_without_await_service_a_refused_connection_is_an_error_at_once() -> None:
    script = Script(REFUSED, MEMORY, REFUSED, MEMORY)
    loop = script.loop(await_service=False)
    with pytest.raises(Unreachable, match="No service"):
        loop.call(calls.memory(), None)
    assert script.waited == []
    loop.call(calls.memory(), None)
    loop.call(calls.memory(), None)
    assert script.waited == [0.2]


def test_a_refusal_is_a_sign_of_life() -> None:
    script = Script(Overloaded("Full."), REFUSED, MEMORY)
    script.loop(await_service=False).call(calls.memory(), None)
    assert len(script.waited) == 2


def test_a_long_outage_is_logged_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    # The waits add up: 1.4 s before failure 4, 36 s before failure 12.
    script = Script(*[REFUSED] * 12, MEMORY, *[REFUSED] * 4, MEMORY)
    loop = script.loop()
    with caplog.at_level(logging.WARNING):
        loop.call(calls.memory(), 60)
        loop.call(calls.memory(), 60)
    assert [record.message for record in caplog.records] == [
        "No service is reachable. Trying again for 59 more seconds.",
        "No service is reachable. Trying again for 24 more seconds.",
    ]


def test_an_answer_of_another_shape_is_not_memreward() -> None:
    script = Script({"hello": 1})
    with pytest.raises(NotMemReward, match=r"GetMemory is not that of a MemReward service of this version"):
        script.loop().call(calls.memory(), None)


def held(script: Script) -> list[tuple[float, bool, float]]:
    """Of each submit sent: its deadline_ms, whether it allows partial, the timeout of its attempt."""
    return [(call.fields["deadline_ms"], call.fields["allow_partial"], seconds) for call, seconds in script.sent]


def test_a_submit_is_held_in_parts_and_allows_partial_in_the_last() -> None:
    script = Script(reward("timeout"), reward("timeout"), reward("ok", partial=True), seconds=25.0)
    answer = script.loop().submit(SUBMISSION, 60, True)
    assert (answer.reward, answer.partial) == (1.0, True)
    assert held(script) == [
        (25_000, False, 25 + ANSWER_SECONDS),
        (25_000, False, 25 + ANSWER_SECONDS),
        (10_000, True, 10 + ANSWER_SECONDS),
    ]
    assert script.waited == []


@pytest.mark.parametrize("status", ["abstain", "label_requested"])
def test_a_submit_that_is_answered_is_not_sent_again(status: str) -> None:
    script = Script(reward(status), reward("ok"))
    assert script.loop().submit(SUBMISSION, None, False).status == status
    assert held(script) == [(25_000, False, 25 + ANSWER_SECONDS)]


def test_a_timeout_at_the_deadline_is_a_result() -> None:
    script = Script(reward("timeout"), seconds=25.0)
    answer: RolloutReward = script.loop().submit(SUBMISSION, 40, False)
    assert (answer.status, answer.reward) == ("timeout", None)
    assert [deadline for deadline, _, _ in held(script)] == [25_000, 15_000]


def test_a_submit_may_ask_without_waiting() -> None:
    script = Script(reward("timeout"))
    assert script.loop().submit(SUBMISSION, 0, True).status == "timeout"
    assert held(script) == [(0, True, ANSWER_SECONDS)]


def test_a_submit_goes_on_after_an_outage_with_what_is_left() -> None:
    script = Script(reward("timeout"), BROKEN, REFUSED, reward("ok"), seconds=10.0)
    assert script.loop(Timeouts(hold=10)).submit(SUBMISSION, 60, False).status == "ok"
    assert script.waited == [0.2, 0.4]
    assert [deadline for deadline, _, _ in held(script)] == [10_000] * 4
    script = Script(BROKEN, reward("timeout"), seconds=30.0)
    script.loop().submit(SUBMISSION, 40, True)
    assert held(script)[1] == (9_800, True, pytest.approx(9.8 + ANSWER_SECONDS))


def test_a_submit_that_reaches_nobody_is_an_error_and_no_result() -> None:
    script = Script(BROKEN, seconds=1.0)
    with pytest.raises(DeadlineExceeded):
        script.loop().submit(SUBMISSION, 5, False)


def job(status: str, **fields: Any) -> dict[str, Any]:
    return {
        "job_id": "j",
        "status": status,
        "progress": 0.5,
        "metrics": {},
        "model_version": None,
        "error": None,
    } | fields


def test_training_is_looked_at_until_it_succeeded() -> None:
    script = Script(job("queued"), job("running"), BROKEN, job("succeeded", model_version="m-3"))
    seen: list[str] = []
    ended = script.loop().training("j", math.inf, 2.0, lambda looked: seen.append(looked.status))
    assert ended.model_version == "m-3"
    assert seen == ["queued", "running", "succeeded"]
    assert script.waited == [2.0, 2.0, 0.2]


def test_a_failed_training_is_an_error_with_its_reason() -> None:
    script = Script(job("failed", error={"code": "not_enough_labels", "message": "Add 12 labels."}))
    with pytest.raises(TrainingFailed, match=r"^Training failed: Add 12 labels\.$") as raised:
        script.loop().training("j", math.inf, 2.0, None)
    assert raised.value.details == {"job_id": "j", "reason": "not_enough_labels"}


def test_training_that_outlasts_the_deadline_goes_on() -> None:
    script = Script(job("running"))
    with pytest.raises(DeadlineExceeded, match="job j is still running"):
        script.loop().training("j", 3.0, 2.0, None)
    assert script.waited == [2.0, 1.0]
