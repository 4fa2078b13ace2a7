"""A query that comes again meets its own experience: earlier labels decide later groups, after restarts too."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from memreward_proto.records import (
    Domain,
    Experience,
    Group,
    PruneRequest,
    Query,
    Rollout,
    RolloutReward,
    StoredRollout,
    Submission,
)
from memreward_service.engine.engine import Engine
from memreward_service.groups.history import PastVotes, QueryHistory
from memreward_service.store import query_id, with_ids
from service.engines import StartEngine
from service.waiting import until

QUERY = Query("How many sheep are on the hill?", "sheep", Domain.MATH)
FIRST = (("Nine in all. The answer is 9.", 0.0), ("I count 9, so the answer is 9.", None), ("The answer is 4.", 1.0))
LATER = ("Looking again: the answer is 9.", "By sum, the answer is 9.", "Each one: the answer is 9.", "The answer is 4")
ABSENT = ("Looking again: the answer is 9.", "Perhaps the answer is 5.", "By sum, the answer is 5.")


def experience(rollouts: Sequence[tuple[str, float | None]], step: int) -> Experience:
    stored = tuple(StoredRollout(response, label=label, step=step) for response, label in rollouts)
    return with_ids([Experience(QUERY.text, QUERY.id, QUERY.domain, rollouts=stored)])[0]


def group(responses: Sequence[str], query: Query = QUERY) -> Group:
    return Group(query, tuple(Rollout(response) for response in responses), "later")


async def rewards(start: StartEngine, asked: Group, *stored: Experience) -> list[float | None]:
    engine = await start()
    if stored:
        await engine.add_experience(stored)
        await engine.caught_up()
    (scored,) = (await engine.score([asked])).groups
    return [prediction.reward for prediction in scored.rollouts]


async def test_answers_that_were_labelled_in_an_earlier_step_decide_a_later_group(start: StartEngine) -> None:
    assert await rewards(start, group(LATER), experience(FIRST, 1)) == [0.0, 0.0, 0.0, 1.0]


async def test_where_the_known_right_answer_is_not_given_none_is_right(start: StartEngine) -> None:
    assert await rewards(start, group(ABSENT), experience(FIRST, 1)) == [0.0, 0.0, 0.0]


async def test_the_history_of_one_query_is_no_evidence_about_another(start: StartEngine) -> None:
    other = Query("How many cows are on the hill?", "cows", Domain.MATH)
    engine = await start()
    await engine.add_experience([experience(FIRST, 1)])
    await engine.caught_up()
    known, unknown = await engine.beliefs([group(LATER), group(LATER, other)])
    assert known.evidence([None] * 4).tolist() == [-1.0, 1.0]
    assert unknown.evidence([None] * 4).tolist() == [0.0, 0.0]


async def test_a_planner_asks_nothing_that_is_known(start: StartEngine) -> None:
    engine = await start(calibration_share=0.0)
    assert (await engine.plan_labels([group(LATER)], 4)).plan
    await engine.add_experience([experience(FIRST, 1)])
    await engine.caught_up()
    assert not (await engine.plan_labels([group(LATER)], 4)).plan


async def test_the_history_outlives_the_process_by_its_snapshot(start: StartEngine) -> None:
    engine = await start()
    await engine.add_experience([experience(FIRST, 1)])
    await engine.caught_up()
    first = (await engine.score([group(LATER)])).groups[0].rollouts
    await engine.stop()
    again = await start()
    assert (await again.score([group(LATER)])).groups[0].rollouts == first


async def submitted(
    engine: Engine, rollouts: Sequence[Rollout], step: int, query: Query = QUERY
) -> list[RolloutReward]:
    """The answers to a group whose rollouts come one by one."""
    every = [
        Submission("run", f"step {step}", place, len(rollouts), query, rollout, 0, step, deadline_ms=60_000)
        for place, rollout in enumerate(rollouts)
    ]
    return await asyncio.gather(*map(engine.submit, every))


def history(engine: Engine, query: Query = QUERY) -> QueryHistory:
    return engine._follower.memory.history(query)


def labels_of(known: QueryHistory) -> set[tuple[str, float, int | None]]:
    return {(answer.key, label.label, label.step) for answer in known for label in answer.labels}


def votes_of(known: QueryHistory) -> dict[str, int]:
    return {answer.key: answer.votes for answer in known}


FIRST_ROLLOUTS = [Rollout(response, label=label) for response, label in FIRST]


async def test_a_group_sent_one_by_one_decides_later_groups_though_nobody_stores_it(start: StartEngine) -> None:
    engine = await start()
    await submitted(engine, FIRST_ROLLOUTS, 1)
    await until(lambda: bool(history(engine)))
    assert labels_of(history(engine)) == {("9", 0.0, 1), ("4", 1.0, 1)}
    assert votes_of(history(engine)) == {"9": 2, "4": 1}
    assert [answer.reward for answer in await submitted(engine, group(LATER).rollouts, 2)] == [0.0, 0.0, 0.0, 1.0]
    assert (await engine.memory_status()).stored.queries == len(STORED_QUERIES), "no query was stored by it"


STORED_QUERIES = range(24)
"""Queries that every engine of these tests knows."""


async def test_what_is_predicted_is_no_label(start: StartEngine) -> None:
    engine = await start()
    answers = await submitted(engine, group(LATER).rollouts, 1)
    assert all(answer.reward is not None for answer in answers)
    await until(lambda: bool(history(engine)))
    assert labels_of(history(engine)) == set()
    assert votes_of(history(engine)) == {"9": 3, "4": 1}


@pytest.mark.parametrize("policy", [None, "small"])
async def test_rollouts_that_are_stored_too_count_once(start: StartEngine, policy: str | None) -> None:
    engine = await start()
    await submitted(engine, FIRST_ROLLOUTS, 1)
    await until(lambda: bool(history(engine)))
    kept = [StoredRollout(response, label=label, step=1, policy=policy) for response, label in FIRST]
    await engine.add_experience(with_ids([Experience(QUERY.text, QUERY.id, QUERY.domain, rollouts=kept)]))
    await engine.caught_up()
    assert labels_of(history(engine)) == {("9", 0.0, 1), ("4", 1.0, 1)}
    assert votes_of(history(engine)) == {"9": 2, "4": 1}
    nine = next(answer for answer in history(engine) if answer.key == "9")
    assert nine.by_step == (PastVotes(1, policy, 2),)
    await submitted(engine, FIRST_ROLLOUTS, 1)
    assert votes_of(history(engine)) == {"9": 2, "4": 1}, "a retry is answered, and counts nowhere"


async def test_what_was_answered_outlives_the_process_without_its_snapshot(begin: StartEngine) -> None:
    engine = await begin("one")
    await engine.caught_up()
    await submitted(engine, FIRST_ROLLOUTS, 1)
    await until(lambda: bool(history(engine)))
    before = history(engine)
    again = await begin("one")  # the first one is not stopped: it wrote no snapshot
    await again.caught_up()
    assert history(again) == before
    await submitted(engine, group(LATER).rollouts, 2)
    await engine.stop()
    await again.caught_up()
    assert votes_of(history(again)) == {"9": 5, "4": 2}, "a stop writes what waits"


async def test_a_query_stored_with_an_id_is_known_to_those_who_send_its_text(start: StartEngine) -> None:
    engine = await start()
    await engine.add_experience([experience(FIRST, 1)])
    await engine.caught_up()
    text = f"  {QUERY.text} "
    nameless = Query(text, query_id(text, QUERY.domain, None), QUERY.domain)
    (scored,) = (await engine.score([group(LATER, nameless)])).groups
    assert [prediction.reward for prediction in scored.rollouts] == [0.0, 0.0, 0.0, 1.0]
    await submitted(engine, [Rollout("Five. The answer is 5.", label=0.0)], 2, nameless)
    await until(lambda: ("5", 0.0, 2) in labels_of(history(engine)))
    assert set(engine._store.histories.of([QUERY.id or "", nameless.id or ""])) == {QUERY.id}
    other = Query("How many cows are in the valley?", QUERY.id, QUERY.domain)
    assert history(engine, other) == (), "an id with another text is another query"


async def test_pruned_labels_decide_later_groups_after_a_restart_too(start: StartEngine) -> None:
    engine = await start()
    await engine.add_experience([experience(FIRST, 1), experience([("So the answer is 9.", None)], 2)])
    await engine.caught_up()
    before = history(engine)
    report = await engine.prune(PruneRequest(False, 1))
    assert (report.queries, report.rollouts) == (25, 3 + 24 * 5)
    await engine.caught_up()
    assert labels_of(history(engine)) == labels_of(before)
    assert votes_of(history(engine)) == votes_of(before) == {"9": 3, "4": 1}
    await engine.stop()
    again = await start()
    assert (await again.score([group(LATER)])).groups[0].rollouts[3].reward == 1.0
    assert votes_of(history(again)) == votes_of(before)


async def test_settings_prune_by_themselves(start: StartEngine) -> None:
    engine = await start()
    await engine.stop()
    again = await start(keep_rollouts_per_query=2)
    await until(lambda: again._store.counts().rollouts == 24 * 2)
