"""One split, every method: the engine as it serves (store, memory, training job, score) and the baselines."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from memreward_proto.errors import MemRewardError
from memreward_proto.records import Experience, Group, JobStatus, Prediction, Status, TrainingOptions
from memreward_service.belief.metrics import reward_metrics
from memreward_service.belief.posterior import GroupBelief
from memreward_service.embedding.encoder import Encoder
from memreward_service.engine.engine import Engine
from memreward_service.groups.batch import GroupBatch, group_batch, parse_groups
from memreward_service.settings import Settings
from memreward_trainer.evaluation.baselines import BASELINES, Probability
from memreward_trainer.evaluation.splits import Split, flat

ENGINE = "MemReward"
INGEST_QUERIES = 200
ASKED_GROUPS = 64
"""Groups of one request; by design it does not matter for the answers."""

Progress = Callable[[float], None]


def compared(
    split: Split, encoder: Encoder, seed: int, epochs: int | None, progress: Progress
) -> dict[str, dict[str, float]]:
    """Metrics of every method by its name, over the rollouts whose label is hidden, and the share of labels spent."""
    probabilities = {ENGINE: asyncio.run(engine_probabilities(split, encoder, seed, epochs, progress))}
    memory, asked = _batch(split.memory, encoder), _batch(split.asked, encoder)
    for name, method in BASELINES.items():
        probabilities[name] = method(memory, asked)
    hidden = flat(split.hidden).astype(bool)
    truth, group = flat(split.truth)[hidden], asked.group.numpy()[hidden]
    threshold = Settings.model_fields["threshold"].default
    return {
        name: reward_metrics(truth, probability[hidden], group, threshold) | {"labels_spent": split.labels_spent}
        for name, probability in probabilities.items()
    }


async def engine_probabilities(
    split: Split, encoder: Encoder, seed: int, epochs: int | None, progress: Progress
) -> Probability:
    """(N,) probabilities of all asked rollouts, from a fresh engine that got `split.memory` and trained on it."""
    async with trained_engine(split, encoder, seed, epochs, progress) as engine:
        scored = [await engine.score(groups) for groups in requests(split.asked)]
    rollouts = (prediction for answer in scored for group in answer.groups for prediction in group.rollouts)
    return np.array([_probability(prediction) for prediction in rollouts])


async def engine_beliefs(
    split: Split, encoder: Encoder, seed: int, epochs: int | None, progress: Progress
) -> list[GroupBelief]:
    """What such an engine believes of the asked groups before any of their labels."""
    async with trained_engine(split, encoder, seed, epochs, progress) as engine:
        return [belief for groups in requests(split.asked) for belief in await engine.beliefs(groups)]


@asynccontextmanager
async def trained_engine(
    split: Split, encoder: Encoder, seed: int, epochs: int | None, progress: Progress
) -> AsyncIterator[Engine]:
    """A fresh engine that knows `split.memory` and was trained on it."""
    with tempfile.TemporaryDirectory(prefix="memreward-") as folder:
        engine = Engine(Settings(data_dir=Path(folder), seed=seed, retrain=False), encoder)
        await engine.start()
        try:
            await fill(engine, split.memory)
            await _train(engine, epochs, progress)
            yield engine
        finally:
            await engine.stop()


async def fill(engine: Engine, memory: Sequence[Experience]) -> None:
    """Store `memory`, and wait until it is indexed."""
    for start in range(0, len(memory), INGEST_QUERIES):
        await engine.add_experience(memory[start : start + INGEST_QUERIES])
    await engine.caught_up()


async def _train(engine: Engine, epochs: int | None, progress: Progress) -> None:
    job = await engine.start_training(TrainingOptions(epochs=epochs))
    while job.status in (JobStatus.QUEUED, JobStatus.RUNNING):
        await asyncio.sleep(0.1)
        job = engine.training_job(job.job_id)
        progress(job.progress)
    if job.error is not None:
        kind = next(error for error in MemRewardError.__subclasses__() if error.code == job.error.code)
        raise kind(job.error.message)


def requests(asked: Sequence[Experience]) -> Iterator[list[Group]]:
    """The groups of `asked`, a request at a time."""
    for start in range(0, len(asked), ASKED_GROUPS):
        yield [
            Group(experience, experience.rollouts, str(place))
            for place, experience in enumerate(asked[start : start + ASKED_GROUPS])
        ]


def _probability(prediction: Prediction) -> float:
    """A blank response is never rewarded: for the metrics it counts as predicted wrong."""
    invalid = prediction.status is Status.INVALID or prediction.probability is None
    return 0.0 if invalid else float(prediction.probability or 0.0)


def _batch(experience: Sequence[Experience], encoder: Encoder) -> GroupBatch:
    groups = parse_groups([(e, e.rollouts) for e in experience])
    return group_batch(groups, encoder.encode([text for group in groups for text in group.texts]))
