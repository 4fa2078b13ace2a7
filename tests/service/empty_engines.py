"""Engines that begin with nothing, and groups to fill them with or to ask them about."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from memreward_proto.records import (
    Group,
    JobStatus,
    RolloutReward,
    Scored,
    Submission,
)  # fmt: skip
from memreward_service.engine.engine import Engine
from memreward_service.network.attachment import AttachRule
from memreward_service.training.registry import ModelRegistry, TrainingFacts, _version_of
from service.synthetic_groups import experience_of, lively_model, synthetic_group, unlabelled
from service.waiting import until

GROUPS = [synthetic_group(i) for i in range(24)]
NEW = [unlabelled(synthetic_group(100 + i, 2 + i)) for i in range(6)]
EVERY = AttachRule(neighbors=64, similarity_floor=-1.0, same_domain=True)


def save_model(folder: Path, seed: int = 0, encoder: str = "hash", active: bool = True) -> str:
    registry = ModelRegistry(folder / "models", 5)
    version = registry.save(lively_model(seed, EVERY), TrainingFacts(0, 24, 144, encoder))
    if active:
        registry.activate(version)
    return version


def save_older_model(folder: Path) -> str:
    """The active model, made when a rollout had one feature less."""
    models = folder / "models"
    saved = models / save_model(folder)
    card = json.loads((saved / "model.json").read_text())
    card["config"]["features"] -= 1
    (saved / "model.json").write_text(json.dumps(card))
    version = _version_of((saved / "weights.safetensors").read_bytes(), card)
    saved.rename(models / version)
    ModelRegistry(models, 5).activate(version)
    return version


async def fill(engine: Engine, groups: list[Group] = GROUPS) -> None:
    receipt = await engine.add_experience([experience_of(group) for group in groups])
    await until(lambda: follows(engine, receipt.version))


async def follows(engine: Engine, version: int) -> bool:
    """Whether memory has reached that version of the store."""
    return (await engine.memory_status()).memory_version >= version


async def ended(engine: Engine, job_id: str) -> JobStatus:
    """How a job ended; its process takes some seconds to begin, on a busy machine many."""
    await until(lambda: engine.training_job(job_id).status in (JobStatus.SUCCEEDED, JobStatus.FAILED), seconds=200)
    return engine.training_job(job_id).status


def sent_alone(group: Group) -> list[Submission]:
    """The rollouts of a group, each to be sent alone."""
    size = len(group.rollouts)
    return [
        Submission("run", group.group_id, index, size, group.query, rollout, deadline_ms=20_000)
        for index, rollout in enumerate(group.rollouts)
    ]


async def submitted(engine: Engine, group: Group) -> list[RolloutReward]:
    return await asyncio.gather(*map(engine.submit, sent_alone(group)))


def probabilities(scored: Scored) -> list[float | None]:
    return [prediction.probability for group in scored.groups for prediction in group.rollouts]
