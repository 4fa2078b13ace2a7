"""Keeps the memory up with the store: tails its versions, embeds what is new, computes states, takes snapshots.

One task does all of it, so that the memory has one writer. Requests are not held up: embedding yields to them, what
changes the memory is short work on the compute thread that they share, and a snapshot is written on another thread
while nothing changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TypeVar

from memreward_proto.errors import MemRewardError
from memreward_proto.records import Experience, filled
from memreward_service.arrays import Vectors
from memreward_service.embedding.embedder import Embedder
from memreward_service.groups.batch import GroupBatch, ParsedGroup, group_batch, parse_groups
from memreward_service.groups.history import QueryHistory, from_json, history_of, merged
from memreward_service.memory.memory import Memory, grown
from memreward_service.memory.snapshot import write_snapshot
from memreward_service.network.trained import ServingModel, states_of
from memreward_service.store import ExperienceStore, KeptHistory

PAGE = 128
"""Queries indexed between two published memory versions, about."""
POLL_SECONDS = 2.0
"""How often the store is asked for what other replicas wrote."""
RETRY_SECONDS = 5.0

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


class MemoryFollower:
    """Owns the memory's versions. `serving` is the model whose states the memory holds, None before the first."""

    def __init__(
        self, memory: Memory, store: ExperienceStore, embedder: Embedder, compute: Executor,
        snapshot_folder: Path, snapshot_seconds: float,
    ) -> None:  # fmt: skip
        """`compute` runs one thing at a time; only there is `memory` changed or searched."""
        self.memory = memory
        self.serving: ServingModel | None = None
        self._store = store
        self._embedder = embedder
        self._compute = compute
        self._folder = snapshot_folder
        self._snapshot_seconds = snapshot_seconds
        self._saved = (memory.version, memory.model_version)
        self._saved_at = time.monotonic()
        self._news = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.building = False

    def start(self) -> None:
        """Begin to follow the store."""
        self._task = asyncio.create_task(self._follow(), name="memory-follower")

    def wake(self) -> None:
        """There is something new in the store."""
        self._news.set()

    async def stop(self) -> None:
        """Stop following; take a last snapshot."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._snapshot()

    async def serve(self, model: ServingModel, record: Callable[[str], None] | None = None) -> None:
        """Compute the states of all memory under `model`, then exchange model and states in one step.

        Until then requests go on with the old ones. `record` writes down the version that is served now, before
        another one can be. Raises what the store and the embedder raise, and ValueError where a
        state is not finite; nothing has changed then.
        """
        async with self._writing:
            if self.memory.model_version != model.version:
                states = grown(self.memory.states[:0], len(self.memory), model.trained.network.config.hidden)
                for start in range(0, len(self.memory), PAGE):
                    ids = self.memory.ids(start, start + PAGE)
                    batch, _ = await self._arrays(ids)
                    states[start : start + len(ids)] = await self._on_compute(partial(states_of, model.trained, batch))
                await self._on_compute(lambda: self._exchange(model, states))
            self.serving = model
            if record is not None:
                await asyncio.to_thread(record, model.version)

    async def catch_up(self) -> None:
        """Index everything the store holds now, a page at a time: a model that is ready comes in between."""
        try:
            while await self._index_page():
                pass
        finally:
            self.building = False

    async def _index_page(self) -> bool:
        """Index the oldest changes that memory lacks; False where there are none."""
        async with self._writing:
            since = self.memory.version
            page = await asyncio.to_thread(self._store.changed_since, since, PAGE)
            if page:
                ids = list(dict.fromkeys(key for key, _ in page))
                rows = await asyncio.to_thread(self._store.histories.of, ids)
                changed = await asyncio.to_thread(self._store.histories.newer_queries, ids, since)
                batch, groups = None, list[ParsedGroup]()
                if changed:
                    self.building = True
                    batch, groups = await self._arrays([key for key in ids if key in changed])
                await self._on_compute(partial(self._apply, batch, groups, rows, page[-1][1]))
        return bool(page)

    async def _follow(self) -> None:
        """Catch up whenever there is news, for ever; an outage of the store delays it and loses nothing."""
        while True:
            self._news.clear()
            try:
                await self.catch_up()
                if time.monotonic() - self._saved_at >= self._snapshot_seconds:
                    await self._snapshot()
            except MemRewardError as error:
                _log.warning("memory stays at version %d for now: %s", self.memory.version, error.message)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                _log.exception("memory stays at version %d for now", self.memory.version)
                await asyncio.sleep(RETRY_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):  # wait_for of Python 3.11 may pass a cancellation over
                    await self._news.wait()

    async def _arrays(self, ids: Sequence[str]) -> tuple[GroupBatch, list[ParsedGroup]]:
        experiences = await asyncio.to_thread(self._store.load, ids)
        return await embedded(experiences, self._embedder)

    def _apply(
        self, batch: GroupBatch | None, groups: Sequence[ParsedGroup], rows: Mapping[str, KeptHistory], version: int
    ) -> None:
        """On the compute thread: queries whose rollouts changed, and the `rows` of these and of others. The states are
        there before the rows of memory are: where they cannot be computed, nothing has changed."""
        whole = {filled(group.query.id) for group in groups}
        if batch is not None:
            states = None if self.serving is None else states_of(self.serving.trained, batch)
            histories = [with_kept(history_of(group), rows.get(filled(group.query.id))) for group in groups]
            self.memory.put([group.query for group in groups], batch.query_vectors.numpy(), states, histories)
        for key, row in rows.items():
            if key not in whole:
                self.memory.histories.add(row)
        self.memory.version = version

    def _exchange(self, model: ServingModel, states: Vectors) -> None:
        """On the compute thread, between two batches: no request sees the one without the other."""
        self.memory.exchange(model.version, states)
        self.serving = model

    async def _snapshot(self) -> None:
        """Write what changed since the last one, whole also where the caller is cancelled meanwhile."""
        async with self._writing:  # while it is written, memory is searched and not changed
            # What a cancelled call left on the compute thread is done when this is answered.
            state = await self._on_compute(lambda: (self.memory.version, self.memory.model_version))
            self._saved_at = time.monotonic()
            if state == self._saved:
                return
            written = asyncio.create_task(self._write(state))
            try:
                await asyncio.shield(written)
            except asyncio.CancelledError:
                await written
                raise

    async def _write(self, state: tuple[int, str | None]) -> None:
        """It can be derived again, so a full disk is logged and no more."""
        try:
            await asyncio.to_thread(write_snapshot, self.memory, self._folder)
        except (OSError, RuntimeError):  # FAISS raises RuntimeError where a file cannot be written
            _log.exception("the snapshot could not be written to %s", self._folder)
        else:
            self._saved = state

    async def _on_compute(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._compute, work)


def with_kept(history: QueryHistory, kept: KeptHistory | None) -> QueryHistory:
    """What the stored rollouts of a query say, with what is known beside them."""
    return history if kept is None else merged(history, from_json(kept.line))


async def embedded(
    experiences: Sequence[Experience],
    embedder: Embedder,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[GroupBatch, list[ParsedGroup]]:
    """Stored queries as arrays, their vectors from the durable store where it has them; and the queries as they are."""
    groups = await asyncio.to_thread(parse_groups, [(e, e.rollouts) for e in experiences])
    vectors = await embedder.embed_durable([text for group in groups for text in group.texts], progress)
    return await asyncio.to_thread(group_batch, groups, vectors), groups
