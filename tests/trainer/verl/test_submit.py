"""Labels that the service asks for, in one process: who verifies, what is sent again, and what training uses."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memreward_client import FakeService, LabelBudget, NotScored, Query, Rollout, Unreachable
from memreward_trainer.verl import remember as verl_experience
from trainer.verl.verl_parts import (
    AgentLoop,
    RewardWorker,
    byte_tokenizer,
    columns,
    manager_before,
    verl_config,
    verl_requests,
)

URL = "http://127.0.0.1:9"
SHARE = "+reward.memreward.label_share=0.17"
KEYS = ["reward", "probability", "status", "source", "model_version"]


class Truth:
    """A reward function: whether the response is the ground truth; it keeps the responses that it was asked about."""

    def __init__(self, answer: Any = None) -> None:
        self.answer, self.asked = answer, []  # type: ignore[var-annotated]

    def __call__(self, *, solution_str: str, ground_truth: str, **_: Any) -> Any:
        self.asked.append(solution_str)
        if isinstance(self.answer, Exception):
            raise self.answer
        if callable(self.answer):
            return self.answer()
        return float(solution_str == ground_truth) if self.answer is None else self.answer


class Spoken:
    """A service, and all that it was sent."""

    def __init__(self, service: Any) -> None:
        self.service = service
        self.calls: list[Any] = []

    def __call__(self, call: Any) -> Any:
        self.calls.append(call)
        return self.service(call)

    @property
    def submissions(self) -> list[dict[str, Any]]:
        return [dict(call.fields) for call in self.calls if call.rpc == "SubmitRollout"]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verl_experience, "GATHER_SECONDS", 0.0)


def asks_about(*responses: str) -> FakeService:
    """It predicts 0.25, and asks for the labels of these responses."""
    return FakeService(lambda *_: 0.25, wants_label=lambda _, rollout: rollout.response in responses)


def started(folder: Path, service: Any, truth: Any, *overrides: str) -> tuple[Any, Spoken, AgentLoop]:
    spoken = Spoken(service)
    manager = manager_before(verl_config(folder / "policy", URL, *overrides), spoken, truth)
    return manager, spoken, AgentLoop(byte_tokenizer(), [RewardWorker(manager)])


def row(place: int, **others: Any) -> dict[str, Any]:
    return columns("uid-1", place, "What is 6*7?", **others)


async def test_what_the_service_asks_for_is_verified_and_sent_again_with_its_label(tmp_path: Path) -> None:
    truth = Truth()
    service = asks_about("42", "43")
    manager, spoken, loop = started(tmp_path, service, truth, SHARE, "+reward.memreward.label_limit=9")
    right, wrong, other = [await loop.score(text, **row(place)) for place, text in enumerate(("42", "43", "44"))]
    assert [each.reward_score for each in (right, wrong, other)] == [1.0, 0.0, 0.25]
    assert truth.asked == ["42", "43"]
    infos = [each.extra_fields["reward_extra_info"] for each in (right, wrong, other)]
    assert [list(info) for info in infos] == [KEYS] * 3
    assert [(info["reward"], info["source"], info["status"]) for info in infos] == [
        (1.0, "label", "ok"),
        (0.0, "label", "ok"),
        (0.25, "gnn", "ok"),
    ]
    first, again = spoken.submissions[:2]
    assert first["label_budget"] == {"share": 0.17, "labels": 9, "deadline_ms": 75_000}
    assert "label" not in first["rollout"]
    assert again["rollout"] == first["rollout"] | {"label": 1.0}
    assert {name: again[name] for name in first if name not in ("rollout", "deadline_ms")} == {
        name: first[name] for name in first if name not in ("rollout", "deadline_ms")
    }
    assert len(spoken.submissions) == 5
    spent = await manager.client.label_spending(manager.settings.run_id)
    assert spent.labels == 2
    assert (manager.tally.asked, manager.tally.labelled, manager.tally.predicted) == (2, 2, 1)


async def test_verified_rollouts_are_stored_as_experience_and_predicted_ones_are_not(tmp_path: Path) -> None:
    service = asks_about("42", "43")
    manager, _, loop = started(tmp_path, service, Truth(), SHARE, "+reward.memreward.run_id=run")
    for place, text in enumerate(("42", "44", "43")):
        await loop.score(text, **row(place))
    await manager.experience.settled()
    (query,) = service.experience.values()
    assert (query.text, query.domain, query.dataset) == ("What is 6*7?", "math", "openai/gsm8k")
    told = [
        {name: getattr(rollout, name) for name in ("id", "response", "label", "policy")} for rollout in query.rollouts
    ]
    assert told == [
        {"id": "run/uid-1/0", "response": "42", "label": 1.0, "policy": "policy"},
        {"id": "run/uid-1/2", "response": "43", "label": 0.0, "policy": "policy"},
    ]


async def test_a_run_without_a_share_is_asked_for_nothing(tmp_path: Path) -> None:
    truth = Truth()
    _, spoken, loop = started(tmp_path, asks_about("42"), truth)
    assert (await loop.score("42", **row(0))).reward_score == 0.25
    assert "label_budget" not in spoken.submissions[0]
    assert not truth.asked


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ValueError("no parse"), "verifier_failed: the reward function failed with ValueError: no parse"),
        (float("nan"), "verifier_failed: the reward function gave nan"),
        (-1.0, "verifier_failed: the reward function gave -1.0, and a label is from 0 to 1"),
        (NotImplementedError("no such data source"), "verifier_failed: .*no such data source"),
        (lambda: time.sleep(1), r"verifier_timeout: .* 0\.1 seconds"),
    ],
)
async def test_a_verifier_that_cannot_tell_leaves_the_prediction_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: Any, reason: str
) -> None:
    service = asks_about("42")
    manager, spoken, loop = started(tmp_path, service, Truth(answer), SHARE, "+reward.memreward.verify_seconds=0.1")
    output = await loop.score("42", **row(3))
    info = output.extra_fields["reward_extra_info"]
    assert (output.reward_score, info["reward"], info["source"], info["status"]) == (0.25, 0.25, "gnn", "ok")
    assert [each.get("no_label") for each in spoken.submissions] == [None, True]
    assert "label" not in spoken.submissions[1]["rollout"]
    status = reason.split(":")[0]
    assert dict(manager.tally.refused) == {status: 1}
    (message,) = (record.getMessage() for record in caplog.records if record.name == verl_requests.__name__)
    assert "The label that was asked for of rollout 3 of group uid-1 (step 3) cannot be had" in message
    assert message.endswith(f"1 labels asked for, 1 not given ({status} 1).")
    assert re.search(reason, message)
    await manager.experience.settled()
    assert not service.experience


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_a_verifier_that_hangs_is_left_at_the_deadline_of_the_rollout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asynchronous: bool
) -> None:
    gate = threading.Event()

    async def waiting(**_: Any) -> float:
        await asyncio.sleep(60)
        return 1.0

    monkeypatch.setattr(verl_requests, "ANSWER_SECONDS", 0.1)
    truth = waiting if asynchronous else Truth(lambda: gate.wait())
    manager, spoken, loop = started(tmp_path, asks_about("42"), truth, SHARE)
    object.__setattr__(manager.settings, "deadline_seconds", 0.5)
    began = time.monotonic()
    output = await loop.score("42", **row(0))
    assert time.monotonic() - began < 5
    assert output.extra_fields["reward_extra_info"]["source"] == "gnn"
    assert spoken.submissions[1]["no_label"]
    assert dict(manager.tally.refused) == {"verifier_timeout": 1}
    if not asynchronous:
        assert manager.true_rewards.hanging == 1
    gate.set()


async def test_where_the_prediction_fails_the_true_label_is_not_used_instead(tmp_path: Path) -> None:
    class Leaving(FakeService):
        def __call__(self, call: Any) -> Any:
            if call.rpc == "SubmitRollout" and "label" in call.fields["rollout"]:
                raise Unreachable("Nobody answers.")
            return super().__call__(call)

    service = Leaving(lambda *_: 0.25, wants_label=lambda *_: True)
    manager, _, loop = started(tmp_path, service, Truth(), SHARE)
    with pytest.raises(NotScored, match="unreachable: Nobody answers"):
        await loop.score("42", **row(0))
    assert (manager.tally.scored, manager.tally.labelled) == (0, 0)
    await manager.experience.settled()
    (query,) = service.experience.values()
    assert [rollout.label for rollout in query.rollouts] == [1.0]


async def test_a_service_that_asks_again_for_what_it_was_told_is_no_reward(tmp_path: Path) -> None:
    class Deaf(FakeService):
        def __call__(self, call: Any) -> Any:
            if call.rpc == "SubmitRollout":
                kept = {name: value for name, value in call.fields["rollout"].items() if name != "label"}
                call = replace(call, request={**call.fields, "rollout": kept, "no_label": False})
            return super().__call__(call)

    _, spoken, loop = started(tmp_path, Deaf(lambda *_: 0.25, wants_label=lambda *_: True), Truth(), SHARE)
    with pytest.raises(NotScored, match="label_requested"):
        await loop.score("42", **row(0))
    assert len(spoken.submissions) == 2


async def test_a_label_set_and_a_share_work_side_by_side(tmp_path: Path) -> None:
    labels = tmp_path / "labels.json"
    labels.write_text('{"seed": 0, "ratios": {"0.2": {"openai/gsm8k": ["7"]}}}')
    sets = (f"+reward.memreward.label_set={labels}", "+reward.memreward.label_ratio=0.2", SHARE)
    truth = Truth()
    manager, spoken, loop = started(tmp_path, asks_about("43"), truth, *sets)
    in_set = await loop.score("42", **row(0, extra_info={"split": "train", "index": 7}))
    asked = await loop.score("43", **row(1, extra_info={"split": "train", "index": 8}))
    predicted = await loop.score("44", **row(2, extra_info={"split": "train", "index": 8}))
    assert [each.reward_score for each in (in_set, asked, predicted)] == [1.0, 0.0, 0.25]
    assert truth.asked == ["42", "43"]
    await manager.compared.settled()
    in_set = [each for each in spoken.submissions if each["rollout_index"] == 0]
    assert [(each["rollout"]["label"], each.get("label_budget")) for each in in_set] == [(1.0, None)], "to be compared"
    assert [each["rollout_index"] for each in spoken.submissions if each not in in_set] == [1, 1, 2]
    assert str(manager.tally) == "3 scored, 0 not scored; 2 labelled, 1 predicted; 1 labels asked for, 0 not given"


async def test_validation_rows_cost_no_label(tmp_path: Path) -> None:
    _, spoken, loop = started(tmp_path, asks_about("42"), Truth(), SHARE)
    output = await loop.score("42", **row(0, extra_info={"split": "test", "index": 0}))
    assert output.reward_score == 1.0
    assert not spoken.calls


async def test_a_stated_number_for_unscored_rollouts_never_hides_a_known_label(tmp_path: Path) -> None:
    service = FakeService(lambda *_: None, wants_label=lambda _, rollout: rollout.response == "42")
    _, _, loop = started(tmp_path, service, Truth(), SHARE, "+reward.memreward.on_unscored=0.5")
    outputs = [await loop.score(text, **row(place)) for place, text in enumerate(("42", "43"))]
    assert [output.reward_score for output in outputs] == [1.0, 0.5]
    assert [output.extra_fields["reward_extra_info"]["status"] for output in outputs] == ["ok", "abstain"]


async def test_the_verifier_that_is_named_gives_the_labels(tmp_path: Path) -> None:
    truth = Truth()
    verifier = ("+reward.memreward.verifier=text", "+reward.memreward.truth_field=extra_info.answer", SHARE)
    service = asks_about("Yes!", "no")
    _, spoken, loop = started(tmp_path, service, truth, *verifier, "+reward.memreward.query_field=extra_info.question")
    info = {"split": "train", "answer": "yes", "question": "Is it?"}
    outputs = [await loop.score(text, **row(place, extra_info=info)) for place, text in enumerate(("Yes!", "no"))]
    assert [output.reward_score for output in outputs] == [1.0, 0.0]
    assert not truth.asked
    outputs = [await loop.score("no", **row(2, extra_info=info | {"answer": None}))]
    assert outputs[0].extra_fields["reward_extra_info"]["source"] == "gnn"
    assert spoken.submissions[-1]["no_label"]


def test_the_budget_is_that_of_the_configuration(tmp_path: Path) -> None:
    manager, _, _ = started(tmp_path, asks_about(), Truth(), SHARE, "+reward.memreward.verify_seconds=20")
    assert manager.settings.label_budget == LabelBudget(0.17, None, 35_000)


async def test_the_labelled_rollout_that_the_service_keeps_is_the_one_that_was_sent(tmp_path: Path) -> None:
    service = asks_about("42")
    manager, _, loop = started(tmp_path, service, Truth(), SHARE)
    await loop.score("42", **row(5))
    (kept,) = service.submitted.values()
    assert kept.rollout == Rollout("42", label=1.0)
    assert kept.query == Query("What is 6*7?", domain="math", dataset="openai/gsm8k")
    assert service.asked == [(manager.settings.run_id, "uid-1", 0, 5)]
