"""The engine as the transports use it: a real store, real training, a fake encoder; its life from start to restart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memreward_proto.errors import Conflict, ModelNotTrained, NotEnoughLabels, NotFound, Unavailable
from memreward_proto.records import Domain, Group, JobStatus, Query, Rollout, Source, Status, TrainingOptions
from memreward_service.engine import serving as serving_module
from memreward_service.store import ExperienceStore
from memreward_service.training.registry import ModelRegistry
from service.empty_engines import (
    GROUPS,
    NEW,
    ended,
    fill,
    follows,
    probabilities,
    save_model,
    save_older_model,
    sent_alone,
    submitted,
)
from service.engines import StartEngine
from service.hash_encoder import HashEncoder
from service.rendezvous.replicas import metric
from service.waiting import until


async def test_before_the_first_model_it_predicts_from_agreement_and_labels(begin: StartEngine) -> None:
    engine = await begin()
    await until(lambda: engine.ready() is None)
    responses = ("It is 4.", "Sum: the answer is 4.", "So the answer is 4.", "The answer is 5.", " ")
    group = Group(Query("2 + 2?", "sum", Domain.MATH), tuple(map(Rollout, responses)), "g")
    alone = Group(Query("3 + 3?", "other", Domain.MATH), (Rollout("The answer is 6."),), "h")
    scored = await engine.score([group, alone])
    assert scored.model_version == "agreement"
    assert [found.reward for found in scored.groups[0].rollouts] == [1.0, 1.0, 1.0, 0.0, None]
    assert {found.source for found in scored.groups[0].rollouts[:4]} == {Source.AGREEMENT}
    assert scored.groups[1].rollouts[0].status is Status.ABSTAIN, "nobody agrees or disagrees with a rollout alone"
    labelled = replace(group, rollouts=(replace(group.rollouts[0], label=0.0), *group.rollouts[1:]))
    (told,) = (await engine.score([labelled])).groups
    assert told.rollouts[1].reward == 0.0
    together = await submitted(engine, NEW[0])
    assert {answer.model_version for answer in together} == {"agreement"}
    assert {answer.source for answer in together} == {Source.AGREEMENT}


async def test_a_service_that_is_to_refuse_says_what_to_do(begin: StartEngine) -> None:
    engine = await begin(without_model="refuse")
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
    assert await engine.models() == []
    with pytest.raises(NotEnoughLabels):
        await engine.start_training(TrainingOptions())


async def test_experience_training_rewards(begin: StartEngine) -> None:
    engine = await begin()
    await fill(engine)
    job = await engine.start_training(TrainingOptions())
    assert job.status is JobStatus.QUEUED
    with pytest.raises(Conflict) as conflict:
        await engine.start_training(TrainingOptions())
    assert conflict.value.details == {"job_id": job.job_id}
    assert await ended(engine, job.job_id) is JobStatus.SUCCEEDED
    done = engine.training_job(job.job_id)
    assert (done.progress, done.error) == (1.0, None)
    (model,) = await engine.models()
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


async def test_an_older_version_can_be_made_active_again(begin: StartEngine) -> None:
    engine = await begin()
    await fill(engine)
    replies = []
    for epochs in (2, 3):
        job = await engine.start_training(TrainingOptions(epochs=epochs))
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


async def test_a_restart_answers_the_same_and_encodes_no_stored_text(begin: StartEngine, tmp_path: Path) -> None:
    save_model(tmp_path / "data")
    first = await begin()
    await until(lambda: first.ready() is None)
    await fill(first)
    before = await first.score(NEW)
    await first.stop()
    encoder = HashEncoder()
    second = await begin(encoder=encoder)
    assert "being loaded" in (second.ready() or "")
    await until(lambda: second.ready() is None)
    assert await second.score(NEW) == before
    assert not {group.query.text for group in GROUPS} & set(encoder.encoded)


async def test_a_job_fails_with_a_sentence_and_the_next_one_may_start(
    begin: StartEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await begin()
    await fill(engine, GROUPS[:3])
    job = await engine.start_training(TrainingOptions())
    assert await ended(engine, job.job_id) is JobStatus.FAILED
    error = engine.training_job(job.job_id).error
    assert error is not None
    assert error.code == "not_enough_labels"
    assert "at least 10 queries and memory has 3" in error.message

    await fill(engine, GROUPS)

    def broken(*arguments: object) -> str:
        raise RuntimeError("a secret of the disk")

    with monkeypatch.context() as patch:
        patch.setattr(ModelRegistry, "save", broken)
        job = await engine.start_training(TrainingOptions())
        assert await ended(engine, job.job_id) is JobStatus.FAILED
    error = engine.training_job(job.job_id).error
    assert error is not None
    assert error.code == "internal"
    assert "secret" not in error.message
    assert await engine.models() == []
    job = await engine.start_training(TrainingOptions())
    assert await ended(engine, job.job_id) is JobStatus.SUCCEEDED


async def test_stop_while_training_ends_cleanly(begin: StartEngine) -> None:
    engine = await begin()
    await fill(engine)
    job = await engine.start_training(TrainingOptions(epochs=10_000))
    await until(lambda: engine.training_job(job.job_id).progress > 0.2, seconds=200)
    await engine.stop()
    left = engine.training_job(job.job_id)
    assert left.status is JobStatus.FAILED
    assert left.error is not None
    assert left.error.code == "unavailable"
    assert await engine.models() == []


async def test_an_outage_while_the_model_is_loaded_is_waited_for(
    begin: StartEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await begin()
    await fill(engine)
    await engine.stop()
    save_model(tmp_path / "data")
    monkeypatch.setattr(serving_module, "RETRY_SECONDS", 0.01)
    load, outages = ExperienceStore.load, iter([True] * 3)

    def flaky(self: ExperienceStore, ids: Any) -> Any:
        if next(outages, False):
            raise Unavailable("The database is away.")
        return load(self, ids)

    monkeypatch.setattr(ExperienceStore, "load", flaky)
    again = await begin()
    await until(lambda: again.ready() is None)
    assert len(probabilities(await again.score(NEW))) == 27


@pytest.mark.parametrize(
    "file", ["memory.json", "ids.jsonl", "histories.jsonl", "states.npy", "math.recent.npz", "math.settled"]
)
async def test_a_damaged_snapshot_is_built_again(begin: StartEngine, tmp_path: Path, file: str) -> None:
    save_model(tmp_path / "data")
    engine = await begin()
    await until(lambda: engine.ready() is None)
    await fill(engine)
    before = await engine.score(NEW)
    await engine.stop()
    (tmp_path / "data" / "snapshot" / file).write_bytes(b"damaged")
    again = await begin()
    await until(lambda: again.ready() is None)
    await until(lambda: follows(again, 1))
    assert probabilities(await again.score(NEW)) == pytest.approx(probabilities(before), abs=1e-5)


async def test_a_model_of_other_embedding_weights_is_not_served(begin: StartEngine, tmp_path: Path) -> None:
    other = save_model(tmp_path / "data", encoder="other")
    engine = await begin()
    await until(
        lambda: f"Model {other} was trained with other embedding weights: train again" in (engine.ready() or "")
    )
    with pytest.raises(Conflict):
        await engine.activate_model(other)
    assert engine.ready() is not None


async def test_a_model_of_an_older_version_is_not_served_and_the_log_says_what_to_do_in_one_line(
    begin: StartEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    version = save_older_model(tmp_path / "data")
    engine = await begin()
    await engine.caught_up()
    with pytest.raises(ModelNotTrained, match=f"Model {version} cannot be served: This model reads .*train again"):
        await engine.score([NEW[0]])
    (told,) = [record for record in caplog.records if version in record.message]
    assert "cannot be served: This model reads" in told.message
    assert "train again" in told.message
    assert told.exc_info is None
