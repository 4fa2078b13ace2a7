"""Two levels of embedding cache: an LRU in this process, then Redis for all replicas.

A vector travels as its bytes (little-endian float32), which is what both levels, the durable store and the
assembly of a matrix want. Redis is only a cache: whatever happens to it is a miss and a metric, never an
error.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TypeVar, cast

import numpy as np
from cachetools import LRUCache
from prometheus_client import REGISTRY, CollectorRegistry, Counter
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

REDIS_TIMEOUT = 0.25
"""Seconds one connect, read or write may take: above that, encoding is the better choice."""
REDIS_CHUNK = 512
"""Vectors of one MGET or pipeline (0.75 MiB at 384 dimensions)."""
REDIS_EXPIRY = 7 * 24 * 3600
"""Seconds a vector stays in Redis after it was written."""

_log = logging.getLogger(__name__)
_Reply = TypeVar("_Reply")


@dataclass(frozen=True, slots=True)
class EmbeddingMetrics:
    """The counters. `lookups`: distinct texts of a call, by the level that had the vector."""

    lookups: Counter
    redis_errors: Counter


@cache
def embedding_metrics(registry: CollectorRegistry = REGISTRY) -> EmbeddingMetrics:
    """The counters of a registry, made once."""
    return EmbeddingMetrics(
        Counter(
            "memreward_embedding_lookups",
            "Texts looked up, by the level that had the vector: lru, redis, durable or encoder.",
            ["level"],
            registry=registry,
        ),
        Counter(
            "memreward_redis_errors",
            "Failed calls to the Redis embedding cache, and replies that are no vectors.",
            registry=registry,
        ),
    )


class EmbeddingCache:
    """Vectors by content key, thread-safe.

    `lru_size` is the number of vectors kept in process (0 keeps none), `redis_url` None means no second
    level, `namespace` names the model and its weights, `dimension` is D. After a failure Redis is left alone
    for `rest_seconds`, so that requests do not each wait for a time-out. Raises ValueError for a malformed
    URL.
    """

    def __init__(
        self,
        lru_size: int,
        redis_url: str | None,
        namespace: str,
        dimension: int,
        registry: CollectorRegistry = REGISTRY,
        rest_seconds: float = 5.0,
    ) -> None:
        self.dimension = dimension
        self.metrics = embedding_metrics(registry)
        self._namespace = namespace
        self._lru: LRUCache[str, bytes] = LRUCache(lru_size)
        self._lock = threading.Lock()
        self._rest_seconds = rest_seconds
        self._resting_until = 0.0
        self._redis = None
        if redis_url is not None:
            self._redis = Redis.from_url(
                redis_url,
                socket_timeout=REDIS_TIMEOUT,
                socket_connect_timeout=REDIS_TIMEOUT,
                retry=Retry(NoBackoff(), 0),
            )

    def key(self, text: str) -> str:
        """`<namespace>:<SHA-256 of the text>`; any Python string has one, lone surrogates included."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
        return f"{self._namespace}:{digest.hexdigest()}"

    def get_local(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The vectors that the in-process LRU has."""
        with self._lock:
            get = self._lru.get
            found = {key: vector for key in keys if (vector := get(key)) is not None}
        self.metrics.lookups.labels("lru").inc(len(found))
        return found

    def get_shared(self, keys: Sequence[str]) -> dict[str, bytes]:
        """The vectors that Redis has; they are kept in the LRU from now on. Blocks for Redis."""
        found: dict[str, bytes] = {}
        for start in range(0, len(keys), REDIS_CHUNK):
            chunk = keys[start : start + REDIS_CHUNK]
            replies = self._ask(partial(_get_all, keys=chunk))
            if replies is None:
                break
            found.update(self._whole(chunk, replies))
        self._keep(found)
        self.metrics.lookups.labels("redis").inc(len(found))
        return found

    def put_many(self, vectors: Mapping[str, bytes]) -> None:
        """Keep vectors in both levels. Blocks for Redis. Raises ValueError for a vector of another length."""
        for key, vector in vectors.items():
            if len(vector) != 4 * self.dimension:
                raise ValueError(f"{key}: {len(vector)} bytes are not {self.dimension} float32")
        self._keep(vectors)
        keys = list(vectors)
        for start in range(0, len(keys), REDIS_CHUNK):
            chunk = {key: vectors[key] for key in keys[start : start + REDIS_CHUNK]}
            if self._ask(partial(_set_all, vectors=chunk)) is None:
                break

    def close(self) -> None:
        """Close the connections to Redis."""
        if self._redis is not None:
            self._redis.close()

    def _keep(self, vectors: Mapping[str, bytes]) -> None:
        if self._lru.maxsize >= 1:
            with self._lock:
                self._lru.update(vectors)

    def _whole(self, keys: Sequence[str], replies: Sequence[bytes | None]) -> dict[str, bytes]:
        found = {key: reply for key, reply in zip(keys, replies, strict=True) if reply is not None}
        broken = [key for key, reply in found.items() if not is_vector(reply, self.dimension)]
        for key in broken:
            del found[key]
            self.metrics.redis_errors.inc()
        if broken:
            _log.warning("Redis holds %d embeddings that are no vectors, for example %s", len(broken), broken[0])
        return found

    def _ask(self, call: Callable[[Redis], _Reply]) -> _Reply | None:
        """The reply, or None where there is no Redis, it is being left alone, or it failed just now."""
        if self._redis is None or time.monotonic() < self._resting_until:
            return None
        try:
            return call(self._redis)
        except RedisError as error:
            self.metrics.redis_errors.inc()
            self._resting_until = time.monotonic() + self._rest_seconds
            _log.warning("Redis is left alone for %g s: %s", self._rest_seconds, error)
            return None


def is_vector(stored: bytes, dimension: int) -> bool:
    """Whether these are the bytes of `dimension` finite float32."""
    return len(stored) == 4 * dimension and bool(np.isfinite(np.frombuffer(stored, "<f4")).all())


def _get_all(redis: Redis, keys: Sequence[str]) -> list[bytes | None]:
    return cast(list[bytes | None], redis.mget(keys))


def _set_all(redis: Redis, vectors: Mapping[str, bytes]) -> bool:
    pipeline = redis.pipeline(transaction=False)
    for key, vector in vectors.items():
        pipeline.set(key, vector, ex=REDIS_EXPIRY)
    pipeline.execute()
    return True
