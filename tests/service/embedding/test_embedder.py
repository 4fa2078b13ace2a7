"""Many callers, one encoder: what is encoded, how often, in which order, and what happens when things go wrong."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from memreward_proto.errors import Internal, Unavailable
from memreward_service.arrays import Vectors
from memreward_service.embedding.cache import EmbeddingCache
from memreward_service.embedding.embedder import BACKGROUND_SLICE, DURABLE_SLICE, Embedder, Priority

DIMENSION = 8


def vector(text: str) -> Vectors:
    """A vector that is the text's own."""
    return np.frombuffer(sha256(text.encode()).digest(), np.uint8)[:DIMENSION].astype(np.float32) / 255


def matrix(texts: Sequence[str]) -> Vectors:
    return np.stack([vector(text) for text in texts])


class FakeEncoder:
    """Notes what it encodes and where; `gate` holds it back; `poison` makes it fail."""

    dimension = DIMENSION
    revision = "fake"

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.poison: str | None = None
        self._entered = threading.Condition()

    def wait_for_batches(self, batches: int) -> bool:
        with self._entered:
            return self._entered.wait_for(lambda: len(self.batches) >= batches, 30)

    def encode(self, texts: Sequence[str]) -> Vectors:
        with self._entered:
            self.batches.append(list(texts))
            self._entered.notify_all()
        self.threads.add(threading.get_ident())
        assert self.gate.wait(30)
        if self.poison in texts:
            raise RuntimeError("a secret of the encoder")
        return matrix(texts)

    @property
    def encoded(self) -> list[str]:
        return sorted(text for batch in self.batches for text in batch)


class FakeStore:
    """Keeps the first vector of a key, as the SQL store does."""

    def __init__(self) -> None:
        self.vectors: dict[str, bytes] = {}
        self.puts: list[int] = []

    def embeddings(self, keys: Sequence[str]) -> dict[str, bytes]:
        return {key: self.vectors[key] for key in keys if key in self.vectors}

    def put_embeddings(self, items: Mapping[str, bytes]) -> None:
        self.puts.append(len(items))
        self.vectors = {**items, **self.vectors}


class Rig:
    """An embedder over a fake encoder, with counters of its own."""

    def __init__(self, lru_size: int = 10_000, redis_url: str | None = None) -> None:
        self.registry = CollectorRegistry()
        self.encoder = FakeEncoder()
        self.store = FakeStore()
        self.cache = EmbeddingCache(lru_size, redis_url, "m", DIMENSION, self.registry)
        self.embedder = Embedder(self.encoder, self.cache, self.store)

    def lookups(self) -> dict[str, float]:
        return {
            level: self.registry.get_sample_value("memreward_embedding_lookups_total", {"level": level}) or 0
            for level in ("lru", "redis", "durable", "encoder")
        }

    async def blocked(self) -> None:
        """Wait until the encoder holds the worker."""
        batches = len(self.encoder.batches) + 1
        assert await asyncio.to_thread(self.encoder.wait_for_batches, batches)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.encoder.gate.set()
    asyncio.run(made.embedder.close())


async def test_vectors_come_in_the_order_of_the_texts_and_each_text_is_encoded_once(rig: Rig) -> None:
    texts = ["b", "a", "b", "ccc", "a"]
    vectors = await rig.embedder.embed(texts)
    assert (vectors.dtype, vectors.flags.writeable) == (np.float32, True)
    np.testing.assert_array_equal(vectors, matrix(texts))
    assert rig.encoder.encoded == ["a", "b", "ccc"]
    assert rig.lookups() == {"lru": 0, "redis": 0, "durable": 0, "encoder": 3}


async def test_no_texts(rig: Rig) -> None:
    assert (await rig.embedder.embed([])).shape == (0, DIMENSION)
    assert (await rig.embedder.embed_durable([])).shape == (0, DIMENSION)


async def test_texts_in_the_lru_are_answered_without_a_thread(rig: Rig) -> None:
    await rig.embedder.embed(["a", "b"])
    rig.encoder.gate.clear()
    busy = asyncio.create_task(rig.embedder.embed(["slow"]))
    await rig.blocked()
    answer = rig.embedder.embed(["b", "a"])
    with pytest.raises(StopIteration) as finished:
        answer.send(None)
    np.testing.assert_array_equal(finished.value.value, matrix(["b", "a"]))
    rig.encoder.gate.set()
    await busy
    assert rig.lookups()["lru"] == 2


