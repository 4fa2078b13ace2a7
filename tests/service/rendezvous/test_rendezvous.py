"""The rules of the rendezvous, one by one, at both meeting places."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from memreward_proto.errors import Conflict, Internal, NotEnoughLabels, Unavailable
from memreward_proto.records import GroupKey, LabelBudget, LabelCharge, RolloutReward, Source, Status
from service.rendezvous.replicas import FakeScorer, Replicas, metric, rollout_of, send
from service.waiting import until


async def test_all_are_answered_from_one_scoring_whatever_the_order(replicas: Replicas, scorer: FakeScorer) -> None:
    before = metric("groups_scored_total", kind="complete")
    async with replicas.start(scorer) as rendezvous:
        first = send(rendezvous, rollout_of(2), rollout_of(0, "unsure"))
        await until(lambda: replicas.place.usage().rollouts == 2)
        assert metric("calls_waiting") == 2
        assert metric("groups", state="open") == 1
        assert not any(task.done() for task in first)
        last = await rendezvous.submit(rollout_of(1, label=0.25))
        two, zero = [await task for task in first]
    assert scorer.responses == [["unsure", "response 1", "response 2"]]
    assert [rollout.label for rollout in scorer.groups[0].rollouts] == [None, 0.25, None]
    assert scorer.groups[0].query == rollout_of(0).query
    assert zero == RolloutReward(
        "run", "g", 0, 0, 3, 3, False, None, 0.5, Status.ABSTAIN, None, "m-1", 1
    )  # fmt: skip
    assert last == replace(
        zero, rollout_index=1, reward=0.25, probability=0.25, status=Status.OK, source=Source.LABEL
    )  # fmt: skip
    assert two == replace(
        zero, rollout_index=2, reward=1.0, probability=0.2, status=Status.OK, source=Source.GNN
    )  # fmt: skip
    assert metric("groups_scored_total", kind="complete") == before + 1
    assert metric("calls_waiting") == 0
    assert metric("groups", state="open") == 0
    assert metric("groups", state="finished") == 1


async def test_scoring_hears_whose_group_it_is_and_of_which_step(replicas: Replicas, scorer: FakeScorer) -> None:
    async with replicas.start(scorer) as rendezvous:
        tasks = send(rendezvous, rollout_of(0, attempt=2), replace(rollout_of(1, attempt=2), step=41))
        await asyncio.gather(*tasks, *send(rendezvous, rollout_of(2, attempt=2)))
        await asyncio.gather(*send(rendezvous, *(rollout_of(index, group="other") for index in range(3))))
    assert scorer.occasions == [(GroupKey("run", "g", 2), 41), (GroupKey("run", "other", 0), None)]


async def test_texts_are_embedded_ahead_once_a_rollout(replicas: Replicas, scorer: FakeScorer) -> None:
    async with replicas.start(scorer) as rendezvous:
        tasks = send(rendezvous, rollout_of(0), rollout_of(0), rollout_of(1))
        await until(lambda: len(scorer.embedded) == 2)
        assert sorted(rollout.response for rollout in scorer.embedded) == ["response 0", "response 1"]
        assert scorer.groups == []
        await rendezvous.submit(rollout_of(2))
        await asyncio.gather(*tasks)


async def test_the_same_rollout_while_it_waits_adds_no_sibling(replicas: Replicas, scorer: FakeScorer) -> None:
    joined = metric("retries_joined_total")
    async with replicas.start(scorer) as rendezvous:
        twice = send(rendezvous, rollout_of(0), rollout_of(0), rollout_of(0), rollout_of(1))
        await until(lambda: metric("retries_joined_total") == joined + 2)
        await until(lambda: replicas.place.usage().rollouts == 2)
        assert scorer.entered == 0
        await rendezvous.submit(rollout_of(2))
        answers = await asyncio.gather(*twice)
    assert answers[0] == answers[1] == answers[2]
    assert scorer.responses == [["response 0", "response 1", "response 2"]]


async def test_retries_after_the_answer_get_exactly_that_answer_also_after_a_restart(
    replicas: Replicas, scorer: FakeScorer
) -> None:
    group = [rollout_of(i, size=2) for i in range(2)]
    async with replicas.start(scorer) as rendezvous:
        given = await asyncio.gather(*send(rendezvous, *group))
        again = [await rendezvous.submit(replace(one, deadline_ms=0, allow_partial=True)) for one in group]
    async with replicas.start(scorer) as rendezvous:
        restarted = [await rendezvous.submit(one) for one in group]
    assert given == again == restarted
    assert len(scorer.groups) == 1


async def test_equal_texts_of_two_siblings_are_two_rollouts(replicas: Replicas, scorer: FakeScorer) -> None:
    async with replicas.start(scorer) as rendezvous:
        answers = await asyncio.gather(*send(rendezvous, *(rollout_of(i, "same") for i in range(3))))
    assert [answer.rollout_index for answer in answers] == [0, 1, 2]
    assert scorer.responses == [["same"] * 3]


OTHERS = {
    "rollout_index": rollout_of(0, "another response"),
    "group_id": rollout_of(0, query="3+3?"),
    "size": rollout_of(0, size=4),
    "sibling's query": rollout_of(1, query="3+3?"),
}


@pytest.mark.parametrize("other", OTHERS)
async def test_other_content_is_a_conflict(replicas: Replicas, scorer: FakeScorer, other: str) -> None:
    field = {"rollout_index": "rollout_index", "size": "group_size"}.get(other, "group_id")
    group = [rollout_of(i) for i in range(3)]
    async with replicas.start(scorer) as rendezvous:
        waiting = send(rendezvous, *group[:1])
        await until(lambda: replicas.place.usage().rollouts == 1)
        with pytest.raises(Conflict, match="next group_attempt") as waited:
            await rendezvous.submit(OTHERS[other])
        assert waited.value.details["field"] == field
        given = await asyncio.gather(*waiting, *send(rendezvous, *group[1:]))
    async with replicas.start(scorer) as rendezvous:
        with pytest.raises(Conflict):
            await rendezvous.submit(OTHERS[other])
        assert await rendezvous.submit(group[0]) == given[0]
    assert len(scorer.groups) == 1


async def test_a_group_sampled_again_is_another_group(replicas: Replicas, scorer: FakeScorer) -> None:
    async with replicas.start(scorer) as rendezvous:
        tasks = send(rendezvous, *(rollout_of(i, f"try {a}", size=2, attempt=a) for i in range(2) for a in range(2)))
        answers = await asyncio.gather(*tasks)
    assert [answer.group_attempt for answer in answers] == [0, 1, 0, 1]
    assert sorted(scorer.responses) == [["try 0"] * 2, ["try 1"] * 2]


@pytest.mark.parametrize("deadline", [0.0, 0.03])
async def test_a_timeout_answers_the_call_and_the_rollout_stays(
    replicas: Replicas, scorer: FakeScorer, deadline: float
) -> None:
    timeouts = metric("timeouts_total")
    async with replicas.start(scorer) as rendezvous:
        late = await rendezvous.submit(rollout_of(0, deadline=deadline))
        assert late == RolloutReward("run", "g", 0, 0, 3, 1, False, None, None, Status.TIMEOUT, None, None, None)
        assert (await rendezvous.submit(rollout_of(1, deadline=deadline))).rollouts_present == 2
        assert metric("timeouts_total") == timeouts + 2
        again = send(rendezvous, rollout_of(0))
        last = await rendezvous.submit(rollout_of(2))
        assert (await again[0]).status is Status.OK
        assert last.rollouts_present == 3
        assert (await rendezvous.submit(rollout_of(1, deadline=0.0))).status is Status.OK
    assert len(scorer.groups) == 1


async def test_a_deadline_ends_the_waiting_for_siblings_not_the_scoring(replicas: Replicas, scorer: FakeScorer) -> None:
    scorer.gate = asyncio.Event()
    async with replicas.start(scorer) as rendezvous:
        tasks = send(rendezvous, rollout_of(0, deadline=1.0), rollout_of(1, deadline=1.0))
        await until(lambda: replicas.place.usage().rollouts == 2)
        tasks += send(rendezvous, rollout_of(2, deadline=0.0))
        await until(lambda: scorer.entered == 1)
        await asyncio.sleep(1.0)
        assert not any(task.done() for task in tasks)
        scorer.gate.set()
        assert {answer.status for answer in await asyncio.gather(*tasks)} == {Status.OK}


async def test_a_partial_group_is_scored_at_the_first_deadline_that_allows_it(
    replicas: Replicas, scorer: FakeScorer
) -> None:
    kinds = [metric("groups_scored_total", kind=kind) for kind in ("partial", "late", "complete")]
    async with replicas.start(scorer) as rendezvous:
        strict, patient = send(rendezvous, rollout_of(0, size=5), rollout_of(3, size=5, partial=True))
        await until(lambda: replicas.place.usage().rollouts == 2)
        first = await rendezvous.submit(rollout_of(1, size=5, deadline=0.05, partial=True))
        third = await patient
        assert scorer.responses == [["response 0", "response 1", "response 3"]]
        for answer, index in ((first, 1), (third, 3)):
            assert (answer.rollout_index, answer.rollouts_present, answer.partial) == (index, 3, True)
            assert (answer.reward, answer.memory_version) == (1.0, 1)
        assert not strict.done()

        late = await rendezvous.submit(rollout_of(4, size=5, partial=True))
        assert scorer.responses[1:] == [["response 0", "response 1", "response 3", "response 4"]]
        assert (late.rollouts_present, late.partial, late.memory_version) == (4, True, 2)
        assert await rendezvous.submit(rollout_of(1, size=5)) == first
        assert not strict.done()

        last = await rendezvous.submit(rollout_of(2, size=5))
        assert scorer.responses[2:] == [[f"response {i}" for i in range(5)]]
        for answer, index in ((last, 2), (await strict, 0)):
            assert (answer.rollout_index, answer.rollouts_present, answer.partial) == (index, 5, False)
            assert answer.memory_version == 3
        assert await rendezvous.submit(rollout_of(4, size=5)) == late
        assert await rendezvous.submit(rollout_of(3, size=5)) == third
    after = [metric("groups_scored_total", kind=kind) for kind in ("partial", "late", "complete")]
    assert [now - then for now, then in zip(after, kinds, strict=True)] == [1, 2, 0]


async def test_asking_without_waiting_for_a_partial_answer(replicas: Replicas, scorer: FakeScorer) -> None:
    async with replicas.start(scorer) as rendezvous:
        answer = await rendezvous.submit(rollout_of(0, deadline=0.0, partial=True))
        assert (answer.status, answer.rollouts_present, answer.partial) == (Status.OK, 1, True)
        strict = await rendezvous.submit(rollout_of(1, deadline=0.0))
        assert (strict.status, strict.rollouts_present) == (Status.TIMEOUT, 2)
        changed = await rendezvous.submit(rollout_of(1, partial=True))
        assert (changed.status, changed.rollouts_present, changed.partial) == (Status.OK, 2, True)


async def test_late_rollouts_after_a_restart_are_scored_with_what_was_there(
    replicas: Replicas, scorer: FakeScorer
) -> None:
    async with replicas.start(scorer) as rendezvous:
        first = await rendezvous.submit(rollout_of(0, "\ud800\x00 ∞", deadline=0.01, partial=True))
    async with replicas.start(scorer) as rendezvous:
        late = await rendezvous.submit(rollout_of(2, partial=True))
        assert (late.rollouts_present, late.partial) == (2, True)
        last = await rendezvous.submit(rollout_of(1))
        assert (last.rollouts_present, last.partial) == (3, False)
        assert await rendezvous.submit(rollout_of(0, "\ud800\x00 ∞")) == first
    assert scorer.responses[2] == ["\ud800\x00 ∞", "response 1", "response 2"]


async def test_a_caller_that_leaves_takes_nobody_along(replicas: Replicas, scorer: FakeScorer) -> None:
    scorer.gate = asyncio.Event()
    async with replicas.start(scorer) as rendezvous:
        leaving, staying = send(rendezvous, rollout_of(0), rollout_of(1))
        await until(lambda: replicas.place.usage().rollouts == 2)
        leaving.cancel()
        (last,) = send(rendezvous, rollout_of(2))
        await until(lambda: scorer.entered == 1)
        last.cancel()
        await asyncio.wait([leaving, last])
        scorer.gate.set()
        assert (await staying).rollouts_present == 3
        again = [await rendezvous.submit(rollout_of(i)) for i in (0, 2)]
    assert [answer.memory_version for answer in again] == [1, 1]
    assert len(scorer.groups) == 1


async def test_a_failed_scoring_fails_every_call_and_the_next_one_scores_again(
    replicas: Replicas, scorer: FakeScorer
) -> None:
    failures = metric("scoring_failures_total")
    scorer.failures = [NotEnoughLabels("Add 3.", needed=3), ValueError("a secret")]
    async with replicas.start(scorer) as rendezvous:
        group = [rollout_of(i) for i in range(3)]
        unknown = await asyncio.gather(*send(rendezvous, *group), return_exceptions=True)
        assert [type(error) for error in unknown] == [Internal] * 3
        assert len({id(error) for error in unknown}) == 3
        assert "secret" not in str(unknown[0])
        told = await asyncio.gather(*send(rendezvous, *group), return_exceptions=True)
        assert [type(error) for error in told] == [NotEnoughLabels] * 3
        assert len({id(error) for error in told}) == 3
        assert [(str(error), error.details) for error in told if isinstance(error, NotEnoughLabels)] == [
            ("Add 3.", {"needed": 3})
        ] * 3
        assert metric("scoring_failures_total") == failures + 2
        answer = await rendezvous.submit(group[1])
        assert (answer.rollout_index, answer.rollouts_present, answer.status) == (1, 3, Status.OK)
        answers = await asyncio.gather(*send(rendezvous, *group))
    assert {one.memory_version for one in (answer, *answers)} == {1}


async def test_a_failed_partial_scoring_leaves_those_that_did_not_ask_for_it(
    replicas: Replicas, scorer: FakeScorer
) -> None:
    scorer.failures = [ValueError()]
    async with replicas.start(scorer) as rendezvous:
        (strict,) = send(rendezvous, rollout_of(0))
        await until(lambda: replicas.place.usage().rollouts == 1)
        with pytest.raises(Internal):
            await rendezvous.submit(rollout_of(1, deadline=0.0, partial=True))
        await asyncio.sleep(0.1)
        assert not strict.done()
        assert scorer.entered == 1
        await rendezvous.submit(rollout_of(2))
        assert (await strict).rollouts_present == 3


async def test_the_end_of_the_service_ends_every_call(replicas: Replicas, scorer: FakeScorer) -> None:
    scorer.gate = asyncio.Event()
    async with replicas.start(scorer) as rendezvous:
        tasks = send(rendezvous, rollout_of(0), rollout_of(0), *(rollout_of(i, group="scored") for i in range(3)))
        await until(lambda: scorer.entered == 1 and replicas.place.usage().rollouts == 4)
        rendezvous.end_calls()
        errors = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(error) for error in errors] == [Unavailable] * 5
        assert len({id(error) for error in errors}) == 5
        assert isinstance(errors[0], Unavailable)
        assert errors[0].details == {"retry_after": 1.0}
        with pytest.raises(Unavailable):
            await rendezvous.submit(rollout_of(0))
    scorer.gate.set()
    async with replicas.start(scorer) as rendezvous:
        answers = await asyncio.gather(*send(rendezvous, *(rollout_of(i, group="scored") for i in range(3))))
    assert {answer.memory_version for answer in answers} == {1}


async def test_nothing_is_lost_or_doubled_under_duplicates_and_callers_that_leave(
    replicas: Replicas, scorer: FakeScorer
) -> None:
    rng = random.Random(3)
    work = [rollout_of(i, f"{g} {i}", size=8, group=f"g{g}") for g in range(30) for i in range(8)]
    rng.shuffle(work)
    answers: dict[tuple[str, int], set[RolloutReward]] = {}
    async with replicas.start(scorer) as rendezvous:

        async def call(number: int) -> None:
            submission = work[number]
            for attempt in range(1 + rng.randrange(3)):
                (task,) = send(rendezvous, submission)
                if attempt == 0 and rng.random() < 0.3:
                    await asyncio.sleep(rng.random() / 100)
                    task.cancel()
                    await asyncio.wait([task])
            answer = await rendezvous.submit(submission)
            answers.setdefault((answer.group_id, answer.rollout_index), set()).add(answer)

        numbers = [*range(len(work)), *rng.sample(range(len(work)), 60)]
        await asyncio.gather(*map(call, numbers))
    assert len(answers) == 240
    assert {len(given) for given in answers.values()} == {1}
    assert sorted(scorer.responses) == sorted([f"{g} {i}" for i in range(8)] for g in range(30))
    assert {answer.rollouts_present for given in answers.values() for answer in given} == {8}


@pytest.mark.parametrize("field", ["step", "group_size", "label_budget"])
async def test_siblings_that_disagree_are_a_conflict_that_names_both(
    replicas: Replicas, scorer: FakeScorer, field: str
) -> None:
    first, second, said = {
        "step": (41, 42, ("step 41", "step 42")),
        "group_size": (3, 4, ("group_size 3", "group_size 4")),
        "label_budget": (
            LabelBudget(0.17, deadline_ms=30_000), LabelBudget(0.2, 9, 30_000),
            ("label_budget (share 0.17, deadline 30 s)", "label_budget (share 0.2, labels 9, deadline 30 s)"),
        ),
    }[field]  # fmt: skip
    one, two = replace(rollout_of(0), **{field: first}), replace(rollout_of(1), **{field: second})
    async with replicas.start(scorer) as rendezvous:
        waiting = send(rendezvous, one)
        await until(lambda: replicas.place.usage().rollouts == 1)
        with pytest.raises(Conflict) as refused:
            await rendezvous.submit(two)
        assert all(each in str(refused.value) for each in said)
        assert (refused.value.details["field"], refused.value.details["rollout_index"]) == (field, 1)
        assert replicas.place.usage().rollouts == 1
        waiting += send(rendezvous, replace(two, **{field: first}), rollout_of(2))
        assert {(await task).rollouts_present for task in waiting} == {3}
    assert len(scorer.groups) == 1
    if field == "step":
        assert scorer.occasions == [(GroupKey("run", "g", 0), 41)]
    if field == "label_budget":
        assert scorer.charges == [LabelCharge("run", None, LabelBudget(0.17, deadline_ms=30_000))]


async def test_a_settled_rollout_that_comes_again_in_another_step_gets_its_answer(
    replicas: Replicas, scorer: FakeScorer
) -> None:
    async with replicas.start(scorer) as rendezvous:
        first = await rendezvous.submit(replace(rollout_of(0, size=1), step=41))
        assert await rendezvous.submit(replace(rollout_of(0, size=1), step=42)) == first
