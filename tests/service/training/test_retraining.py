"""Training that nobody asked for: when it is due, and what comes of it in an engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from memreward_proto.errors import Conflict
from memreward_proto.records import (
    Domain,
    DomainTrust,
    Interval,
    JobStatus,
    TrainingOptions,
    TrustFigures,
    TrustIntervals,
)
from memreward_service.engine.engine import Engine
from memreward_service.settings import Settings
from memreward_service.training import retraining
from memreward_service.training.registry import ModelRegistry
from memreward_service.training.retraining import due, fallen
from service.empty_engines import ended, fill
from service.engines import StartEngine
from service.synthetic_groups import synthetic_group
from service.waiting import until

SETTINGS = Settings(retrain_labels=100, retrain_growth=0.5)
FIGURES = TrustFigures(0, None, None, None, None, None)


def trust(high: float, trusted: bool = True) -> dict[Domain, DomainTrust]:
    intervals = TrustIntervals(Interval(high - 0.1, high), None, None)
    return {Domain.MATH: DomainTrust(Domain.MATH, trusted, None, FIGURES, FIGURES, intervals, 60, None, ())}


@pytest.mark.parametrize(
    ("labels", "trained", "is_due"),
    [(99, 0, False), (100, 0, True), (299, 200, False), (300, 200, True), (1499, 1000, False), (1500, 1000, True)],
)
def test_it_is_due_after_a_share_of_new_labels_and_at_least_so_many(labels: int, trained: int, is_due: bool) -> None:
    assert (due(labels, trained, None, SETTINGS) is not None) is is_due


def test_low_trust_makes_it_due_after_a_tenth_of_the_labels() -> None:
    assert due(1050, 1000, "trust is low", SETTINGS) == "trust is low"
    assert due(1049, 1000, "trust is low", SETTINGS) is None


def test_trust_has_fallen_where_the_whole_interval_is_under_that_of_training() -> None:
    trained = Interval(0.9, 0.95)
    assert fallen(trust(0.9), trained) is None
    assert fallen(trust(0.899), trained) == (
        "the AUC of math is 0.899 at most, by audited rollouts, and was 0.900 at least at the training"
    )
    assert fallen(trust(0.5), None) is None
    assert fallen(trust(0.95, trusted=False), trained) == "predictions of math are out of the bounds of trust"
    assert fallen({}, trained) is None


def test_one_process_of_those_that_share_a_folder_trains_by_itself(tmp_path: Path) -> None:
    first, second = ModelRegistry(tmp_path, 3), ModelRegistry(tmp_path, 3)
    with first.claimed() as mine, second.claimed() as other:
        assert (mine, other) == (True, False)
    with second.claimed() as other:
        assert other


async def models(engine: Engine, count: int) -> bool:
    return len(await engine.models()) == count


async def test_the_first_network_comes_by_itself_and_the_next_after_more_labels(
    begin: StartEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retraining, "LOOK_SECONDS", 0.05)
    engine = await begin(retrain_labels=200, retrain_growth=0.0, retrain_seconds=0, training_seeds=2, training_epochs=5)
    groups = [synthetic_group(i) for i in range(80)]
    await fill(engine, groups[:30])  # 180 labels
    await fill(engine, groups[:40])
    await until(lambda: models(engine, 1), seconds=140)
    await until(lambda: not engine._jobs.running)
    (first,) = await engine.models()
    assert first.training_labels == 240
    assert first.reason is not None
    assert first.reason.startswith("Taken" if first.active else "Refused")
    assert "on 16 held-out groups" in first.reason
    assert "On 16 groups that neither learned from, the agreement of groups is" in first.reason
    assert "Warning: 16 held-out groups are few" in first.reason
    assert first.intervals is not None
    assert first.intervals.auc is not None
    assert first.intervals.auc.low < first.metrics["auc"] <= first.intervals.auc.high

    await engine.activate_model(first.model_version)
    await fill(engine, groups)
    await until(lambda: models(engine, 2), seconds=140)
    await until(lambda: not engine._jobs.running)
    second = (await engine.models())[0]
    assert second.reason is not None
    compared = re.search(rf"On (\d+) groups that neither learned from, {first.model_version} is", second.reason)
    assert compared is not None, second.reason
    assert 10 <= int(compared[1]) < 32, "of 32 held-out groups those that are new"
    active = [info.model_version for info in await engine.models() if info.active]
    assert active == [second.model_version if second.reason.startswith("Taken") else first.model_version]


async def test_it_gives_way_to_a_training_that_is_asked_for(begin: StartEngine) -> None:
    engine = await begin(retrain=False)
    await fill(engine)
    own = await engine._jobs.start(TrainingOptions(epochs=100_000), asked=False)
    with pytest.raises(Conflict):
        await engine._jobs.start(TrainingOptions(), asked=False)
    asked = await engine.start_training(TrainingOptions())
    left = engine.training_job(own.job_id)
    assert left.status is JobStatus.FAILED
    assert left.error is not None
    assert "gave way to one that was asked for" in left.error.message
    assert await ended(engine, asked.job_id) is JobStatus.SUCCEEDED
    done = engine.training_job(asked.job_id)
    (model,) = await engine.models()
    assert model.active
    assert done.reason == model.reason
    assert done.reason is not None
    assert done.reason.startswith("Taken")
    assert "Warning: 5 held-out groups are few" in done.reason