async def test_callers_who_want_the_same_text_share_one_encoding(rig: Rig) -> None:
    rig.encoder.gate.clear()
    first = asyncio.create_task(rig.embedder.embed(["x", "a"]))
    await rig.blocked()
    others = [asyncio.create_task(rig.embedder.embed(["a", f"own {i}"])) for i in range(3)]
    await asyncio.sleep(0)
    rig.encoder.gate.set()
    for i, vectors in enumerate(await asyncio.gather(*others)):
        np.testing.assert_array_equal(vectors, matrix(["a", f"own {i}"]))
    np.testing.assert_array_equal(await first, matrix(["x", "a"]))
    assert rig.encoder.batches[1:] == [["own 0", "own 1", "own 2"]]
    assert len(rig.encoder.threads) == 1
    assert threading.get_ident() not in rig.encoder.threads


async def test_a_cancelled_caller_strands_nobody_and_costs_nothing(rig: Rig) -> None:
    rig.encoder.gate.clear()
    first = asyncio.create_task(rig.embedder.embed(["running"]))
    await rig.blocked()
    leaver = asyncio.create_task(rig.embedder.embed(["running", "shared", "only mine"]))
    stayer = asyncio.create_task(rig.embedder.embed(["shared"]))
    await asyncio.sleep(0)
    leaver.cancel()
    first.cancel()
    await asyncio.gather(leaver, first, return_exceptions=True)
    rig.encoder.gate.set()
    np.testing.assert_array_equal(await stayer, matrix(["shared"]))
    assert rig.encoder.encoded == ["running", "shared"]
    np.testing.assert_array_equal(await rig.embedder.embed(["only mine", "running"]), matrix(["only mine", "running"]))
    assert rig.encoder.encoded == ["only mine", "running", "shared"]


