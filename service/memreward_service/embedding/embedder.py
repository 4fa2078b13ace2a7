"""Texts -> vectors for everybody at once: LRU, then Redis, then the encoder on one dedicated worker thread.

READ the order of a call in `Embedder.embed`. All bookkeeping happens on the event loop, so it needs no lock;
only `_fetch` runs on the worker. A text that several callers want is looked up and encoded once; texts of
several callers are encoded together; interactive texts go before background ones, in slices, so that nobody
waits for a whole ingest.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memreward_proto.errors import Internal, MemRewardError, Unavailable
from memreward_service.arrays import Vectors
from memreward_service.embedding.cache import EmbeddingCache, is_vector
from memreward_service.embedding.encoder import Encoder

INTERACTIVE_SLICE = 512
"""Texts that callers who wait have looked up and encoded together at most."""
BACKGROUND_SLICE = 64
"""Texts of background work between two looks at whether somebody waits: under a second on 2 cores."""
DURABLE_SLICE = 256
"""Texts of durable work after which what was encoded is written: the most that an interruption loses."""

_log = logging.getLogger(__name__)


class DurableVectors(Protocol):
    """Vectors that outlive the process, by cache key. Called on threads."""

    def embeddings(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The stored vectors; unknown keys are left out."""
        ...

    def put_embeddings(self, items: Mapping[str, bytes]) -> None:
        """Store vectors; a key that is there already keeps its own."""
        ...


class Priority(IntEnum):
    """Whose texts go first."""

    INTERACTIVE = 0
    BACKGROUND = 1


@dataclass(slots=True, eq=False)
class _Call:
    """One caller: done when nothing is missing any more, or when the caller has left."""

    missing: int
    answer: asyncio.Future[dict[str, bytes]]
    found: dict[str, bytes] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class _Wanted:
    """One text on its way, and the callers who wait for it."""

    key: str
    text: str
    priority: Priority
    calls: list[_Call] = field(default_factory=list)
    taken: bool = False


