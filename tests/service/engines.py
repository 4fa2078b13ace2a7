"""Engines that serve a model at once, with experience in their memory, and groups to ask them about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from memreward_service.engine.engine import Engine
from memreward_service.network.attachment import AttachRule
from memreward_service.settings import Settings
from memreward_service.training.registry import ModelRegistry, TrainingFacts
from service.hash_encoder import HashEncoder
from service.synthetic_groups import experience_of, lively_model, synthetic_group, unlabelled
from service.waiting import until

STORED = [synthetic_group(i) for i in range(24)]
LABELLED = [synthetic_group(200 + i) for i in range(12)]
ASKED = [unlabelled(group) for group in LABELLED]
TRUTH = [[rollout.label or 0.0 for rollout in group.rollouts] for group in LABELLED]
"""The labels of ASKED, 6 a group."""

StartEngine = Callable[..., Awaitable[Engine]]


async def started(folder: Path, **settings: Any) -> Engine:
    """An engine that knows STORED."""
    registry = ModelRegistry(folder / "models", 5)
    model = lively_model(rule=AttachRule(neighbors=64, similarity_floor=-1.0, same_domain=True))
    registry.activate(registry.save(model, TrainingFacts(0, 24, 144, "hash")))
    engine = Engine(Settings(data_dir=folder, torch_threads=1, **settings), HashEncoder())
    await engine.start()
    await engine.add_experience([experience_of(group) for group in STORED])
    await engine.caught_up()
    await until(lambda: engine.ready() is None)
    return engine
