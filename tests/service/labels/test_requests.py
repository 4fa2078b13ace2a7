"""Labels asked for by the rendezvous, at both meeting places: one call verifies, its siblings wait for what it says."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from memreward_proto.errors import Conflict
from memreward_proto.records import LabelBudget, LabelCharge, LabelRequest, PlanReason, Source, Status, Submission
from service.rendezvous.replicas import PATIENT, FakeScorer, Replicas, metric, rollout_of, send
from service.waiting import until

BUDGET = LabelBudget(share=0.5, labels=7, deadline_ms=round(1000 * PATIENT))


def submission(index: int, budget: LabelBudget = BUDGET, **options: float | bool) -> Submission:
    return rollout_of(index, budget=budget, **options)  # type: ignore[arg-type]


def verified(one: Submission, label: float) -> Submission:
    return replace(one, rollout=replace(one.rollout, label=label))


async def test_one_call_is_asked_and_the_others_wait_for_its_label(replicas: Replicas, scorer: FakeScorer) -> None:
    before = metric("labels_requested_total", reason="majority_answer")
    scorer.wanted = [1]
    async with replicas.start(scorer) as rendezvous:
        zero, one, two = send(rendezvous, submission(0), replace(submission(1), step=4), submission(2))
        asked = await one
        assert (asked.status, asked.reward, asked.probability, asked.source) == (
            Status.LABEL_REQUESTED, None, None, None,
        )  # fmt: skip
        assert asked.label_request == LabelRequest(PlanReason.MAJORITY, 0.5)
        assert (asked.rollout_index, asked.rollouts_present, asked.partial) == (1, 3, False)
        assert metric("labels_requested_total", reason="majority_answer") == before + 1
        await asyncio.sleep(0.1)
        assert not zero.done()
        assert not two.done()
        told = await rendezvous.submit(verified(submission(1), 0.25))
        answers = [await zero, await two]
    assert scorer.charges[0] == LabelCharge("run", 4, BUDGET)
    assert [[rollout.label for rollout in group.rollouts] for group in scorer.groups] == [
        [None, None, None], [None, 0.25, None],
    ]  # fmt: skip
    assert (told.reward, told.source, told.status, told.label_request) == (0.25, Source.LABEL, Status.OK, None)
    assert [(each.status, each.source, each.memory_version) for each in answers] == [(Status.OK, Source.GNN, 2)] * 2


async def test_several_labels_of_a_group_are_asked_for_one_after_the_other(
    replicas: Replicas, scorer: FakeScorer
) -> None:
    scorer.wanted = [2, 0]
    async with replicas.start(scorer) as rendezvous:
        zero, one, two = send(rendezvous, *map(submission, range(3)))
        assert (await two).status is Status.LABEL_REQUESTED
        first = send(rendezvous, verified(submission(2), 0.0))[0]
        assert (await zero).status is Status.LABEL_REQUESTED
        assert not first.done()
        last = await rendezvous.submit(verified(submission(0), 1.0))
        answers = [last, await one, await first]
    assert [(each.reward, each.source) for each in answers] == [
        (1.0, Source.LABEL), (1.0, Source.GNN), (0.0, Source.LABEL),
    ]  # fmt: skip
    assert len(scorer.groups) == 3


async def test_a_verifier_that_cannot_say_gets_a_prediction(replicas: Replicas, scorer: FakeScorer) -> None:
    scorer.wanted = [0]
    async with replicas.start(scorer) as rendezvous:
        tasks = send(rendezvous, *map(submission, range(3)))
        assert (await tasks[0]).status is Status.LABEL_REQUESTED
        told = await rendezvous.submit(replace(submission(0), no_label=True))
        await asyncio.gather(*tasks[1:])
    assert (told.status, told.source, told.reward) == (Status.OK, Source.GNN, 1.0)
    assert scorer.entered == 2


async def test_a_retry_is_asked_again_and_after_the_end_gets_the_answer(replicas: Replicas, scorer: FakeScorer) -> None:
    scorer.wanted = [0]
    async with replicas.start(scorer) as rendezvous:
        tasks = send(rendezvous, *map(submission, range(3)))
        asked = await tasks[0]
        assert await rendezvous.submit(submission(0)) == asked
        assert scorer.entered == 1
        told = await rendezvous.submit(verified(submission(0), 0.5))
        assert await rendezvous.submit(verified(submission(0), 0.5)) == told
        assert await rendezvous.submit(submission(0)) == told
        assert await rendezvous.submit(replace(submission(0), no_label=True)) == told
        await asyncio.gather(*tasks[1:])
    assert scorer.entered == 2


async def test_two_labels_of_one_rollout_are_a_conflict(replicas: Replicas, scorer: FakeScorer) -> None:
    async with replicas.start(scorer) as rendezvous:
        waiting = send(rendezvous, verified(submission(0), 1.0))
        await until(lambda: replicas.place.usage().rollouts == 1)
        with pytest.raises(Conflict, match="another label"):
            await rendezvous.submit(verified(submission(0), 0.0))
        await asyncio.gather(*send(rendezvous, submission(0), submission(1), submission(2)), *waiting)
    assert [rollout.label for rollout in scorer.groups[0].rollouts] == [1.0, None, None]


async def test_a_request_that_nobody_answers_lapses(replicas: Replicas, scorer: FakeScorer) -> None:
    scorer.wanted = [1]
    short = replace(BUDGET, deadline_ms=300)
    async with replicas.start(scorer) as rendezvous:
        tasks = send(rendezvous, *(submission(i, short) for i in range(3)))
        assert (await tasks[1]).status is Status.LABEL_REQUESTED
        answers = [await tasks[0], await tasks[2]]
        late = await rendezvous.submit(verified(submission(1, short), 0.0))
    assert [(each.status, each.source) for each in answers] == [(Status.OK, Source.GNN)] * 2
    assert (late.source, late.reward) == (Source.GNN, 1.0), "what was answered stays"
    assert scorer.entered == 2


async def test_who_waits_no_more_is_answered_without_the_label(replicas: Replicas, scorer: FakeScorer) -> None:
    scorer.wanted = [1]
    async with replicas.start(scorer) as rendezvous:
        tasks = send(rendezvous, *(submission(i, deadline=0.4, partial=True) for i in range(3)))
        assert (await tasks[1]).status is Status.LABEL_REQUESTED
        answers = [await tasks[0], await tasks[2]]
    assert [(each.status, each.source, each.partial) for each in answers] == [(Status.OK, Source.GNN, False)] * 2
    assert scorer.charges == [LabelCharge("run", None, BUDGET), None]


async def test_who_allows_no_partial_answer_is_told_the_timeout(replicas: Replicas, scorer: FakeScorer) -> None:
    scorer.wanted = [1]
    async with replicas.start(scorer) as rendezvous:
        tasks = send(rendezvous, submission(0, deadline=0.3), submission(1), submission(2))
        assert (await tasks[1]).status is Status.LABEL_REQUESTED
        assert (await tasks[0]).status is Status.TIMEOUT
        told = await rendezvous.submit(verified(submission(1), 1.0))
        assert (told.source, (await tasks[2]).source) == (Source.LABEL, Source.GNN)
        assert (await rendezvous.submit(submission(0))).status is Status.OK


async def test_of_a_group_only_those_are_asked_who_can_verify(replicas: Replicas, scorer: FakeScorer) -> None:
    scorer.wanted = [0, 2]
    async with replicas.start(scorer) as rendezvous:
        tasks = send(rendezvous, rollout_of(0), rollout_of(1), submission(2))
        assert (await tasks[2]).status is Status.LABEL_REQUESTED
        told = await rendezvous.submit(verified(submission(2), 1.0))
        answers = [*await asyncio.gather(*tasks[:2]), told]
    assert [answer.source for answer in answers] == [Source.GNN, Source.GNN, Source.LABEL]


async def test_nobody_is_asked_who_cannot_verify(replicas: Replicas, scorer: FakeScorer) -> None:
    scorer.wanted = [0, 1, 2]
    async with replicas.start(scorer) as rendezvous:
        answers = await asyncio.gather(*send(rendezvous, *(rollout_of(i) for i in range(3))))
        scorer.wanted = [0]
        alone = submission(0, deadline=0.0, partial=True)
        partial = await rendezvous.submit(replace(alone, group_id="partial"))
    assert {answer.status for answer in (*answers, partial)} == {Status.OK}
    assert scorer.charges == [None, None]
