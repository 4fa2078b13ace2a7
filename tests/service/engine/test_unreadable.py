"""A rollout that cannot be read, before the real engine: it alone is invalid, and nobody waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from memreward_proto.records import Experience, Group, Query, Rollout, Status, StoredRollout
from memreward_service.requests.validation import valid_experience, valid_groups, valid_submission
from memreward_service.settings import Settings
from service.empty_engines import sent_alone
from service.engines import ASKED, StartEngine

LIMITS = Settings(max_text_chars=2_000)
BAD = {
    "too long": (Rollout("x" * 2_001), "response has 2001 characters: shorten it to 2000"),
    "a long thinking": (Rollout("4", thinking="x" * 2_001), "thinking has 2001 characters"),
    "a long answer": (Rollout("4", answer="x" * 2_001), "answer has 2001 characters"),
    "half a pair": (Rollout("4 \ud83d"), "half a surrogate pair"),
    "no character": (Rollout("4 \uffff"), "U+FFFF"),
    "blank": (Rollout(" \n"), "response is blank"),
}


@pytest.mark.parametrize("kind", BAD)
async def test_it_alone_is_invalid_in_a_group(start: StartEngine, kind: str) -> None:
    bad, reason = BAD[kind]
    engine = await start()
    group, other = ASKED[0], ASKED[1]
    rollouts = (bad, *group.rollouts[1:])
    scored = await engine.score(valid_groups([replace(group, rollouts=rollouts), other], LIMITS))
    first, *siblings = scored.groups[0].rollouts
    assert (first.status, first.reward, first.probability) == (Status.INVALID, None, None)
    assert reason in (first.reason or "")
    assert {each.status for each in (*siblings, *scored.groups[1].rollouts)} == {Status.OK}
    assert {each.reason for each in siblings} == {None}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("meeting", ["process", "redis"])
async def test_its_siblings_do_not_wait_for_it(
    start: StartEngine, request: pytest.FixtureRequest, kind: str, meeting: str
) -> None:
    shared = {"rendezvous": "redis", "redis_url": request.getfixturevalue("redis_url")} if meeting == "redis" else {}
    engine = await start(**shared)
    sent = sent_alone(ASKED[0])
    sent[2] = replace(sent[2], rollout=BAD[kind][0])
    checked = [valid_submission(each, LIMITS) for each in sent]
    async with asyncio.timeout(15):  # a call waits for 20 seconds at most
        answers = await asyncio.gather(*map(engine.submit, checked))
    assert [each.status for each in answers] == [Status.INVALID if i == 2 else Status.OK for i in range(6)]
    assert [each.reason is not None for each in answers] == [i == 2 for i in range(6)]
    assert {(each.rollouts_present, each.partial) for each in answers} == {(6, False)}
    assert await engine.submit(checked[2]) == answers[2], "sent again it gets the same answer"


async def test_the_rollouts_of_a_query_that_cannot_be_read_are_invalid_and_others_are_scored(
    start: StartEngine,
) -> None:
    engine = await start()
    long = Group(Query("q" * 2_001, domain="math"), (Rollout("4"), Rollout("5", label=1.0)), "long")
    scored = await engine.score(valid_groups([long, ASKED[0]], LIMITS))
    unread, labelled = scored.groups[0].rollouts
    assert (unread.status, unread.reason is not None and unread.reason[:25]) == ("invalid", "query has 2001 characters")
    assert (labelled.status, labelled.reward) == (Status.OK, 1.0), "a known label is the reward whatever the text is"
    assert {each.status for each in scored.groups[1].rollouts} == {Status.OK}


async def test_it_alone_is_not_stored(start: StartEngine) -> None:
    engine = await start()
    good = [StoredRollout("4", label=1.0), StoredRollout("5", id="mine")]
    bad = StoredRollout("x" * 2_001)
    queries = [
        Experience("Two and two?", rollouts=(good[0], bad, good[1])),
        Experience("Nothing to keep?", rollouts=(bad,)),
        Experience("q" * 2_001, rollouts=(good[0],)),
        Experience("Three and three?", rollouts=(StoredRollout("6"),)),
    ]
    checked = valid_experience(queries, LIMITS)
    receipt = checked.receipt(await engine.add_experience(checked.queries))
    assert (receipt.queries_added, receipt.rollouts_added) == (2, 3)
    assert [(each.query_index, each.rollout_index) for each in receipt.refused] == [(0, 1), (1, 0), (2, 0)]
    assert [key != "" for key in receipt.query_ids] == [True, False, False, True]
    assert [[key != "" for key in keys] for keys in receipt.rollout_ids] == [
        [True, False, True],
        [False],
        [False],
        [True],
    ]
    assert receipt.rollout_ids[0][2] == "mine"
    stored = await engine.query(receipt.query_ids[0])
    assert {rollout.response for rollout in stored.rollouts} == {"4", "5"}
    nothing = valid_experience(queries[1:2], LIMITS)
    assert nothing.receipt(await engine.add_experience(nothing.queries)).rollouts_added == 0
