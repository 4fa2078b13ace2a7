"""The memory follows the store: late labels, restarts, outages, a new model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memreward_proto.errors import Unavailable
from memreward_proto.records import Experience, Group, Label
from memreward_service.arrays import Vectors
from memreward_service.embedding.cache import EmbeddingCache
from memreward_service.embedding.embedder import Embedder
from memreward_service.memory import follower as memory_builder
from memreward_service.memory.follower import MemoryBuilder
from memreward_service.memory.memory import Memory
from memreward_service.network.trained import ServingModel, states_of
from memreward_service.store import ExperienceStore
from service.hash_encoder import DIMENSION, HashEncoder
from service.synthetic_groups import batch_of, experience_of, flipped, lively_model, synthetic_group
from service.waiting import until

FIRST, SECOND = (ServingModel(f"gnn-{seed}", lively_model(seed)) for seed in (1, 2))
GROUPS = [synthetic_group(i) for i in range(20)]


class FlakyStore(ExperienceStore):
    """A real store that is away for the next `outages` calls of the builder."""

    outages = 0
    error: type[Exception] = Unavailable

    def _meet_outage(self) -> None:
        if self.outages > 0:
            self.outages -= 1
            raise self.error("The database is away.")

    def changed_since(self, version: int, limit: int) -> list[tuple[str, int]]:
        self._meet_outage()
        return super().changed_since(version, limit)

    def load(self, query_ids: Any) -> list[Experience]:
        self._meet_outage()
        return super().load(query_ids)


class ObservedExecutor(ThreadPoolExecutor):
    """Calls `look` on its thread before every job."""

    look: Callable[[], None] | None = None

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        def work() -> Any:
            if self.look is not None:
                self.look()
            return fn(*args, **kwargs)

        return super().submit(work)


class Process:
    """What one life of the service has: everything but the files in `folder` is new."""

    def __init__(self, folder: Path) -> None:
        self.encoder = HashEncoder()
        self.store = FlakyStore(f"sqlite:///{folder}/store.sqlite3")
        self.embedder = Embedder(self.encoder, EmbeddingCache(1000, None, "hash", DIMENSION), self.store)
        self.compute = ObservedExecutor(1)
        memory = Memory.load(folder / "snapshot", DIMENSION, "hash", 1000) or Memory(DIMENSION, "hash", 1000)
        self.builder = MemoryBuilder(memory, self.store, self.embedder, self.compute, folder / "snapshot", 3600)

    def add(self, groups: list[Group]) -> None:
        self.store.add_experience([experience_of(group) for group in groups])

    def states(self) -> dict[str, Vectors]:
        memory = self.builder.memory
        return {key: memory.states[row].copy() for row, key in enumerate(memory.ids(0, len(memory)))}

    async def end(self) -> None:
        await self.builder.stop()
        await self.embedder.close()
        self.compute.shutdown()
        self.store.close()


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    process = Process(tmp_path)
    yield process
    await process.end()


def expected(model: ServingModel, groups: list[Group]) -> dict[str, Vectors]:
    return dict(zip((g.query.id for g in groups), states_of(model.trained, batch_of(groups)), strict=True))


def assert_states(process: Process, model: ServingModel, groups: list[Group]) -> None:
    found, wanted = process.states(), expected(model, groups)
    assert set(found) == set(wanted)
    for key, state in wanted.items():
        assert np.allclose(found[key], state, atol=1e-5), key


async def test_labels_that_come_later_change_the_state_and_the_version(process: Process) -> None:
    await process.builder.serve(FIRST)
    process.add(GROUPS)
    await process.builder.catch_up()
    assert process.builder.memory.version == 1
    assert_states(process, FIRST, GROUPS)
    relabelled = [flipped(group) if i == 4 else group for i, group in enumerate(GROUPS)]
    labels = [Label(f"q4/{i}", r.label or 0.0, "expert") for i, r in enumerate(relabelled[4].rollouts)]
    before = process.states()["q4"]
    process.store.add_labels(labels)
    await process.builder.catch_up()
    assert process.builder.memory.version == 2
    assert len(process.builder.memory) == 20
    assert np.abs(process.states()["q4"] - before).max() > 0.01
    assert_states(process, FIRST, relabelled)


async def test_more_queries_than_a_page(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_builder, "PAGE", 3)
    for group in GROUPS:
        process.add([group])
    await process.builder.catch_up()
    assert process.builder.memory.version == process.store.counts().version == 20
    await process.builder.serve(FIRST)
    assert_states(process, FIRST, GROUPS)


async def test_news_are_followed(process: Process) -> None:
    process.builder.start()
    for end in (5, 9):
        process.add(GROUPS[:end])
        process.builder.tell()
        await until(lambda end=end: len(process.builder.memory) == end)
    await until(lambda: not process.builder.building)


@pytest.mark.parametrize("snapshot", [True, False])
async def test_a_restart_encodes_nothing_again(tmp_path: Path, snapshot: bool) -> None:
    first = Process(tmp_path)
    first.add(GROUPS)
    await first.builder.catch_up()
    await first.builder.serve(FIRST)
    texts = {text for g in GROUPS for text in (g.query.text,)}
    assert texts <= set(first.encoder.encoded)
    assert len(first.encoder.encoded) == len(set(first.encoder.encoded))
    await first.end()
    if not snapshot:
        (tmp_path / "snapshot").rename(tmp_path / "gone")

    second = Process(tmp_path)
    assert len(second.builder.memory) == (20 if snapshot else 0)
    await second.builder.serve(FIRST)
    await second.builder.catch_up()
    assert second.encoder.encoded == []
    assert second.builder.memory.version == 1
    assert_states(second, FIRST, GROUPS)
    more = synthetic_group(50)
    second.add([more])
    await second.builder.catch_up()
    assert_states(second, FIRST, [*GROUPS, more])
    assert GROUPS[0].query.text not in second.encoder.encoded
    await second.end()


@pytest.mark.parametrize("error", [Unavailable, RuntimeError])
async def test_an_outage_of_the_store_delays_and_loses_nothing(
    process: Process, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(memory_builder, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(memory_builder, "POLL_SECONDS", 0.01)
    await process.builder.serve(FIRST)
    process.add(GROUPS)
    process.store.error, process.store.outages = error, 3
    process.builder.start()
    await until(lambda: process.builder.memory.version == 1)
    assert process.store.outages == 0
    assert_states(process, FIRST, GROUPS)
    process.add([synthetic_group(50)])
    await until(lambda: len(process.builder.memory) == 21)


async def test_model_and_states_are_exchanged_together(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_builder, "PAGE", 4)
    process.add(GROUPS)
    await process.builder.catch_up()
    await process.builder.serve(FIRST)
    seen: list[tuple[str, str | None, float]] = []

    def look() -> None:
        serving, memory = process.builder.serving, process.builder.memory
        assert serving is not None
        seen.append((serving.version, memory.model_version, float(memory.states.sum())))

    process.compute.look = look
    await process.builder.serve(SECOND)
    await asyncio.get_running_loop().run_in_executor(process.compute, lambda: None)
    assert {(model, states_of_model) for model, states_of_model, _ in seen} == {("gnn-1",) * 2, ("gnn-2",) * 2}
    assert len({total for *_, total in seen}) == 2, "no request meets half of the new states"
    assert_states(process, SECOND, GROUPS)


async def test_a_model_that_cannot_be_served_changes_nothing(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_builder, "PAGE", 4)
    process.add(GROUPS)
    await process.builder.catch_up()
    await process.builder.serve(FIRST)
    process.store.outages = 1
    with pytest.raises(Unavailable):
        await process.builder.serve(SECOND)
    assert process.builder.serving is FIRST
    assert process.builder.memory.model_version == "gnn-1"
    assert_states(process, FIRST, GROUPS)
    await process.builder.serve(SECOND)
    assert_states(process, SECOND, GROUPS)


async def test_states_of_a_snapshot_that_no_model_kept_up_are_computed_again(tmp_path: Path) -> None:
    first = Process(tmp_path)
    first.add(GROUPS)
    await first.builder.catch_up()
    await first.builder.serve(FIRST)
    await first.end()
    second = Process(tmp_path)
    second.add([synthetic_group(50)])
    await second.builder.catch_up()
    await second.builder.serve(FIRST)
    assert_states(second, FIRST, [*GROUPS, synthetic_group(50)])
    await second.end()


async def test_a_snapshot_that_cannot_be_written_stops_nothing(process: Process, tmp_path: Path) -> None:
    (tmp_path / "snapshot.new").write_text("a file is in the way")
    process.add(GROUPS)
    process.builder.start()
    await until(lambda: len(process.builder.memory) == 20)
    await process.builder.stop()
    assert Memory.load(tmp_path / "snapshot", DIMENSION, "hash", 1000) is None
    (tmp_path / "snapshot.new").unlink()
    await process.builder.stop()
    assert Memory.load(tmp_path / "snapshot", DIMENSION, "hash", 1000) is not None
