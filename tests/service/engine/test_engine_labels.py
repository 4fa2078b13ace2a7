"""A small label budget spent through the engine: the model's belief, the planner, the ledger, the rendezvous."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from memreward_proto.errors import Unavailable
from memreward_proto.records import (
    Group,
    JobStatus,
    Label,
    LabelBudget,
    LabelCharge,
    LabelSpending,
    RolloutReward,
    Source,
    Status,
    StepSpending,
    Submission,
    TrainingOptions,
)
from memreward_service.engine.engine import Engine
from service.empty_engines import ended
from service.engines import ASKED, TRUTH, StartEngine
from service.synthetic_groups import experience_of, synthetic_group, with_labels

SIZE = 6
STEP = 3
WAIT_MS = 20_000


async def acquired(
    engine: Engine, group: Group, truth: Sequence[float], budget: LabelBudget, run: str = "run"
) -> list[tuple[RolloutReward, list[RolloutReward]]]:
    """What a trainer's workers get for a group: the last answer of each rollout, and the requests before it."""

    async def one(index: int) -> tuple[RolloutReward, list[RolloutReward]]:
        sent = Submission(
            run, group.group_id, index, SIZE, group.query, group.rollouts[index], 0, STEP, budget, None, WAIT_MS
        )
        requests = []
        while (answer := await engine.submit(sent)).status is Status.LABEL_REQUESTED:
            requests.append(answer)
            sent = replace(sent, rollout=replace(sent.rollout, label=truth[index]))
        return answer, requests

    return await asyncio.gather(*map(one, range(SIZE)))


async def test_labels_are_asked_for_within_the_budget_and_siblings_hear_of_them(start: StartEngine) -> None:
    engine = await start(calibration_share=0.0)
    budget = LabelBudget(share=0.2, deadline_ms=60_000)
    plain = {group.group_id: group for group in (await engine.score(ASKED)).groups}
    asked, moved = 0, 0
    for place, (group, truth) in enumerate(zip(ASKED, TRUTH, strict=True), start=1):
        answers = await acquired(engine, group, truth, budget)
        asked += sum(len(requests) for _, requests in answers)
        assert asked <= int(budget.share * SIZE * place), "never above the share of what came so far"
        for index, (answer, requests) in enumerate(answers):
            assert answer.status is Status.OK
            assert (answer.source is Source.LABEL) == bool(requests)
            if requests:
                assert (answer.reward, len(requests)) == (truth[index], 1)
                assert requests[0].label_request is not None
                assert requests[0].label_request.gain > 0
            elif any(requests for _, requests in answers):
                moved += answer.probability != plain[group.group_id].rollouts[index].probability
    rollouts = SIZE * len(ASKED)
    assert 0 < asked <= int(0.2 * rollouts)
    assert moved > 0, "a label moves its siblings"
    steps = (StepSpending(STEP, rollouts, asked),)
    assert await engine.label_spending("run") == LabelSpending("run", rollouts, asked, steps)


async def test_the_same_run_sent_again_is_asked_nothing_more(start: StartEngine) -> None:
    engine = await start()
    budget = LabelBudget(share=0.5, deadline_ms=60_000)
    first = [await acquired(engine, *one, budget) for one in zip(ASKED, TRUTH, strict=True)]
    spent = await engine.label_spending("run")
    again = [await acquired(engine, *one, budget) for one in zip(ASKED, TRUTH, strict=True)]
    assert [[answer for answer, _ in group] for group in again] == [[answer for answer, _ in group] for group in first]
    assert not any(requests for group in again for _, requests in group)
    assert await engine.label_spending("run") == spent
    assert spent.labels > 0


async def test_a_run_has_no_more_labels_than_its_limit(start: StartEngine) -> None:
    engine = await start()
    budget = LabelBudget(share=1.0, labels=2, deadline_ms=60_000)
    waves = await asyncio.gather(*(acquired(engine, *one, budget, "limited") for one in zip(ASKED, TRUTH, strict=True)))
    asked = sum(len(requests) for group in waves for _, requests in group)
    assert asked == (await engine.label_spending("limited")).labels == 2
    assert (await engine.label_spending("run")).labels == 0


async def test_a_plan_that_is_charged_stays_within_the_budget(start: StartEngine) -> None:
    engine = await start(calibration_share=0.0)
    charge = LabelCharge("planned", STEP, LabelBudget(share=0.05, deadline_ms=60_000))
    free = await engine.plan_labels(ASKED, 40)
    paid = await engine.plan_labels(ASKED, 40, charge)
    assert len(free.plan) > len(paid.plan) == int(0.05 * SIZE * len(ASKED)) > 0
    assert paid.plan == free.plan[: len(paid.plan)]
    assert (await engine.plan_labels(ASKED, 40, charge)).plan == paid.plan, "a retry costs nothing"
    assert (await engine.label_spending("planned")).labels == len(paid.plan)
    known = with_labels(ASKED[0], TRUTH[0])
    left = tuple(label for label in paid.plan if label.group_id != known.group_id)
    assert (await engine.plan_labels([known, *ASKED[1:]], 40, charge)).plan == left, "nothing more can be paid"


async def test_training_and_its_figures_know_only_labels_that_somebody_gave(begin: StartEngine) -> None:
    """Also where more follows from them, as the figures would agree with themselves then."""
    engine = await begin()
    groups = [synthetic_group(number) for number in range(16)]
    right = [[rollout.label for rollout in group.rollouts].index(1.0) for group in groups]
    wrong = [(first + 1) % SIZE for first in right]
    one_right = [only(group, {first: 1.0}) for group, first in zip(groups, right, strict=True)]
    await engine.add_experience([experience_of(group) for group in one_right])
    job = await engine.start_training(TrainingOptions())
    assert await ended(engine, job.job_id) is JobStatus.FAILED
    assert "All 16 labelled rollouts are right" in str(engine.training_job(job.job_id).error)

    await engine.add_labels([Label(f"q{number}/{place}", 0.0, "expert") for number, place in enumerate(wrong)])
    job = await engine.start_training(TrainingOptions())
    assert await ended(engine, job.job_id) is JobStatus.SUCCEEDED
    (model,) = await engine.models()
    assert (model.training_queries, model.training_labels) == (16, 32)
    assert (model.metrics["rollouts"], model.metrics["share_right"]) == (8, 0.5), (
        "of four queries held out by the one run"
    )


def only(group: Group, labels: Mapping[int, float]) -> Group:
    return with_labels(group, [labels.get(index) for index in range(SIZE)])


async def test_after_a_restart_the_same_label_is_asked_for_and_costs_nothing(start: StartEngine) -> None:
    budget = LabelBudget(share=1 / SIZE, deadline_ms=60_000)
    sent = [
        Submission("run", "g", index, SIZE, ASKED[0].query, rollout, 0, STEP, budget, None, WAIT_MS)
        for index, rollout in enumerate(ASKED[0].rollouts)
    ]

    async def asked() -> RolloutReward:
        """The request; the engine stops while the siblings wait."""
        engine = await start()
        calls = [asyncio.create_task(engine.submit(one)) for one in sent]
        done, waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        assert (len(done), (await engine.label_spending("run")).labels) == (1, 1)
        await engine.stop()
        with pytest.raises(Unavailable):
            await asyncio.gather(*waiting)
        return done.pop().result()

    first = await asked()
    assert first.status is Status.LABEL_REQUESTED
    assert await asked() == first
