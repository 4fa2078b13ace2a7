"""Both meeting places of the rendezvous; and engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from memreward_service.engine.engine import Engine
from memreward_service.settings import Settings
from memreward_service.store import ExperienceStore
from service.engines import StartEngine, started
from service.hash_encoder import HashEncoder
from service.rendezvous.replicas import FakeScorer, Replicas


@pytest.fixture(params=["process", "redis"])
def replicas(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Replicas]:
    if request.param == "redis":
        yield Replicas(None, request.getfixturevalue("redis_url"))
    else:
        store = ExperienceStore(f"sqlite:///{tmp_path}/store.sqlite3")
        yield Replicas(store, None)
        store.close()


@pytest.fixture
def scorer() -> FakeScorer:
    return FakeScorer()


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[StartEngine]:
    """Starts engines that serve a model."""
    running: list[Engine] = []

    async def start(**settings: Any) -> Engine:
        running.append(await started(tmp_path, **settings))
        return running[-1]

    yield start
    for engine in running:
        await engine.stop()


@pytest.fixture
async def begin(tmp_path: Path) -> AsyncIterator[StartEngine]:
    """begin("name"): an engine that knows nothing, with the data folder of that name."""
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
