"""The engine as the transports use it: a real store, real training, a fake encoder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.hash_encoder import HashEncoder
from engine.replicas import metric
from engine.synthetic_groups import (
    experience_of,
    flipped,
    lively_model,
    parsed,
    synthetic_group,
    unlabelled,
    with_labels,
)
from engine.waiting import until
from memreward_service.engine import engine as engine_module
from memreward_service.engine.attachment import AttachRule
from memreward_service.engine.engine import Engine
from memreward_service.engine.label_planner import label_plan, open_group
from memreward_service.engine.model_registry import ModelRegistry, TrainingFacts
from memreward_service.engine.scorer import belief_about
from memreward_service.errors import Conflict, ModelNotTrained, NotEnoughLabels, NotFound, Overloaded, Unavailable
from memreward_service.records import (
    Domain,
    Group,
    GroupKey,
    JobStatus,
    Label,
    PlanReason,
    Query,
    Rollout,
    RolloutReward,
    Scored,
    Source,
    Submission,
    TrainingOptions,
)  # fmt: skip
from memreward_service.settings import Settings
from memreward_service.store import ExperienceStore

GROUPS = [synthetic_group(i) for i in range(24)]
NEW = [unlabelled(synthetic_group(100 + i, 2 + i)) for i in range(6)]
EVERY = AttachRule(neighbors=64, similarity_floor=-1.0, same_domain=True)

StartEngine = Callable[..., Awaitable[Engine]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[StartEngine]:
    """start("name"): an engine with the data folder of that name."""
    running: list[Engine] = []

    async def start(name: str = "data", encoder: HashEncoder | None = None, **settings: Any) -> Engine:
        options = {"training_seeds": 1, "training_epochs": 3, "torch_threads": 1, **settings}
        engine = Engine(Settings(data_dir=tmp_path / name, **options), encoder or HashEncoder())
        await engine.start()
        running.append(engine)
        return engine

    yield start
    for engine in running:
        await engine.stop()


def save_model(folder: Path, seed: int = 0, encoder: str = "hash", active: bool = True) -> str:
    registry = ModelRegistry(folder / "models", 5)
    version = registry.save(lively_model(seed, EVERY), TrainingFacts(0, 24, 144, encoder))
    if active:
        registry.activate(version)
    return version


async def fill(engine: Engine, groups: list[Group] = GROUPS) -> None:
    receipt = await engine.add_experience([experience_of(group) for group in groups])
    await until(lambda: engine.memory_status().memory_version >= receipt.version)


async def ended(engine: Engine, job_id: str) -> JobStatus:
    await until(lambda: engine.training_job(job_id).status in (JobStatus.SUCCEEDED, JobStatus.FAILED))
    return engine.training_job(job_id).status


def sent_alone(group: Group) -> list[Submission]:
    """The rollouts of a group, each to be sent alone."""
    size = len(group.rollouts)
    key = GroupKey("run", group.group_id)
    return [Submission(key, index, size, group.query, rollout, 20.0) for index, rollout in enumerate(group.rollouts)]


async def submitted(engine: Engine, group: Group) -> list[RolloutReward]:
    return await asyncio.gather(*map(engine.submit, sent_alone(group)))


def probabilities(scored: Scored) -> list[float | None]:
    return [prediction.probability for group in scored.groups for prediction in group.rollouts]


async def test_before_the_first_model_it_says_what_to_do(start: StartEngine) -> None:
    engine = await start()
    await until(lambda: "being loaded" not in (engine.ready() or ""))
    sentence = engine.ready()
    assert sentence is not None
    assert "add experience with labels" in sentence
    with pytest.raises(ModelNotTrained) as error:
        await engine.score(NEW)
    assert error.value.message == sentence
    with pytest.raises(ModelNotTrained):
        await engine.submit(sent_alone(NEW[0])[0])
    assert metric("rollouts") == 0, "nothing is held that cannot be scored"
    assert engine.models() == []
    with pytest.raises(NotEnoughLabels):
        engine.start_training(TrainingOptions())


async def test_experience_training_rewards(start: StartEngine) -> None:
    engine = await start()
    await fill(engine)
    job = engine.start_training(TrainingOptions())
    assert job.status is JobStatus.QUEUED
    with pytest.raises(Conflict) as conflict:
        engine.start_training(TrainingOptions())
    assert conflict.value.details == {"job_id": job.job_id}
    assert await ended(engine, job.job_id) is JobStatus.SUCCEEDED
    done = engine.training_job(job.job_id)
    assert (done.progress, done.error) == (1.0, None)
    (model,) = engine.models()
    assert (done.model_version, done.metrics) == (model.model_version, model.metrics)
    assert (model.active, model.training_queries, model.training_labels) == (True, 24, 144)
    assert engine.ready() is None

    scored = await engine.score(NEW, explain=True)
    assert (scored.model_version, scored.memory_version) == (model.model_version, 1)
    assert [group.group_id for group in scored.groups] == [group.group_id for group in NEW]
    assert [len(group.rollouts) for group in scored.groups] == [2, 3, 4, 5, 6, 7]
    texts = {group.query.id: group.query.text for group in GROUPS}
    for group in scored.groups:
        assert 0 < len(group.neighbors) <= 8
        assert all(texts[near.query_id] == near.text for near in group.neighbors)
        assert all(near.similarity >= 0.2 for near in group.neighbors)
        assert all(prediction.explanation is not None for prediction in group.rollouts)
    with pytest.raises(NotFound):
        engine.training_job("no such job")


async def test_rollouts_sent_one_by_one_get_what_their_group_gets(start: StartEngine, tmp_path: Path) -> None:
    save_model(tmp_path / "data")
    encoder = HashEncoder()
    engine = await start(encoder=encoder, max_concurrent_requests=1)
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
    again = await start(max_concurrent_requests=1)
    with pytest.raises(Unavailable, match="being loaded") as loading:
        await again.submit(first)
    assert loading.value.details == {"retry_after": 1.0}
    with pytest.raises(Unavailable, match="being loaded"):
        await again.score(NEW)
    await until(lambda: again.ready() is None)
    assert await submitted(again, labelled) == answers


async def test_calls_that_wait_for_their_group_hold_no_stop_up(start: StartEngine, tmp_path: Path) -> None:
    save_model(tmp_path / "data")
    engine = await start()
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
    start: StartEngine, tmp_path: Path, redis_url: str
) -> None:
    engines = []
    for name in ("one", "two"):
        save_model(tmp_path / name)
        engines.append(await start(name, rendezvous="redis", redis_url=redis_url))
        await until(lambda: engines[-1].ready() is None)
    submissions = sent_alone(NEW[5])
    answers = await asyncio.gather(*(engines[s.rollout_index % 2].submit(s) for s in submissions))
    assert [answer.rollout_index for answer in answers] == list(range(7))
    assert {answer.rollouts_present for answer in answers} == {7}
    alone = (await engines[0].score([NEW[5]])).groups[0].rollouts
    assert [answer.probability for answer in answers] == pytest.approx([p.probability for p in alone], abs=1e-6)


async def test_an_older_version_can_be_made_active_again(start: StartEngine) -> None:
    engine = await start()
    await fill(engine)
    replies = []
    for epochs in (2, 3):
        job = engine.start_training(TrainingOptions(epochs=epochs))
        assert await ended(engine, job.job_id) is JobStatus.SUCCEEDED
        replies.append(await engine.score(NEW))
    first, second = replies
    assert first.model_version != second.model_version
    assert probabilities(first) != probabilities(second)
    info = await engine.activate_model(first.model_version)
    assert (info.model_version, info.active) == (first.model_version, True)
    assert probabilities(await engine.score(NEW)) == pytest.approx(probabilities(first), abs=1e-6)
    with pytest.raises(NotFound):
        await engine.activate_model("gnn-000000000000")
    assert probabilities(await engine.score(NEW)) == pytest.approx(probabilities(first), abs=1e-6)


async def test_a_restart_answers_the_same_and_encodes_no_stored_text(start: StartEngine, tmp_path: Path) -> None:
    save_model(tmp_path / "data")
    first = await start()
    await until(lambda: first.ready() is None)
    await fill(first)
    before = await first.score(NEW)
    await first.stop()
    encoder = HashEncoder()
    second = await start(encoder=encoder)
    assert "being loaded" in (second.ready() or "")
    await until(lambda: second.ready() is None)
    assert await second.score(NEW) == before
    assert not {group.query.text for group in GROUPS} & set(encoder.encoded)


async def test_stored_labels_of_a_query_reach_no_prediction_of_it(start: StartEngine, tmp_path: Path) -> None:
    replies = []
    again = unlabelled(GROUPS[3])
    renamed = Group("renamed", Query(again.query.text, "another id", again.query.domain), again.rollouts)
    for name, groups in (("truth", GROUPS), ("lie", [*GROUPS[:3], flipped(GROUPS[3]), *GROUPS[4:]])):
        save_model(tmp_path / name)
        engine = await start(name)
        await until(lambda engine=engine: engine.ready() is None)
        await fill(engine, groups)
        replies.append(await engine.score([again, renamed, NEW[5]]))
    truth, lie = replies
    assert truth.groups[:2] == lie.groups[:2]
    assert "q3" not in {near.query_id for near in (*truth.groups[0].neighbors, *truth.groups[1].neighbors)}
    assert "q3" in {near.query_id for near in truth.groups[2].neighbors}
    assert truth.groups[2] != lie.groups[2], "another query does hear those labels"


async def test_labels_are_planned_before_the_first_model_and_go_on_from_what_came_back(start: StartEngine) -> None:
    engine = await start(calibration_share=0.0)
    await engine.caught_up()
    rollouts = (Rollout("#### 5"), Rollout(""), Rollout("#### 4"), Rollout("#### 4"), Rollout("#### 4"))
    group = Group("g", Query("2 + 2?", "q", Domain.MATH), rollouts)
    first = await engine.plan_labels([group], 3)
    assert (first.model_version, first.memory_version, first.sample) == (None, 0, ())
    assert [(label.rollout_index, label.reason) for label in first.plan] == [(2, PlanReason.MAJORITY)]
    right = with_labels(group, [None, None, 1.0, None, None])
    assert (await engine.plan_labels([right], 3)).plan == ()
    wrong = with_labels(group, [None, None, 0.0, None, None])
    (second,) = (await engine.plan_labels([wrong], 3)).plan
    assert (second.group_id, second.rollout_index, second.reason) == ("g", 0, PlanReason.SECOND)


async def test_labels_are_planned_by_the_network_as_if_none_were_known(start: StartEngine, tmp_path: Path) -> None:
    version = save_model(tmp_path / "data")
    engine = await start(max_concurrent_requests=1)
    with pytest.raises(Unavailable, match="being loaded"):
        await engine.plan_labels(NEW, 5)
    await until(lambda: engine.ready() is None)
    await fill(engine)
    plan = await engine.plan_labels(NEW, 5)
    assert (plan.model_version, plan.memory_version) == (version, 1)
    assert len({(label.group_id, label.rollout_index) for label in plan.plan}) == len(plan.plan) == 5
    scored = await engine.score(NEW)
    believed = {g.group_id: [p.probability or 0.0 for p in g.rollouts] for g in scored.groups}
    expected = label_plan(
        [open_group(g, belief_about(parsed(g), believed[g.group_id])) for g in NEW], 5, calibration_share=0.03
    )
    assert [(label.group_id, label.rollout_index, label.reason) for label in plan.plan] == [
        (label.group_id, label.rollout_index, label.reason) for label in expected
    ]
    assert [label.gain for label in plan.plan] == pytest.approx([label.gain for label in expected], abs=1e-5)

    every = [with_labels(group, [1.0] * len(group.rollouts)) for group in NEW]
    labelled = await engine.plan_labels(every, 400)
    assert labelled.plan == ()
    assert len(labelled.sample) in (12, 13), "3% of the 27 labels known and the 400 to come"
    calls = await asyncio.gather(*(engine.plan_labels(NEW, 5) for _ in range(2)), return_exceptions=True)
    assert sum(isinstance(call, Overloaded) for call in calls) == 1


async def test_late_labels_change_the_memory_version_and_the_predictions(start: StartEngine, tmp_path: Path) -> None:
    save_model(tmp_path / "data")
    engine = await start()
    await until(lambda: engine.ready() is None)
    await fill(engine)
    before = await engine.score(NEW)
    labels = [Label(f"q{i}/{j}", float(j % 2), "expert") for i in range(5) for j in range(6)]
    receipt = await engine.add_labels(labels)
    await until(lambda: engine.memory_status().memory_version == receipt.version)
    after = await engine.score(NEW)
    assert (before.memory_version, after.memory_version) == (1, 2)
    assert probabilities(before) != probabilities(after)


async def test_a_label_inside_the_group_is_evidence_for_its_siblings(start: StartEngine, tmp_path: Path) -> None:
    save_model(tmp_path / "data")
    engine = await start()
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


async def test_concurrent_callers_get_their_own_answers(start: StartEngine, tmp_path: Path) -> None:
    save_model(tmp_path / "data")
    engine = await start()
    await until(lambda: engine.ready() is None)
    await fill(engine)
    alone = [await engine.score([group]) for group in NEW]
    together = await asyncio.gather(*(engine.score([group]) for group in NEW * 4))
    for mine, theirs in zip(together, alone * 4, strict=True):
        assert mine.groups[0].group_id == theirs.groups[0].group_id
        assert mine.groups[0].neighbors == theirs.groups[0].neighbors
        assert probabilities(mine) == pytest.approx(probabilities(theirs), abs=1e-5)


async def test_a_job_fails_with_a_sentence_and_the_next_one_may_start(
    start: StartEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await start()
    await fill(engine, GROUPS[:3])
    job = engine.start_training(TrainingOptions())
    assert await ended(engine, job.job_id) is JobStatus.FAILED
    error = engine.training_job(job.job_id).error
    assert error is not None
    assert error[0] == "not_enough_labels"
    assert "at least 10 queries and memory has 3" in error[1]

    await fill(engine, GROUPS)

    def broken(*arguments: object) -> str:
        raise RuntimeError("a secret of the disk")

    with monkeypatch.context() as patch:
        patch.setattr(ModelRegistry, "save", broken)
        job = engine.start_training(TrainingOptions())
        assert await ended(engine, job.job_id) is JobStatus.FAILED
    error = engine.training_job(job.job_id).error
    assert error is not None
    assert error[0] == "internal"
    assert "secret" not in error[1]
    assert engine.ready() is not None
    job = engine.start_training(TrainingOptions())
    assert await ended(engine, job.job_id) is JobStatus.SUCCEEDED


async def test_stop_while_training_ends_cleanly(start: StartEngine) -> None:
    engine = await start()
    await fill(engine)
    job = engine.start_training(TrainingOptions(epochs=10_000))
    await until(lambda: engine.training_job(job.job_id).progress > 0.2)
    await engine.stop()
    left = engine.training_job(job.job_id)
    assert left.status is JobStatus.FAILED
    assert left.error is not None
    assert left.error[0] == "unavailable"
    assert engine.models() == []


async def test_an_outage_while_the_model_is_loaded_is_waited_for(
    start: StartEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await start()
    await fill(engine)
    await engine.stop()
    save_model(tmp_path / "data")
    monkeypatch.setattr(engine_module, "RETRY_SECONDS", 0.01)
    load, outages = ExperienceStore.load, iter([True] * 3)

    def flaky(self: ExperienceStore, ids: Any) -> Any:
        if next(outages, False):
            raise Unavailable("The database is away.")
        return load(self, ids)

    monkeypatch.setattr(ExperienceStore, "load", flaky)
    again = await start()
    await until(lambda: again.ready() is None)
    assert len(probabilities(await again.score(NEW))) == 27


@pytest.mark.parametrize("file", ["memory.json", "states.npy", "math.recent.npz", "math.settled"])
async def test_a_damaged_snapshot_is_built_again(start: StartEngine, tmp_path: Path, file: str) -> None:
    save_model(tmp_path / "data")
    engine = await start()
    await until(lambda: engine.ready() is None)
    await fill(engine)
    before = await engine.score(NEW)
    await engine.stop()
    (tmp_path / "data" / "snapshot" / file).write_bytes(b"damaged")
    again = await start()
    await until(lambda: again.ready() is None and again.memory_status().memory_version == 1)
    assert probabilities(await again.score(NEW)) == pytest.approx(probabilities(before), abs=1e-5)


async def test_a_model_of_other_embedding_weights_is_not_served(start: StartEngine, tmp_path: Path) -> None:
    other = save_model(tmp_path / "data", encoder="other")
    engine = await start()
    await until(lambda: "No model" in (engine.ready() or ""))
    with pytest.raises(Conflict):
        await engine.activate_model(other)
    assert engine.ready() is not None


async def test_similar_queries_over_all_domains(start: StartEngine) -> None:
    engine = await start()
    await fill(engine)
    near = await engine.similar_queries(GROUPS[7].query.text, 3)
    assert near[0].query_id == "q7"
    assert near[0].similarity == pytest.approx(1.0, abs=1e-5)
    assert [n.text for n in near] == [GROUPS[int(n.query_id[1:])].query.text for n in near]
    assert len(near) == 3
