"""A training job that is given up while it embeds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from memreward_proto.records import JobStatus, TrainingOptions
from memreward_service.arrays import Vectors
from memreward_service.embedding.cache import EmbeddingCache
from memreward_service.embedding.embedder import Embedder
from memreward_service.memory.follower import MemoryFollower
from memreward_service.memory.memory import Memory
from memreward_service.settings import Settings
from memreward_service.store import ExperienceStore
from memreward_service.training.jobs import TrainingJobs
from memreward_service.training.registry import ModelRegistry
from memreward_service.trust.trust import Trust
from service.hash_encoder import DIMENSION, HashEncoder
from service.synthetic_groups import experience_of, synthetic_group


class AnnouncingEncoder(HashEncoder):
    """Says when it begins."""

    def __init__(self) -> None:
        super().__init__()
        self.began = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def encode(self, texts: Sequence[str]) -> Vectors:
        self._loop.call_soon_threadsafe(self.began.set)
        return super().encode(texts)


async def test_stop_does_not_wait_until_everything_is_embedded(tmp_path: Path) -> None:
    encoder, store = AnnouncingEncoder(), ExperienceStore(f"sqlite:///{tmp_path}/store.sqlite3")
    groups = [synthetic_group(i) for i in range(200)]
    store.add_experience([experience_of(group) for group in groups])
    embedder = Embedder(encoder, EmbeddingCache(10, None, "hash", DIMENSION), store)
    registry = ModelRegistry(tmp_path / "models", 3)
    compute = ThreadPoolExecutor(1)
    memory = Memory(DIMENSION, "hash", store.name(), 100)
    follower = MemoryFollower(memory, store, embedder, compute, tmp_path / "snapshot", 60)
    settings = Settings(data_dir=tmp_path, training_seeds=1, training_epochs=1)
    jobs = TrainingJobs(settings, store, embedder, registry, follower, Trust(settings), "hash", torch.device("cpu"))

    job = await jobs.start(TrainingOptions())
    await encoder.began.wait()
    await jobs.stop()

    left = jobs.job(job.job_id)
    assert left.status is JobStatus.FAILED
    assert left.error is not None
    assert left.error.code == "unavailable"
    assert len(encoder.encoded) < 1000, "of 2,400 texts and more"
    assert registry.infos() == []
    await embedder.close()
    compute.shutdown()
    store.close()
