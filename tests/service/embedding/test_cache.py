"""The two cache levels, with a real Redis that comes, goes, hangs and holds garbage."""

from __future__ import annotations

import hashlib
import math
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

import pytest
from prometheus_client import CollectorRegistry
from redis import Redis

from memreward_service.embedding.cache import REDIS_CHUNK, EmbeddingCache

DIMENSION = 4
A, B, C = (bytes([i]) * 4 * DIMENSION for i in (1, 2, 3))

MakeCache = Callable[..., EmbeddingCache]


class Server(Protocol):
    url: str

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def stop(self) -> None: ...


@pytest.fixture
def make_cache() -> Iterator[MakeCache]:
    """Each cache is a replica of its own, with its own counters."""
    made: list[EmbeddingCache] = []

    def make(redis_url: str | None = None, lru_size: int = 100, rest_seconds: float = 60.0) -> EmbeddingCache:
        registry = CollectorRegistry()
        made.append(EmbeddingCache(lru_size, redis_url, "model@1", DIMENSION, registry, rest_seconds))
        return made[-1]

    yield make
    for cache in made:
        cache.close()


def counted(cache: EmbeddingCache, level: str) -> float:
    return cache.metrics.lookups.labels(level)._value.get()


def get_many(cache: EmbeddingCache, keys: list[str]) -> dict[str, bytes]:
    """From either level."""
    found = cache.get_local(keys)
    return found | cache.get_shared([key for key in keys if key not in found])


def errors(cache: EmbeddingCache) -> float:
    return cache.metrics.redis_errors._value.get()


def test_the_key_names_the_model_and_the_text(make_cache: MakeCache) -> None:
    cache = make_cache()
    assert cache.key("é") == "model@1:" + hashlib.sha256("é".encode()).hexdigest()
    assert cache.key("\ud800") != cache.key("\ud801")


def test_the_lru_forgets_what_was_not_used_longest(make_cache: MakeCache) -> None:
    cache = make_cache(lru_size=2)
    cache.put_many({"a": A, "b": B})
    assert cache.get_local(["a"]) == {"a": A}
    cache.put_many({"c": C})
    assert get_many(cache, ["a", "b", "c"]) == {"a": A, "c": C}
    assert counted(cache, "lru") == 3


def test_an_lru_of_size_zero_keeps_nothing_and_redis_still_works(make_cache: MakeCache, redis_url: str) -> None:
    cache = make_cache(redis_url, lru_size=0)
    cache.put_many({"a": A})
    assert cache.get_local(["a"]) == {}
    assert get_many(cache, ["a"]) == {"a": A}
    assert counted(cache, "redis") == 1


def test_another_replica_finds_a_vector_in_redis_and_keeps_it(make_cache: MakeCache, redis_url: str) -> None:
    make_cache(redis_url).put_many({"a": A, "b": B})
    cache = make_cache(redis_url)
    assert get_many(cache, ["a", "x"]) == {"a": A}
    assert cache.get_local(["a", "b"]) == {"a": A}
    assert (counted(cache, "redis"), counted(cache, "lru"), errors(cache)) == (1, 1, 0)
    with Redis.from_url(redis_url) as redis:
        assert redis.get("a") == A
        assert 0 < redis.ttl("a") <= 7 * 24 * 3600


def test_more_vectors_than_one_call_to_redis_takes(make_cache: MakeCache, redis_url: str) -> None:
    vectors = {f"k{i}": i.to_bytes(4 * DIMENSION, "little") for i in range(2 * REDIS_CHUNK + 7)}
    make_cache(redis_url).put_many(vectors)
    assert make_cache(redis_url).get_shared(list(vectors)) == vectors


@pytest.mark.parametrize("garbage", [b"too short", struct.pack("<4f", 1.0, math.nan, 0.0, 0.0), b"\xff" * 16])
def test_garbage_in_redis_is_a_miss_and_is_replaced(make_cache: MakeCache, redis_url: str, garbage: bytes) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.set("a", garbage)
        redis.set("b", B)
        redis.rpush("c", "a list")
        cache = make_cache(redis_url)
        assert get_many(cache, ["a", "b", "c"]) == {"b": B}
        assert errors(cache) == 1
        cache.put_many({"a": A})
        assert redis.get("a") == A


def test_a_vector_of_another_length_is_refused(make_cache: MakeCache) -> None:
    cache = make_cache()
    with pytest.raises(ValueError, match="15 bytes are not 4 float32"):
        cache.put_many({"a": A, "b": B[1:]})
    assert cache.get_local(["a", "b"]) == {}


def test_redis_that_went_away_is_a_miss_and_is_left_alone(make_cache: MakeCache, redis_server: Server) -> None:
    cache = make_cache(redis_server.url, lru_size=1)
    cache.put_many({"a": A, "b": B})
    redis_server.stop()
    assert get_many(cache, ["a", "b"]) == {"b": B}
    assert errors(cache) == 1
    cache.put_many({"c": C})
    assert get_many(cache, ["a", "c"]) == {"c": C}
    assert errors(cache) == 1


def test_redis_that_hangs_is_asked_once_and_used_again_after_the_rest(
    make_cache: MakeCache, redis_server: Server
) -> None:
    make_cache(redis_server.url).put_many({"a": A})
    resting, impatient = make_cache(redis_server.url), make_cache(redis_server.url, rest_seconds=0.0)
    redis_server.pause()
    for cache, failures in ((resting, 1), (impatient, 2)):
        assert get_many(cache, ["a"]) == {}
        assert get_many(cache, ["a"]) == {}
        assert errors(cache) == failures
    redis_server.resume()
    assert get_many(resting, ["a"]) == {}
    assert get_many(impatient, ["a"]) == {"a": A}


def test_a_redis_that_refuses_writes_is_no_error(make_cache: MakeCache, redis_server: Server) -> None:
    with Redis.from_url(redis_server.url) as redis:
        redis.config_set("maxmemory", "1")
    cache = make_cache(redis_server.url)
    cache.put_many({"a": A})
    assert get_many(cache, ["a"]) == {"a": A}
    assert errors(cache) == 1


def test_a_malformed_url_fails_at_once(make_cache: MakeCache) -> None:
    with pytest.raises(ValueError, match="scheme"):
        make_cache("localhost:6379")


def test_threads_may_share_it(make_cache: MakeCache) -> None:
    cache = make_cache(lru_size=8)
    wrong: list[object] = []

    def work(seed: int) -> None:
        for i in range(2_000):
            key = f"{(seed * 7 + i) % 32}"
            vector = key.encode().ljust(4 * DIMENSION)
            cache.put_many({key: vector})
            wrong.extend(found for found in cache.get_local([key]).values() if found != vector)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_two_caches_of_one_registry_count_together() -> None:
    registry = CollectorRegistry()
    for _ in range(2):
        cache = EmbeddingCache(10, None, "model@1", DIMENSION, registry)
        cache.put_many({"a": A})
        cache.get_local(["a"])
    assert registry.get_sample_value("memreward_embedding_lookups_total", {"level": "lru"}) == 2
    assert registry.get_sample_value("memreward_redis_errors_total") == 0