async def test_an_encoder_error_reaches_everybody_who_waits_and_is_over_then(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.encoder.poison = "bad"
    rig.encoder.gate.clear()
    holding = asyncio.create_task(rig.embedder.embed(["good"]))
    await rig.blocked()
    waiting = [asyncio.create_task(rig.embedder.embed([text])) for text in ("bad", "bad", "beside")]
    await asyncio.sleep(0)
    rig.encoder.gate.set()
    np.testing.assert_array_equal(await holding, matrix(["good"]))
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [Internal] * 3
    assert "secret" not in str(results[0])
    assert "a secret of the encoder" in caplog.text
    rig.encoder.poison = None
    np.testing.assert_array_equal(await rig.embedder.embed(["bad"]), matrix(["bad"]))


@pytest.mark.parametrize("broken", [np.full((1, DIMENSION), np.nan, np.float32), np.zeros((1, 3), np.float32)])
async def test_an_encoder_that_returns_nonsense_is_an_error(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, broken: Vectors
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rig.encoder, "encode", lambda _texts: broken)
        with pytest.raises(Internal):
            await rig.embedder.embed(["a"])
    np.testing.assert_array_equal(await rig.embedder.embed(["a"]), matrix(["a"]))


async def test_interactive_texts_overtake_background_ones(rig: Rig) -> None:
    rig.encoder.gate.clear()
    many = [f"background {i:04}" for i in range(3 * BACKGROUND_SLICE)]
    background = asyncio.create_task(rig.embedder.embed(many, Priority.BACKGROUND))
    await rig.blocked()
    interactive = asyncio.create_task(rig.embedder.embed(["now", many[-1]]))
    await asyncio.sleep(0)
    rig.encoder.gate.set()
    np.testing.assert_array_equal(await interactive, matrix(["now", many[-1]]))
    np.testing.assert_array_equal(await background, matrix(many))
    assert [len(batch) for batch in rig.encoder.batches] == [64, 2, 64, 63]
    assert rig.encoder.batches[1] == ["now", many[-1]]
    assert len(rig.encoder.encoded) == len(set(rig.encoder.encoded))


async def test_slices_hold_texts_of_like_length(rig: Rig) -> None:
    texts = [("long " if i % 2 else "s") * 20 + str(i) for i in range(2 * BACKGROUND_SLICE)]
    await rig.embedder.embed(texts, Priority.BACKGROUND)
    assert [{len(text) > 50 for text in batch} for batch in rig.encoder.batches] == [{False}, {True}]


async def test_an_lru_too_small_for_the_request_changes_nothing() -> None:
    rig = Rig(lru_size=2)
    texts = [f"text {i}" for i in range(50)]
    np.testing.assert_array_equal(await rig.embedder.embed(texts), matrix(texts))
    await rig.embedder.close()


async def test_another_replica_need_not_encode(redis_url: str) -> None:
    one, other = Rig(redis_url=redis_url), Rig(redis_url=redis_url)
    await one.embedder.embed(["a", "b"])
    np.testing.assert_array_equal(await other.embedder.embed(["b", "c", "a"]), matrix(["b", "c", "a"]))
    assert other.encoder.encoded == ["c"]
    assert other.lookups() == {"lru": 0, "redis": 2, "durable": 0, "encoder": 1}
    await one.embedder.close()
    await other.embedder.close()


async def test_durable_texts_are_all_stored_afterwards_also_those_only_cached(rig: Rig) -> None:
    await rig.embedder.embed(["cached"])
    rig.store.vectors[rig.cache.key("stored")] = vector("stored").tobytes()
    texts = ["new", "stored", "cached", "new"]
    np.testing.assert_array_equal(await rig.embedder.embed_durable(texts), matrix(texts))
    assert rig.store.vectors == {rig.cache.key(text): vector(text).tobytes() for text in texts}
    assert rig.encoder.encoded == ["cached", "new"]
    assert rig.lookups() == {"lru": 1, "redis": 0, "durable": 1, "encoder": 2}


async def test_durable_work_is_written_and_reported_slice_by_slice(rig: Rig) -> None:
    texts = [f"text {i:04}" for i in range(2 * DURABLE_SLICE + 10)]
    rig.encoder.poison = texts[-1]
    steps: list[tuple[int, int]] = []
    with pytest.raises(Internal):
        await rig.embedder.embed_durable(texts, lambda done, total: steps.append((done, total)))
    assert rig.store.puts == [DURABLE_SLICE, DURABLE_SLICE]
    assert steps == [(256, 522), (512, 522)]
    rig.encoder.poison = None
    np.testing.assert_array_equal(await rig.embedder.embed_durable(texts[::-1]), matrix(texts[::-1]))
    assert len(rig.store.vectors) == len(texts)


@pytest.mark.parametrize("stored", [b"short", matrix(["a"])[0].tobytes()[4:] + np.float32(np.nan).tobytes()])
async def test_a_stored_vector_that_is_none_is_encoded_again(rig: Rig, stored: bytes) -> None:
    rig.store.vectors[rig.cache.key("a")] = stored
    np.testing.assert_array_equal(await rig.embedder.embed_durable(["a"]), matrix(["a"]))


async def test_close_fails_the_queue_finishes_the_running_and_refuses_the_new(rig: Rig) -> None:
    rig.encoder.gate.clear()
    running = asyncio.create_task(rig.embedder.embed(["running"]))
    await rig.blocked()
    queued = asyncio.create_task(rig.embedder.embed(["running", "queued"]))
    promoted = asyncio.create_task(rig.embedder.embed(["twice"], Priority.BACKGROUND))
    await asyncio.sleep(0)
    promoted_again = asyncio.create_task(rig.embedder.embed(["twice"]))
    await asyncio.sleep(0)
    closing = asyncio.create_task(rig.embedder.close())
    await asyncio.sleep(0)
    rig.encoder.gate.set()
    np.testing.assert_array_equal(await running, matrix(["running"]))
    for task in (queued, promoted, promoted_again):
        with pytest.raises(Unavailable):
            await task
    await closing
    with pytest.raises(Unavailable):
        await rig.embedder.embed(["new"])
    with pytest.raises(Unavailable):
        await rig.embedder.embed_durable(["new"])
    assert rig.encoder.encoded == ["running"]
