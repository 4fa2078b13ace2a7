"""The guard against agreeing on nonsense, through the engine: who is asked, who gets no reward, and who hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from memreward_proto.records import (
    Domain,
    Experience,
    Group,
    LabelBudget,
    PlanReason,
    Query,
    Rollout,
    RolloutReward,
    Source,
    Status,
    StoredRollout,
    Submission,
)
from memreward_service.engine.engine import Engine
from memreward_service.settings import Settings
from memreward_service.store import with_ids
from service.engines import StartEngine
from service.hash_encoder import HashEncoder

SHEEP = Query("How many sheep are on the hill?", "sheep", Domain.MATH)
NINES = ("Looking again: the answer is 9.", "By sum, the answer is 9.", "Each one: the answer is 9.", "It is 9", "4")
FOURS = tuple(StoredRollout(f"Count {number} says that the answer is 4.", step=1) for number in range(60))
BEFORE = with_ids([Experience(SHEEP.text, SHEEP.id, SHEEP.domain, rollouts=FOURS)])


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[StartEngine]:
    """Starts an engine that predicts from agreement, and knows that the answer was 4."""
    running: list[Engine] = []

    async def start(**settings: Any) -> Engine:
        engine = Engine(Settings(data_dir=tmp_path, torch_threads=1, calibration_share=0.0, **settings), HashEncoder())
        running.append(engine)
        await engine.start()
        await engine.add_experience(BEFORE)
        await engine.caught_up()
        return engine

    yield start
    for engine in running:
        await engine.stop()


def group(query: Query, responses: Sequence[str], label: float | None = None) -> Group:
    """With the label of its first rollout."""
    rollouts = tuple(Rollout(text, label=label if text == responses[0] else None) for text in responses)
    return Group(query, rollouts, "later")


async def submitted(
    engine: Engine, asked: Group, step: int, truth: float | None = None, budget: LabelBudget | None = None
) -> tuple[list[RolloutReward], list[RolloutReward]]:
    """The answers to a group sent one by one, and the requests for labels, which are answered with `truth`."""
    requests: list[RolloutReward] = []

    async def one(index: int) -> RolloutReward:
        sent = Submission(
            "run", f"{asked.query.text} {step}", index, len(asked.rollouts), asked.query, asked.rollouts[index], 0,
            step, budget, None, 20_000,
        )  # fmt: skip
        while (answer := await engine.submit(sent)).status is Status.LABEL_REQUESTED:
            requests.append(answer)
            sent = replace(sent, rollout=replace(sent.rollout, label=truth), no_label=truth is None)
        return answer

    return list(await asyncio.gather(*map(one, range(len(asked.rollouts))))), requests


def counted(cause: str, outcome: str) -> float:
    labels = {"domain": "math", "cause": cause, "outcome": outcome}
    return REGISTRY.get_sample_value("memreward_drift_groups_total", labels) or 0.0


async def test_rollouts_that_would_be_rewarded_for_a_drifting_answer_are_abstained_from(start: StartEngine) -> None:
    engine, before = await start(), counted("moved", "abstain")
    (scored,) = (await engine.score([group(SHEEP, NINES)])).groups
    *nines, four = scored.rollouts
    for prediction in nines:
        assert (prediction.status, prediction.reward, prediction.source) == (Status.ABSTAIN, None, None)
        assert prediction.reason is not None
        assert prediction.reason.startswith("consensus_drift: ")
        assert prediction.probability is not None
        assert prediction.probability > 0.5
    assert (four.status, four.reward, four.reason) == (Status.OK, 0.0, None)
    assert counted("moved", "abstain") == before + 1
    (domain,) = (await engine.trust()).domains
    assert (domain.drifting, domain.agreement) == (1, 0.8)


async def test_a_label_inside_the_group_decides(start: StartEngine) -> None:
    engine = await start()
    for label in (1.0, 0.0):
        (scored,) = (await engine.score([group(SHEEP, NINES, label)])).groups
        assert [each.reward for each in scored.rollouts[:4]] == [label] * 4
        assert {each.status for each in scored.rollouts} == {Status.OK}


async def test_the_setting_turns_it_off(start: StartEngine) -> None:
    engine = await start(drift_guard=False)
    (scored,) = (await engine.score([group(SHEEP, NINES)])).groups
    assert [each.reward for each in scored.rollouts] == [1.0, 1.0, 1.0, 1.0, 0.0]
    plan = (await engine.plan_labels([group(SHEEP, NINES)], 1)).plan
    assert [label.reason for label in plan] == [PlanReason.MAJORITY]


async def test_a_planner_asks_about_it_first(start: StartEngine) -> None:
    engine = await start()
    (label,) = (await engine.plan_labels([group(SHEEP, NINES)], 1)).plan
    assert (label.rollout_index, label.reason) == (0, PlanReason.CONSENSUS_DRIFT)
    after = (await engine.plan_labels([group(SHEEP, NINES, 0.0)], 1)).plan
    assert all(label.reason is not PlanReason.CONSENSUS_DRIFT for label in after)


async def test_a_run_that_may_ask_is_asked_and_its_label_is_what_counts(start: StartEngine) -> None:
    engine, before = await start(), counted("moved", "label")
    budget = LabelBudget(share=0.2, deadline_ms=60_000)
    answers, requests = await submitted(engine, group(SHEEP, NINES), 2, truth=0.0, budget=budget)
    assert [(each.rollout_index, each.label_request and each.label_request.reason) for each in requests] == [
        (0, PlanReason.CONSENSUS_DRIFT)
    ]
    assert [each.reward for each in answers[:4]] == [0.0] * 4
    assert [each.source for each in answers[:4]] == [Source.LABEL, *[Source.AGREEMENT] * 3]
    assert counted("moved", "label") == before + 1


async def test_where_no_label_can_be_had_the_group_is_abstained_from(start: StartEngine) -> None:
    engine = await start()
    budget = LabelBudget(share=0.2, deadline_ms=60_000)
    answers, requests = await submitted(engine, group(SHEEP, NINES), 2, truth=None, budget=budget)
    assert len(requests) == 1, "the budget pays for one"
    assert {each.status for each in answers[:4]} == {Status.ABSTAIN}
    assert all(each.reason is not None and each.reason.startswith("consensus_drift") for each in answers[:4])
    again, _ = await submitted(engine, group(SHEEP, NINES), 2, truth=None, budget=budget)
    assert again == answers, "the reason is kept with the answer"


async def test_one_answer_for_all_queries_of_a_run_is_not_rewarded_for_long(start: StartEngine) -> None:
    engine = await start()

    async def rewards(number: int, answer: int) -> list[float | None]:
        query = Query(f"How many sheep are on hill {number}?", f"hill-{number}", Domain.MATH)
        asked = group(query, [f"{way}, so the answer is {answer}." for way in ("By sum", "By hand", "Counted", "Seen")])
        answers, _ = await submitted(engine, asked, number)
        return [each.reward for each in answers]

    honest = [await rewards(number, 100 + number) for number in range(16)]
    collapsed = [await rewards(number, 7) for number in range(16, 32)]
    assert honest == [[1.0] * 4] * 16
    first = collapsed.index([None] * 4)
    assert first < 8
    assert collapsed[first:] == [[None] * 4] * (16 - first)
    assert [await rewards(40, 555)] == [[1.0] * 4], "another answer is rewarded as before"


async def test_a_run_whose_labels_contradict_what_was_believed_rewards_nobody_without_one(
    start: StartEngine,
) -> None:
    engine = await start()

    async def answers(number: int, truth: float | None) -> list[RolloutReward]:
        query = Query(f"How many cows are in barn {number}?", f"barn-{number}", Domain.MATH)
        asked = group(query, [f"{way}, so it is {number}." for way in ("By sum", "By hand", "Counted", "Seen")], truth)
        return (await submitted(engine, asked, number))[0]

    for number in range(8):
        assert [each.reward for each in await answers(number, 0.0)] == [0.0] * 4
    unlabelled = await answers(50, None)
    assert {(each.status, each.reward) for each in unlabelled} == {(Status.ABSTAIN, None)}
    assert "labels of the run found far fewer rollouts right" in str(unlabelled[0].reason)
    assert [each.reward for each in await answers(51, 1.0)] == [1.0] * 4
