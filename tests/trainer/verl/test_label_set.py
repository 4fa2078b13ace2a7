"""The reward manager with a label set, in one process: who is asked for which rollout, and what memory is told."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memreward_client import (
    AsyncRewardClient,
    FakeService,
    MockTransport,
    ModelNotTrained,
    NotScored,
    Query,
    Retries,
    Rollout,
    Unreachable,
)
from memreward_trainer.verl import remember as verl_experience
from trainer.verl.experience_memory import Memory
from trainer.verl.verl_parts import AgentLoop, RewardWorker, byte_tokenizer, columns, manager_with, verl_config

URL = "http://127.0.0.1:9"
DATASET = "openai/gsm8k"


class Spy:
    """A reward function that keeps what it was asked."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.asked: list[dict[str, Any]] = []

    def __call__(self, **asked: Any) -> Any:
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        return float(asked["solution_str"] == asked["ground_truth"]) if self.answer is None else self.answer


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verl_experience, "GATHER_SECONDS", 0.01)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Of three queries, 7 is labelled at 0.2, and 8 at 0.5 too."""
    ratios = {"0.2": {DATASET: ["7"]}, "0.5": {DATASET: ["7", "8"]}}
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"seed": 0, "ratios": ratios}))
    return path


def started(
    labels: Path, *overrides: str, spy: Any, judge: Any = lambda *_: 0.25, memory: Memory | None = None
) -> tuple[Any, Any, AgentLoop]:
    """The manager, the service that predicts, and the agent loop before them."""
    lines = (f"+reward.memreward.label_set={labels}", "++reward.memreward.label_ratio=0.2", *overrides)
    manager, service = manager_with(verl_config(labels.parent / "policy", URL, *lines), judge, spy)
    transport = MockTransport(memory or Memory())
    manager.experience.client = AsyncRewardClient(transport=transport, retries=Retries(attempts=1))
    transport = MockTransport(FakeService(judge))
    manager.compared.client = AsyncRewardClient(transport=transport, retries=Retries(attempts=1))
    return manager, service, AgentLoop(byte_tokenizer(), [RewardWorker(manager)])


def row(query_id: Any, place: int = 0, **others: Any) -> dict[str, Any]:
    extra_info = {"split": "train", "index": query_id}
    return columns(f"uid-{query_id}", place, f"Query {query_id}?", extra_info=extra_info, **others)


async def test_a_labelled_rollout_gets_its_true_reward_and_is_stored(labels: Path) -> None:
    spy, memory = Spy(), Memory()
    manager, service, loop = started(labels, "+reward.memreward.run_id=run", spy=spy, memory=memory)
    right = await loop.score("42", **row(7, 0))
    wrong = await loop.score("43", **row(np.int64(7), 1))
    assert (right.reward_score, wrong.reward_score) == (1.0, 0.0)
    assert wrong.extra_fields["reward_extra_info"] == {
        "reward": 0.0,
        "probability": None,
        "status": "ok",
        "source": "label",
        "model_version": None,
    }
    assert [asked["solution_str"] for asked in spy.asked] == ["42", "43"]
    assert spy.asked[0]["data_source"] == DATASET
    assert not service.submitted
    await manager.experience.settled()
    assert {(query["text"], query["domain"], query["dataset"]) for query in memory.queries} == {
        ("Query 7?", "math", DATASET)
    }
    common = {"label_source": "verifier", "policy": "policy", "step": 3}
    assert memory.rollouts == [
        {"id": "run/uid-7/0", "response": "42", "label": 1.0} | common,
        {"id": "run/uid-7/1", "response": "43", "label": 0.0} | common,
    ]
    assert (manager.tally.labelled, manager.tally.predicted) == (2, 0)
    assert (manager.experience.stored, manager.experience.lost) == (2, 0)


async def test_a_labelled_rollout_is_sent_with_its_label_to_be_compared_and_nothing_waits_for_it(
    labels: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = asyncio.Event()

    class Held(MockTransport):
        async def asend(self, *sent: Any) -> Any:
            await gate.wait()
            return await super().asend(*sent)

    manager, service, loop = started(labels, "+reward.memreward.label_share=0.2", spy=Spy())
    manager.compared.client = AsyncRewardClient(transport=Held(service), retries=Retries(attempts=1))
    for place, response in enumerate(("42", "43")):
        assert (await loop.score(response, **row(7, place))).reward_score == float(response == "42")
    assert not service.submitted
    gate.set()
    await manager.compared.settled()
    sent = [service.submitted[key] for key in sorted(service.submitted)]
    assert [each.rollout for each in sent] == [Rollout("42", label=1.0), Rollout("43", label=0.0)]
    assert {(each.label_budget, each.step) for each in sent} == {(None, 3)}, "it is no cost for the budget"
    assert manager.compared.failed == 0
    assert "trust does not know it" not in caplog.text


async def test_a_service_that_is_away_is_told_once_and_labels_beyond_0_and_1_are_not_sent(
    labels: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def away(_: Any) -> Any:
        raise Unreachable("Nobody answers.")

    spy = Spy()
    manager, _, loop = started(labels, spy=spy)
    manager.compared.client = AsyncRewardClient(transport=MockTransport(away), retries=Retries(attempts=1))
    for place in range(3):
        assert (await loop.score("42", **row(7, place))).reward_score == 1.0
    await manager.compared.settled()
    assert manager.compared.failed == 3
    assert caplog.text.count("trust does not know it: Unreachable: Nobody answers. Its reward holds.") == 1
    spy.answer = 7.5
    assert (await loop.score("42", **row(7, 3))).reward_score == 7.5
    await manager.compared.settled()
    assert manager.compared.failed == 3


async def test_another_row_is_predicted_and_nobody_looks_at_its_ground_truth(labels: Path) -> None:
    spy, memory = Spy(), Memory()
    manager, service, loop = started(labels, spy=spy, memory=memory)
    outputs = [await loop.score("42", **row(query_id)) for query_id in (8, 70, "07")]
    assert [output.reward_score for output in outputs] == [0.25] * 3
    assert {output.extra_fields["reward_extra_info"]["source"] for output in outputs} == {"gnn"}
    assert [sent.rollout for sent in service.submitted.values()] == [Rollout("42")] * 3
    await manager.experience.settled()
    assert not spy.asked
    assert not memory.queries
    assert (manager.tally.labelled, manager.tally.predicted) == (0, 3)


@pytest.mark.parametrize("judge", [lambda *_: None, ModelNotTrained("Train first."), Unreachable("Nobody answers.")])
async def test_the_true_reward_does_not_stand_in_for_a_prediction_that_failed(labels: Path, judge: Any) -> None:
    spy = Spy()
    manager, _, loop = started(labels, spy=spy, judge=judge)
    with pytest.raises(NotScored, match="rollout 0 of group uid-8"):
        await loop.score("42", **row(8))
    assert not spy.asked
    assert str(manager.tally).endswith("; 0 labelled, 0 predicted")


async def test_the_ratio_decides_which_ids_hold(labels: Path) -> None:
    spy = Spy()
    _, service, loop = started(labels, "++reward.memreward.label_ratio=0.5", spy=spy)
    for query_id in (7, 8, 9):
        await loop.score("42", **row(query_id))
    assert len(spy.asked) == 2
    assert [sent.query.text for sent in service.submitted.values()] == ["Query 9?"]


def slow(**_: Any) -> float:
    time.sleep(2)
    return 1.0


FAILURES = [
    (Spy(ValueError("no parse")), "verifier_failed: the reward function failed with ValueError: no parse"),
    (Spy(math.nan), "verifier_failed: the reward function gave nan"),
    (Spy({"acc": 1.0}), "verifier_failed: the reward function failed with KeyError"),
    (Spy("right"), "verifier_failed: the reward function failed with ValueError"),
    (slow, "verifier_timeout: the reward function took more than 0.1 seconds"),
]


@pytest.mark.parametrize(("function", "sentence"), FAILURES)
async def test_without_a_true_reward_a_labelled_rollout_is_masked_not_predicted(
    labels: Path, caplog: pytest.LogCaptureFixture, function: Any, sentence: str
) -> None:
    memory = Memory()
    manager, service, loop = started(labels, "+reward.memreward.verify_seconds=0.1", spy=function, memory=memory)
    with pytest.raises(NotScored, match=sentence):
        await loop.score("42", **row(7))
    assert "0 scored, 1 not scored (verifier_" in caplog.text
    await manager.experience.settled()
    assert not service.submitted
    assert not memory.queries


async def test_without_a_true_reward_the_stated_number_is_given_but_not_for_a_wrong_set_up(labels: Path) -> None:
    stated = "+reward.memreward.on_unscored=0.5"
    manager, _, loop = started(labels, stated, spy=Spy(ValueError("no parse")))
    output = await loop.score("42", **row(7))
    assert output.reward_score == 0.5
    info = output.extra_fields["reward_extra_info"]
    assert (info["reward"], info["status"], info["source"]) == (0.5, "verifier_failed", None)
    manager, _, loop = started(labels, stated, spy=Spy(NotImplementedError("no such data source")))
    with pytest.raises(NotScored, match="no such data source"):
        await loop.score("42", **row(7))
    assert manager.tally.scored == 0


async def test_without_a_true_reward_raise_gives_what_ends_the_run(labels: Path) -> None:
    overrides = ("+reward.memreward.on_unscored=raise", "algorithm.adv_estimator=memreward_grpo")
    _, _, loop = started(labels, *overrides, spy=Spy(ValueError("no parse")))
    assert math.isnan((await loop.score("42", **row(7))).reward_score)


async def test_what_a_reward_function_tells_beside_the_score_changes_no_key(labels: Path) -> None:
    _, _, loop = started(labels, spy=Spy({"score": 1, "format": "good", "status": "mine"}))
    labelled, predicted = await loop.score("42", **row(7)), await loop.score("42", **row(8))
    infos = [output.extra_fields["reward_extra_info"] for output in (labelled, predicted)]
    assert list(infos[0]) == list(infos[1])
    assert (infos[0]["status"], infos[0]["reward"]) == ("ok", 1.0)


async def test_a_reward_beyond_0_and_1_is_used_but_not_stored(labels: Path, caplog: pytest.LogCaptureFixture) -> None:
    memory, spy = Memory(), Spy(-1.0)
    manager, _, loop = started(labels, spy=spy, memory=memory)
    assert [(await loop.score("42", **row(7, place))).reward_score for place in range(2)] == [-1.0, -1.0]
    spy.answer = 0.75
    assert (await loop.score("42", **row(7, 2))).reward_score == 0.75
    await manager.experience.settled()
    assert memory.labels == {"42": 0.75}
    assert caplog.text.count("The reward function gave -1.0: it is used for training as it is") == 1
    assert (manager.experience.stored, manager.experience.lost) == (1, 2)


async def test_what_cannot_be_stored_is_told_and_fails_no_reward(
    labels: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for error in (Unreachable("Nobody answers."), RuntimeError("a mistake of ours")):
        caplog.clear()
        manager, _, loop = started(labels, spy=Spy(), memory=Memory(error=error))
        assert [(await loop.score("42", **row(7, place))).reward_score for place in range(3)] == [1.0] * 3
        await manager.experience.settled()
        assert (manager.experience.stored, manager.experience.lost) == (0, 3)
        assert "labelled rollouts could not be stored as experience" in caplog.text
        assert str(error) in caplog.text


async def test_nothing_is_stored_where_nothing_is_to_be_remembered(labels: Path) -> None:
    memory = Memory()
    manager, _, loop = started(labels, "+reward.memreward.remember=false", spy=Spy(), memory=memory)
    assert (await loop.score("42", **row(7))).reward_score == 1.0
    await manager.experience.settled()
    assert not memory.queries


async def test_validation_rows_have_no_time_limit_and_are_not_stored(labels: Path) -> None:
    memory, spy = Memory(), Spy({"score": 1.0, "format": "good"})
    manager, _, loop = started(labels, spy=spy, memory=memory)
    output = await loop.score("42", **columns("v", 0, "Q?", extra_info={"split": "test", "index": 7}))
    assert output.extra_fields["reward_extra_info"]["format"] == "good"
    await manager.experience.settled()
    assert not memory.queries
    assert manager.tally.scored == 0


async def test_the_data_set_may_have_the_name_it_has_in_memory(labels: Path) -> None:
    path = labels.with_name("named.json")
    path.write_text('{"seed": 0, "ratios": {"0.2": {"gsm8k": ["gsm-7"]}}}')
    spy = Spy()
    overrides = ("+reward.memreward.datasets={openai/gsm8k:gsm8k}", "+reward.memreward.id_field=name")
    _, service, loop = started(path, *overrides, spy=spy)
    await loop.score("42", **row(7, name="gsm-7"))
    await loop.score("42", **row(8, name="gsm-8"))
    assert len(spy.asked) == 1
    assert [sent.query for sent in service.submitted.values()] == [Query("Query 8?", domain="math", dataset="gsm8k")]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"data_source": "arc"}, "The label set has no data set 'arc', only 'openai/gsm8k'"),
        ({"extra_info": {"split": "train"}}, "no whole number or text at extra_info.index"),
        ({"extra_info": {"split": "train", "index": 7.0}}, "no whole number or text at extra_info.index"),
    ],
)
async def test_a_row_of_which_nobody_knows_whether_it_is_labelled_is_an_error(
    labels: Path, changed: dict[str, Any], sentence: str
) -> None:
    spy = Spy()
    _, service, loop = started(labels, spy=spy)
    with pytest.raises(ValueError, match=sentence):
        await loop.score("42", **row(7) | changed)
    assert not spy.asked
    assert not service.submitted


async def test_ids_that_never_match_are_told_once(labels: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def groups_of(loop: AgentLoop, query_ids: Sequence[Any]) -> str:
        caplog.clear()
        for query_id in query_ids:
            await loop.score("42", **row(query_id))
        return caplog.text

    _, _, loop = started(labels, "++reward.memreward.label_ratio=0.5", spy=Spy())
    names = [f"train-{number}" for number in range(30)]
    assert "None of the first" not in await groups_of(loop, [*names[:23], *names[:23]])
    told = await groups_of(loop, names[23:])
    assert told.count("None of the first 24 groups") == 1
    assert "such as 'train-23', with those of the label set, such as '7'" in told
    _, _, loop = started(labels, "++reward.memreward.label_ratio=0.5", spy=Spy())
    assert "None of the first" not in await groups_of(loop, [7, *names])


def test_the_totals_are_told_when_a_step_begins(labels: Path, caplog: pytest.LogCaptureFixture) -> None:
    manager, _, _ = started(labels, spy=Spy())
    manager.tally.scored, manager.tally.labelled = 9, 2
    caplog.clear()
    with caplog.at_level(logging.INFO):
        for step in (4, 4, 5):
            manager.tally.reached(step)
    assert [record.message for record in caplog.records] == [
        f"At step {step}, in this worker: 9 scored, 0 not scored; 2 labelled, 7 predicted." for step in (4, 5)
    ]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["++reward.memreward.label_ratio=0.3"], r"no ratio 0\.3: use one of 0\.2, 0\.5"),
        (["++reward.memreward.label_ratio=null"], "label_set and label_ratio belong together"),
        (["++reward.memreward.label_ratio=few"], "label_ratio: Value 'few' of type 'str'"),
        (["++reward.memreward.label_set=/nowhere/labels.json"], "/nowhere/labels.json cannot be read"),
        (["++reward.memreward.label_set=null"], "label_set and label_ratio belong together"),
        (["+reward.memreward.verify_seconds=0"], "verify_seconds is 0"),
    ],
)
def test_a_label_set_that_cannot_be_used_is_told_at_the_start(
    labels: Path, overrides: list[str], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        started(labels, *overrides, spy=Spy())