class Embedder:
    """Embeds texts on the event loop it is first used on."""

    def __init__(self, encoder: Encoder, cache: EmbeddingCache, durable: DurableVectors | None = None) -> None:
        self._encoder = encoder
        self._cache = cache
        self._durable = durable
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="embedder")
        self._wanted: dict[str, _Wanted] = {}
        self._queues: dict[Priority, deque[_Wanted]] = {priority: deque() for priority in Priority}
        self._pump: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        return self._encoder.dimension

    async def embed(self, texts: Sequence[str], priority: Priority = Priority.INTERACTIVE) -> Vectors:
        """(N, D) float32, L2-normalised, in the order of the texts.

        Texts that are all in the LRU are answered without a thread. Raises Internal where the encoder failed
        (the log has the trace; the next call starts afresh) and Unavailable once closed.
        """
        self._check_open()
        keys = [self._cache.key(text) for text in texts]
        distinct = dict(zip(keys, texts, strict=True))
        found = self._cache.get_local(list(distinct))
        if len(found) < len(distinct):
            found |= await self._fetched({key: text for key, text in distinct.items() if key not in found}, priority)
        return self._matrix([found[key] for key in keys])

    async def embed_durable(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """`embed` in the background for texts that memory keeps: the durable store has them all afterwards.

        The durable store is asked first, so that loading a large memory leaves the LRU to the callers who
        wait, and so that a vector which was only cached is stored too. `progress` gets (texts done, distinct
        texts), a slice at a time. Raises what `embed` raises, and what the durable store raises.
        """
        self._check_open()
        distinct, places = await asyncio.to_thread(_distinct, texts)
        rows = np.empty((len(distinct), self.dimension), np.float32)
        for start in range(0, len(distinct), DURABLE_SLICE):
            chunk = distinct[start : start + DURABLE_SLICE]
            rows[start : start + len(chunk)] = await self._durable_rows(chunk)
            if progress is not None:
                progress(start + len(chunk), len(distinct))
        return rows.take(places, axis=0)

    def keys(self, texts: Sequence[str]) -> list[str]:
        """The keys under which vectors of texts are stored."""
        return [self._cache.key(text) for text in texts]

    async def close(self) -> None:
        """Refuse new texts, fail those still queued with Unavailable, finish what the worker has, stop it."""
        self._closed = True
        for queue in self._queues.values():
            for wanted in queue:
                if not wanted.taken:
                    wanted.taken = True
                    self._fail(wanted, Unavailable("The service is shutting down."))
            queue.clear()
        if self._pump is not None:
            await self._pump
        self._worker.shutdown()
        self._cache.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The service is shutting down.")

    def _matrix(self, vectors: Sequence[bytes]) -> Vectors:
        return np.frombuffer(bytearray().join(vectors), "<f4").reshape(len(vectors), self.dimension)

    async def _durable_rows(self, texts: Sequence[str]) -> Vectors:
        keys = {self._cache.key(text): text for text in texts}
        stored: dict[str, bytes] = {}
        if self._durable is not None:
            stored = await asyncio.to_thread(self._durable.embeddings, list(keys))
            stored = {key: vector for key, vector in stored.items() if is_vector(vector, self.dimension)}
            self._cache.metrics.lookups.labels("durable").inc(len(stored))
        unstored = {key: text for key, text in keys.items() if key not in stored}
        found = self._cache.get_local(list(unstored))
        found |= await self._fetched(
            {key: text for key, text in unstored.items() if key not in found}, Priority.BACKGROUND
        )
        if self._durable is not None and found:
            await asyncio.to_thread(self._durable.put_embeddings, found)
        return self._matrix([stored.get(key) or found[key] for key in keys])

    async def _fetched(self, texts: Mapping[str, str], priority: Priority) -> dict[str, bytes]:
        """The vectors of `texts` by key, all of them, from Redis or the encoder."""
        if not texts:
            return {}
        self._check_open()
        call = _Call(len(texts), asyncio.get_running_loop().create_future())
        for key, text in sorted(texts.items(), key=lambda item: len(item[1])):
            wanted = self._wanted.get(key)
            if wanted is None:
                wanted = self._wanted[key] = _Wanted(key, text, priority)
                self._queues[priority].append(wanted)
            elif priority < wanted.priority and not wanted.taken:
                wanted.priority = priority
                self._queues[priority].append(wanted)
            wanted.calls.append(call)
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._run(), name="embedder")
        return await call.answer

    async def _run(self) -> None:
        """Slice after slice on the worker until nobody waits."""
        loop = asyncio.get_running_loop()
        while batch := self._next_slice():
            try:
                vectors = await loop.run_in_executor(self._worker, self._fetch, batch)
            except Exception:
                _log.exception("embedding %d texts failed", len(batch))
                for wanted in batch:
                    self._fail(wanted, Internal("Embedding the texts failed; the log has the cause."))
            else:
                for wanted in batch:
                    self._deliver(wanted, vectors[wanted.key])

    def _next_slice(self) -> list[_Wanted]:
        """Interactive texts if there are any, else background ones; texts whose callers have all left are
        dropped.
        """
        for priority, limit in (
            (Priority.INTERACTIVE, INTERACTIVE_SLICE),
            (Priority.BACKGROUND, BACKGROUND_SLICE),
        ):
            batch: list[_Wanted] = []
            queue = self._queues[priority]
            while queue and len(batch) < limit:
                wanted = queue.popleft()
                if wanted.taken:
                    continue
                wanted.taken = True
                if all(call.answer.done() for call in wanted.calls):
                    del self._wanted[wanted.key]
                else:
                    batch.append(wanted)
            if batch:
                return batch
        return []

    def _fetch(self, batch: Sequence[_Wanted]) -> dict[str, bytes]:
        """On the worker: Redis, then the encoder for the rest, kept in both caches."""
        texts = {wanted.key: wanted.text for wanted in batch}
        found = self._cache.get_shared(list(texts))
        missing = [key for key in texts if key not in found]
        if missing:
            vectors = self._encoder.encode([texts[key] for key in missing])
            if vectors.shape != (len(missing), self.dimension) or not np.isfinite(vectors).all():
                raise ValueError(f"the encoder returned {vectors.shape} or values that are not finite")
            encoded = {key: row.tobytes() for key, row in zip(missing, vectors.astype("<f4"), strict=True)}
            self._cache.metrics.lookups.labels("encoder").inc(len(encoded))
            self._cache.put_many(encoded)
            found |= encoded
        return found

    def _deliver(self, wanted: _Wanted, vector: bytes) -> None:
        del self._wanted[wanted.key]
        for call in wanted.calls:
            call.found[wanted.key] = vector
            call.missing -= 1
            if call.missing == 0 and not call.answer.done():
                call.answer.set_result(call.found)

    def _fail(self, wanted: _Wanted, error: MemRewardError) -> None:
        del self._wanted[wanted.key]
        for call in wanted.calls:
            if not call.answer.done():
                call.answer.set_exception(error)


def _distinct(texts: Sequence[str]) -> tuple[list[str], NDArray[np.intp]]:
    """The texts by length, each once, and the place of every given text among them."""
    distinct = sorted(dict.fromkeys(texts), key=len)
    place = {text: row for row, text in enumerate(distinct)}
    return distinct, np.fromiter((place[text] for text in texts), np.intp, len(texts))
