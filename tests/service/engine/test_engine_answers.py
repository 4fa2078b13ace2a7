"""What the engine answers: groups, rollouts that are sent alone, labels and plans; a fake encoder."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from memreward_proto.errors import Overloaded, Unavailable
from memreward_proto.records import (
    Domain,
    Group,
    Label,
    PlanReason,
    Query,
    Rollout,
    Source,
)  # fmt: skip
from memreward_service.labels.planner import audit_rate, audit_sample, label_plan, open_group, with_audit
from service.empty_engines import GROUPS, NEW, fill, follows, probabilities, save_model, sent_alone, submitted
from service.engines import StartEngine
from service.hash_encoder import HashEncoder
from service.rendezvous.replicas import metric
from service.synthetic_groups import flipped, unlabelled, with_labels
from service.waiting import until


async def test_rollouts_sent_one_by_one_get_what_their_group_gets(begin: StartEngine, tmp_path: Path) -> None:
    save_model(tmp_path / "data")
    encoder = HashEncoder()
    engine = await begin(encoder=encoder, max_concurrent_requests=1)
    await until(lambda: engine.ready() is None)
    await fill(engine)
    labelled = with_labels(NEW[4], [1.0, *[None] * 5])
    first, *rest = sent_alone(labelled)
    waiting = asyncio.create_task(engine.submit(first))
    await until(lambda: labelled.query.text in encoder.encoded)
    answers = await asyncio.gather(waiting, *map(engine.submit, rest))
    assert len(set(encoder.encoded)) == len(encoder.encoded), "no text is encoded twice"
    scored = await engine.score([labelled])
    predictions = scored.groups[0].rollouts
    assert [answer.probability for answer in answers] == pytest.approx([p.probability for p in predictions], abs=1e-6)
    assert [answer.reward for answer in answers] == [p.reward for p in predictions]
    assert [answer.source for answer in answers] == [Source.LABEL, *[Source.GNN] * 5]
    assert {(a.model_version, a.memory_version) for a in answers} == {(scored.model_version, scored.memory_version)}

    await engine.stop()
    again = await begin(max_concurrent_requests=1)
    with pytest.raises(Unavailable, match="being loaded") as loading:
        await again.submit(first)
    assert loading.value.details == {"retry_after": 1.0}
    with pytest.raises(Unavailable, match="being loaded"):
        await again.score(NEW)
    await until(lambda: again.ready() is None)
    assert await submitted(again, labelled) == answers


async def test_calls_that_wait_for_their_group_hold_no_stop_up(begin: StartEngine, tmp_path: Path) -> None:
    save_model(tmp_path / "data")
    engine = await begin()
    await until(lambda: engine.ready() is None)
    waiting = [asyncio.create_task(engine.submit(submission)) for submission in sent_alone(NEW[3])[1:]]
    await until(lambda: metric("calls_waiting") == len(waiting))
    engine.end_waiting()
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in errors] == [Unavailable] * len(waiting)
    with pytest.raises(Unavailable):
        await engine.submit(sent_alone(NEW[3])[0])
    assert len(probabilities(await engine.score(NEW))) == 27, "everything else goes on"


async def test_groups_meet_in_redis_where_the_settings_say_so(
    begin: StartEngine, tmp_path: Path, redis_url: str
) -> None:
    engines = []
    for name in ("one", "two"):
        save_model(tmp_path / name)
        engines.append(await begin(name, rendezvous="redis", redis_url=redis_url))
        await until(lambda: engines[-1].ready() is None)
    submissions = sent_alone(NEW[5])
    answers = await asyncio.gather(*(engines[s.rollout_index % 2].submit(s) for s in submissions))
    assert [answer.rollout_index for answer in answers] == list(range(7))
    assert {answer.rollouts_present for answer in answers} == {7}
    alone = (await engines[0].score([NEW[5]])).groups[0].rollouts
    assert [answer.probability for answer in answers] == pytest.approx([p.probability for p in alone], abs=1e-6)


async def test_stored_labels_of_a_query_reach_no_prediction_of_it(begin: StartEngine, tmp_path: Path) -> None:
    replies = []
    again = unlabelled(GROUPS[3])
    renamed = Group(Query(again.query.text, "another id", again.query.domain), again.rollouts, "renamed")
    for name, groups in (("truth", GROUPS), ("lie", [*GROUPS[:3], flipped(GROUPS[3]), *GROUPS[4:]])):
        save_model(tmp_path / name)
        engine = await begin(name)
        await until(lambda engine=engine: engine.ready() is None)
        await fill(engine, groups)
        replies.append(await engine.score([again, renamed, NEW[5]]))
    truth, lie = replies
    assert truth.groups[:2] == lie.groups[:2]
    assert "q3" not in {near.query_id for near in (*truth.groups[0].neighbors, *truth.groups[1].neighbors)}
    assert "q3" in {near.query_id for near in truth.groups[2].neighbors}
    assert truth.groups[2] != lie.groups[2], "another query does hear those labels"


async def test_labels_are_planned_before_the_first_model_and_go_on_from_what_came_back(
    begin: StartEngine,
) -> None:
    engine = await begin(calibration_share=0.0)
    await engine.caught_up()
    rollouts = (Rollout("#### 5"), Rollout(""), Rollout("#### 4"), Rollout("#### 4"), Rollout("#### 4"))
    group = Group(Query("2 + 2?", "q", Domain.MATH), rollouts, "g")
    first = await engine.plan_labels([group], 3)
    assert (first.model_version, first.memory_version, first.sample) == (None, 0, ())
    assert [(label.rollout_index, label.reason) for label in first.plan] == [(2, PlanReason.MAJORITY)]
    right = with_labels(group, [None, None, 1.0, None, None])
    assert (await engine.plan_labels([right], 3)).plan == ()
    wrong = with_labels(group, [None, None, 0.0, None, None])
    (second,) = (await engine.plan_labels([wrong], 3)).plan
    assert (second.group_id, second.rollout_index, second.reason) == ("g", 0, PlanReason.SECOND)


async def test_labels_are_planned_by_the_network_as_if_none_were_known(begin: StartEngine, tmp_path: Path) -> None:
    version = save_model(tmp_path / "data")
    engine = await begin(max_concurrent_requests=1)
    with pytest.raises(Unavailable, match="being loaded"):
        await engine.plan_labels(NEW, 5)
    await until(lambda: engine.ready() is None)
    await fill(engine)
    plan = await engine.plan_labels(NEW, 5)
    assert (plan.model_version, plan.memory_version) == (version, 1)
    assert len({(label.group_id, label.rollout_index) for label in plan.plan}) == len(plan.plan) == 5
    beliefs = await engine.beliefs([with_labels(group, [1.0] * len(group.rollouts)) for group in NEW])
    asked = [open_group(group, belief) for group, belief in zip(NEW, beliefs, strict=True)]
    rate = audit_rate(asked, 5, 0.03)
    expected = label_plan([with_audit(group, rate) for group in asked], 5).plan
    assert [(label.group_id, label.rollout_index, label.reason) for label in plan.plan] == [
        (label.group_id, label.rollout_index, label.reason) for label in expected
    ]
    assert [label.gain for label in plan.plan] == pytest.approx([label.gain for label in expected], abs=1e-5)

    every = [with_labels(group, [1.0] * len(group.rollouts)) for group in NEW]
    labelled = await engine.plan_labels(every, 400)
    assert labelled.plan == ()
    opened = [open_group(group, belief) for group, belief in zip(every, beliefs, strict=True)]
    rate = 0.03 * (27 + 400) / 27  # of the labels known and to come
    assert labelled.sample == audit_sample([with_audit(group, rate) for group in opened])
    calls = await asyncio.gather(*(engine.plan_labels(NEW, 5) for _ in range(2)), return_exceptions=True)
    assert sum(isinstance(call, Overloaded) for call in calls) == 1


async def test_late_labels_change_the_memory_version_and_the_predictions(begin: StartEngine, tmp_path: Path) -> None:
    save_model(tmp_path / "data")
    engine = await begin()
    await until(lambda: engine.ready() is None)
    await fill(engine)
    before = await engine.score(NEW)
    labels = [Label(f"q{i}/{j}", float(j % 2), "expert") for i in range(5) for j in range(6)]
    receipt = await engine.add_labels(labels)
    await until(lambda: follows(engine, receipt.version))
    after = await engine.score(NEW)
    assert (before.memory_version, after.memory_version) == (1, 2)
    assert probabilities(before) != probabilities(after)


async def test_a_label_inside_the_group_is_evidence_for_its_siblings(begin: StartEngine, tmp_path: Path) -> None:
    save_model(tmp_path / "data")
    engine = await begin()
    await until(lambda: engine.ready() is None)
    await fill(engine)
    found = [(await engine.score([with_labels(NEW[4], [label, *[None] * 5])])).groups[0] for label in (1.0, 0.0)]
    right, wrong = (group.rollouts for group in found)
    assert [(p[0].reward, p[0].probability, p[0].source) for p in (right, wrong)] == [
        (1.0, 1.0, Source.LABEL),
        (0.0, 0.0, Source.LABEL),
    ]
    assert all(a.probability != b.probability for a, b in zip(right[1:], wrong[1:], strict=True))
    assert {p.source for p in (*right[1:], *wrong[1:])} == {Source.GNN}


async def test_concurrent_callers_get_their_own_answers(begin: StartEngine, tmp_path: Path) -> None:
    save_model(tmp_path / "data")
    engine = await begin()
    await until(lambda: engine.ready() is None)
    await fill(engine)
    alone = [await engine.score([group]) for group in NEW]
    together = await asyncio.gather(*(engine.score([group]) for group in NEW * 4))
    for mine, theirs in zip(together, alone * 4, strict=True):
        assert mine.groups[0].group_id == theirs.groups[0].group_id
        assert mine.groups[0].neighbors == theirs.groups[0].neighbors
        assert probabilities(mine) == pytest.approx(probabilities(theirs), abs=1e-5)


async def test_similar_queries_over_all_domains(begin: StartEngine) -> None:
    engine = await begin()
    await fill(engine)
    near = await engine.similar_queries(GROUPS[7].query.text, 3)
    assert near[0].query_id == "q7"
    assert near[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert [n.text for n in near] == [GROUPS[int(n.query_id[1:])].query.text for n in near]
    assert len(near) == 3
