"""The memory follows the store: late labels, restarts, outages, a new model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from memreward_proto.errors import Unavailable
from memreward_proto.records import Domain, Experience, Group, Label
from memreward_service.arrays import Vectors
from memreward_service.embedding.cache import EmbeddingCache
from memreward_service.embedding.embedder import Embedder
from memreward_service.memory import follower as follower_module
from memreward_service.memory.follower import MemoryFollower
from memreward_service.memory.memory import Memory
from memreward_service.memory.snapshot import opened_memory, write_snapshot
from memreward_service.network.attachment import AttachRule
from memreward_service.network.trained import ServingModel, states_of
from memreward_service.store import ExperienceStore
from service.hash_encoder import DIMENSION, HashEncoder
from service.synthetic_groups import batch_of, experience_of, flipped, lively_model, synthetic_group
from service.waiting import until

FIRST, SECOND = (ServingModel(f"gnn-{seed}", lively_model(seed)) for seed in (1, 2))
GROUPS = [synthetic_group(i) for i in range(20)]


class FlakyStore(ExperienceStore):
    """A real store that is away for the next `outages` calls of the follower."""

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
        self.folder = folder / "snapshot"
        self.follower = MemoryFollower(self.saved(), self.store, self.embedder, self.compute, self.folder, 3600)

    def saved(self) -> Memory:
        """What the snapshot has."""
        return opened_memory(self.folder, Memory(DIMENSION, "hash", self.store.name(), 1000), self.store)

    def add(self, groups: list[Group]) -> None:
        self.store.add_experience([experience_of(group) for group in groups])

    def states(self) -> dict[str, Vectors]:
        memory = self.follower.memory
        return {key: memory.states[row].copy() for row, key in enumerate(memory.ids(0, len(memory)))}

    async def end(self) -> None:
        await self.follower.stop()
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
    await process.follower.serve(FIRST)
    process.add(GROUPS)
    await process.follower.catch_up()
    assert process.follower.memory.version == 1
    assert_states(process, FIRST, GROUPS)
    relabelled = [flipped(group) if i == 4 else group for i, group in enumerate(GROUPS)]
    labels = [Label(f"q4/{i}", r.label or 0.0, "expert") for i, r in enumerate(relabelled[4].rollouts)]
    before = process.states()["q4"]
    process.store.add_labels(labels)
    await process.follower.catch_up()
    assert process.follower.memory.version == 2
    assert len(process.follower.memory) == 20
    assert np.abs(process.states()["q4"] - before).max() > 0.01
    assert_states(process, FIRST, relabelled)


async def test_more_queries_than_a_page(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "PAGE", 3)
    for group in GROUPS:
        process.add([group])
    await process.follower.catch_up()
    assert process.follower.memory.version == process.store.counts().version == 20
    await process.follower.serve(FIRST)
    assert_states(process, FIRST, GROUPS)


async def test_news_are_followed(process: Process) -> None:
    process.follower.start()
    for end in (5, 9):
        process.add(GROUPS[:end])
        process.follower.wake()
        await until(lambda end=end: len(process.follower.memory) == end)
    await until(lambda: not process.follower.building)


@pytest.mark.parametrize("snapshot", [True, False])
async def test_a_restart_encodes_nothing_again(tmp_path: Path, snapshot: bool) -> None:
    first = Process(tmp_path)
    first.add(GROUPS)
    await first.follower.catch_up()
    await first.follower.serve(FIRST)
    texts = {text for g in GROUPS for text in (g.query.text,)}
    assert texts <= set(first.encoder.encoded)
    assert len(first.encoder.encoded) == len(set(first.encoder.encoded))
    await first.end()
    if not snapshot:
        (tmp_path / "snapshot").rename(tmp_path / "gone")

    second = Process(tmp_path)
    assert len(second.follower.memory) == (20 if snapshot else 0)
    await second.follower.serve(FIRST)
    await second.follower.catch_up()
    assert second.encoder.encoded == []
    assert second.follower.memory.version == 1
    assert_states(second, FIRST, GROUPS)
    more = synthetic_group(50)
    second.add([more])
    await second.follower.catch_up()
    assert_states(second, FIRST, [*GROUPS, more])
    assert GROUPS[0].query.text not in second.encoder.encoded
    await second.end()


@pytest.mark.parametrize("error", [Unavailable, RuntimeError])
async def test_an_outage_of_the_store_delays_and_loses_nothing(
    process: Process, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    monkeypatch.setattr(follower_module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(follower_module, "POLL_SECONDS", 0.01)
    await process.follower.serve(FIRST)
    process.add(GROUPS)
    process.store.error, process.store.outages = error, 3
    process.follower.start()
    await until(lambda: process.follower.memory.version == 1)
    assert process.store.outages == 0
    assert_states(process, FIRST, GROUPS)
    process.add([synthetic_group(50)])
    await until(lambda: len(process.follower.memory) == 21)


async def test_model_and_states_are_exchanged_together(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "PAGE", 4)
    process.add(GROUPS)
    await process.follower.catch_up()
    await process.follower.serve(FIRST)
    seen: list[tuple[str, str | None, float]] = []

    def look() -> None:
        serving, memory = process.follower.serving, process.follower.memory
        assert serving is not None
        seen.append((serving.version, memory.model_version, float(memory.states.sum())))

    process.compute.look = look
    await process.follower.serve(SECOND)
    await asyncio.get_running_loop().run_in_executor(process.compute, lambda: None)
    assert {(model, states_of_model) for model, states_of_model, _ in seen} == {("gnn-1",) * 2, ("gnn-2",) * 2}
    assert len({total for *_, total in seen}) == 2, "no request meets half of the new states"
    assert_states(process, SECOND, GROUPS)


async def test_a_model_that_cannot_be_served_changes_nothing(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower_module, "PAGE", 4)
    process.add(GROUPS)
    await process.follower.catch_up()
    await process.follower.serve(FIRST)
    process.store.outages = 1
    with pytest.raises(Unavailable):
        await process.follower.serve(SECOND)
    assert process.follower.serving is FIRST
    assert process.follower.memory.model_version == "gnn-1"
    assert_states(process, FIRST, GROUPS)
    await process.follower.serve(SECOND)
    assert_states(process, SECOND, GROUPS)


async def test_a_model_whose_states_are_not_finite_is_not_served(process: Process) -> None:
    process.add(GROUPS)
    await process.follower.catch_up()
    await process.follower.serve(FIRST)
    broken = ServingModel("gnn-broken", lively_model())
    broken.trained.network.project_labels.weight[0, 0] = np.nan
    with pytest.raises(ValueError, match="gnn-broken gives states that are not finite"):
        await process.follower.serve(broken)
    assert process.follower.serving is FIRST
    assert_states(process, FIRST, GROUPS)


async def test_states_of_a_snapshot_that_no_model_kept_up_are_computed_again(tmp_path: Path) -> None:
    first = Process(tmp_path)
    first.add(GROUPS)
    await first.follower.catch_up()
    await first.follower.serve(FIRST)
    await first.end()
    second = Process(tmp_path)
    second.add([synthetic_group(50)])
    await second.follower.catch_up()
    await second.follower.serve(FIRST)
    assert_states(second, FIRST, [*GROUPS, synthetic_group(50)])
    await second.end()


async def test_a_snapshot_that_cannot_be_written_stops_nothing(process: Process, tmp_path: Path) -> None:
    (tmp_path / "snapshot.new").write_text("a file is in the way")
    process.add(GROUPS)
    process.follower.start()
    await until(lambda: len(process.follower.memory) == 20)
    await process.follower.stop()
    assert len(process.saved()) == 0
    (tmp_path / "snapshot.new").unlink()
    await process.follower.stop()
    assert len(process.saved()) == 20


class SlowDisk:
    """Writes snapshots, each as soon as `gate` lets it."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.began, self.under_way, self.most_at_once = 0, 0, 0

    def write(self, memory: Memory, folder: Path) -> None:
        self.began += 1
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        assert self.gate.acquire(timeout=20)
        write_snapshot(memory, folder)
        self.under_way -= 1


