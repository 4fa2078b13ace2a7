"""A query that comes again meets its own experience: earlier labels decide later groups, after restarts too."""

from __future__ import annotations

from collections.abc import Sequence

from memreward_proto.records import Domain, Experience, Group, Query, Rollout, StoredRollout
from memreward_service.store import with_ids
from service.engines import StartEngine

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