async def test_requests_are_scored_while_a_snapshot_is_written_and_nothing_changes_it(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk()
    monkeypatch.setattr(follower_module, "write_snapshot", disk.write)
    process.add(GROUPS[:10])
    await process.follower.catch_up()
    await process.follower.serve(FIRST)
    saving = asyncio.create_task(process.follower.stop())
    await until(lambda: disk.began)
    asked = batch_of(GROUPS[:1]).query_vectors.numpy()
    async with asyncio.timeout(10):
        search = asyncio.get_running_loop().run_in_executor(process.compute, process.follower.memory.similar, asked, 1)
        assert [near.query_id for near in await search] == ["q0"]
    process.add(GROUPS[10:])
    following = asyncio.create_task(process.follower.catch_up())
    await asyncio.sleep(0.1)
    assert len(process.follower.memory) == 10, "the index is not changed under the writer"
    disk.gate.release()
    await saving
    assert (process.saved().version, len(process.saved())) == (1, 10)
    await following
    assert len(process.follower.memory) == 20
    disk.gate.release()


async def test_a_stop_while_a_snapshot_is_written_leaves_a_whole_one(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = SlowDisk()
    monkeypatch.setattr(follower_module, "write_snapshot", disk.write)
    process.follower._snapshot_seconds = 0.0
    process.add(GROUPS)
    process.follower.start()
    await until(lambda: disk.began)
    stopping = asyncio.create_task(process.follower.stop())
    disk.gate.release(2)
    await stopping
    assert (disk.most_at_once, disk.under_way) == (1, 0)
    assert (process.saved().version, len(process.saved())) == (1, 20)


async def test_a_query_whose_state_cannot_be_computed_is_not_there(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the next try, requests meet the memory as it was, and no row without a state."""
    process.add(GROUPS[:10])
    await process.follower.catch_up()
    await process.follower.serve(FIRST)

    def broken(*arguments: object) -> Vectors:
        raise RuntimeError("out of memory")

    process.add(GROUPS[10:])
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(follower_module, "states_of", broken)
        await process.follower.catch_up()
    memory, asked = process.follower.memory, batch_of(GROUPS[15:16]).query_vectors.numpy()
    near = memory.near(asked, [Domain.MATH], ["new"], AttachRule(64, -1.0, True))
    assert {found.query_id for found in near[0]} == {group.query.id for group in GROUPS[:10]}
    assert memory.attachment(near).states.shape == (10, 32)
    assert (len(memory), memory.version) == (10, 1)
    await process.follower.catch_up()
    assert_states(process, FIRST, GROUPS)
