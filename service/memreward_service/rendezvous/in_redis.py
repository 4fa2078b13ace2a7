"""Groups in Redis: the rollouts of a group may reach different replicas, and any of them scores it.

A group is one value, and changes in an optimistic transaction: read it, let the events happen, write it if nobody else
has written meanwhile, else do it again. What comes while a transaction runs shares the next one. A replica hears on one
channel of claims that ended; a message may be lost, so calls look by themselves now and then, and a look puts back what
Redis lost. Redis away is Unavailable: to go on in process would split groups between replicas.

The keys: group:<name>, a group without its texts; texts:<name>, a hash; open and finished, sorted sets of names by the
time of the last look; total:<field>, the sums over all groups. None expires by itself: replicas free what nobody reads,
and the sums stay right.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError, WatchError

from memreward_proto.errors import MemRewardError, Overloaded, Unavailable
from memreward_service.batching import Batcher
from memreward_service.rendezvous.answers import error_of_its_own
from memreward_service.rendezvous.group import HeldGroup, from_json, to_json, usage_of
from memreward_service.rendezvous.place import Change, Event
from memreward_service.rendezvous.protocol import RETRY_SECONDS, Usage
from memreward_service.rendezvous.texts import Texts, from_fields, to_fields

TIMEOUT_SECONDS = 2.0
"""How long Redis may take for one step."""
CONNECTIONS = 8
"""Connections of one replica at most."""
TURN_SECONDS = 10.0
"""How long a step waits for a connection."""
CHANGES_AT_ONCE = 1024
"""Events of one transaction at most."""
ATTEMPTS = 100
"""How often a transaction is begun again because other replicas wrote first."""
SAFE_POLICIES = ("noeviction", "volatile-lru", "volatile-lfu", "volatile-ttl", "volatile-random")
"""What a Redis may do whose memory is full. The volatile ones evict keys that expire; no key of the rendezvous does."""
PREFIX = "{memreward:groups}:"
"""Of every key; the braces keep them together on one node of a cluster. Earlier releases had another one."""
CHANNEL = PREFIX + "ended"
KINDS = {False: PREFIX + "open", True: PREFIX + "finished"}
TOTALS = [f"{PREFIX}total:{name}" for name in Usage._fields]

_log = logging.getLogger(__name__)


class RedisStorage:
    """Groups in Redis. Lives on one event loop."""

    def __init__(self, url: str) -> None:
        """Connects when it is opened. Raises ValueError for a malformed URL."""
        self._redis: Redis = Redis.from_pool(
            BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                timeout=TURN_SECONDS,
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
                retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), 1),
                decode_responses=True,
            )
        )
        self._changes: Batcher[_Waiting, Change | MemRewardError] = Batcher(self._run, CHANGES_AT_ONCE, lambda _: 1)
        self._usage = Usage()
        self._checked = False
        self._listener: asyncio.Task[None] | None = None
        self._closed = False

    async def open(self, wake: Callable[[str], None]) -> None:
        """Listen for claims that end. Raises Unavailable where Redis would drop groups when its memory is full; a Redis
        that is away is asked later."""
        try:
            await self._check_policy()
        except Unavailable:
            await self.close()
            raise
        except (RedisError, OSError) as error:
            _log.warning("the meeting place in Redis, which is not there yet: %s", error)
        self._listener = asyncio.create_task(self._listen(wake), name="rendezvous-listener")

    async def close(self) -> None:
        """Close the connections; the groups stay for the other replicas."""
        self._closed = True  # a cancellation that meets the end of a connect is lost (asyncio before Python 3.12)
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.gather(self._listener, return_exceptions=True)
        await self._changes.close()
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    async def change(self, name: str, event: Event, texts: Texts | None = None) -> Change:
        """Change a group, in one transaction with all that waits."""
        outcome = await self._changes.submit((name, event, texts))
        if isinstance(outcome, MemRewardError):
            raise outcome
        return outcome

    async def texts(self, name: str) -> Texts | None:
        """The texts of a group."""
        with _translated():
            fields: Any = await self._redis.hgetall(_texts_key(name))
            return from_fields(fields) if fields else None

    async def unread(self, finished: bool, seconds: float, count: int) -> Sequence[str]:
        """Groups that nobody has read for so long."""
        with _translated():
            before = await _now(self._redis) - seconds
            names = self._redis.zrange(KINDS[finished], "-inf", before, byscore=True, offset=0, num=count)
            return [str(name) for name in await names]

    def usage(self) -> Usage:
        """How much all replicas hold, as last seen."""
        return self._usage

    async def _check_policy(self) -> None:
        """Raises Unavailable where Redis evicts groups when its memory is full, whether or not it has a bound today:
        one can be set while it runs, and nobody would ask again."""
        try:
            policy = (await self._redis.config_get("maxmemory-policy")).get("maxmemory-policy")
        except ResponseError as error:
            _log.warning("Redis does not say its maxmemory-policy, which must not be an allkeys one: %s", error)
            policy = None
        if policy is not None and policy not in SAFE_POLICIES:
            raise Unavailable(
                f"Redis, in which groups meet, would evict them when its memory is full (maxmemory-policy {policy}): "
                "set its maxmemory-policy to noeviction, or to volatile-lru where it holds other things too, "
                "or set MEMREWARD_RENDEZVOUS=process if there is one replica.",
                retry_after=RETRY_SECONDS,
            )
        self._checked = True

    async def _run(self, batch: Sequence[_Waiting]) -> Sequence[Change | MemRewardError]:
        """What became of each event. No exception leaves: the batcher would run each event alone then."""
        try:
            with _translated():
                if not self._checked:
                    await self._check_policy()
                for _ in range(ATTEMPTS):
                    with contextlib.suppress(WatchError):
                        async with self._redis.pipeline() as pipe:
                            return await self._transaction(pipe, batch)
            raise Overloaded("Too many replicas change the same groups: try again.", retry_after=RETRY_SECONDS)
        except MemRewardError as error:
            return [error_of_its_own(error) for _ in batch]

    async def _transaction(self, pipe: Pipeline, batch: Sequence[_Waiting]) -> Sequence[Change | MemRewardError]:
        names = list(dict.fromkeys(name for name, _, _ in batch))
        keys = [_group_key(name) for name in names]
        await pipe.watch(*keys)
        found: list[Any] = await pipe.mget([*keys, *TOTALS])
        totals = [int(total or 0) for total in found[len(names) :]]
        groups = {name: text and from_json(text) for name, text in zip(names, found, strict=False)}
        before, now = dict(groups), await _now(pipe)
        self._usage = Usage(*totals)
        outcomes, texts = self._happened(batch, groups, now)
        if any(groups[name] is None or groups[name] is not before[name] for name in names):
            pipe.multi()  # type: ignore[no-untyped-call]
            for name in names:
                self._write(pipe, name, before[name], groups[name], texts.get(name))
            for key, total, seen in zip(TOTALS, self._usage, totals, strict=True):
                pipe.incrby(key, total - seen)
            self._usage = Usage(*totals)  # until it is written
            self._usage = Usage(*(await pipe.execute())[-len(TOTALS) :])
        return outcomes

    def _happened(
        self, batch: Sequence[_Waiting], groups: dict[str, HeldGroup | None], now: float
    ) -> tuple[list[Change | MemRewardError], dict[str, Texts]]:
        """Let the events happen to `groups`: what became of each, and the texts to keep. What is held then is counted
        at once, because the events ask how much there is."""
        outcomes: list[Change | MemRewardError] = []
        kept: dict[str, Texts] = {}
        for name, event, texts in batch:
            before = groups[name]
            try:
                after = event(before, now)
            except MemRewardError as error:
                outcomes.append(error)
                continue
            if after != before:
                groups[name] = after
                self._usage = self._usage.changed(usage_of(before), usage_of(after))
                if texts is not None:
                    kept[name] = kept[name].and_more(texts) if name in kept else texts
            outcomes.append(Change(before, groups[name], now))
        return outcomes, kept

    def _write(
        self, pipe: Pipeline, name: str, before: HeldGroup | None, after: HeldGroup | None, texts: Texts | None
    ) -> None:
        """Write what changed."""
        if after is before and after is not None:
            return
        if after is None:
            pipe.delete(_group_key(name), _texts_key(name))
            for kind in KINDS.values():
                pipe.zrem(kind, name)
            return
        pipe.set(_group_key(name), to_json(after))
        pipe.zadd(KINDS[after.finished], {name: after.read_at})
        if after.finished:
            pipe.delete(_texts_key(name))
            pipe.zrem(KINDS[False], name)
        elif texts is not None:
            pipe.hset(_texts_key(name), mapping=to_fields(texts))  # type: ignore[arg-type]
        if before is not None and before.claim is not None and after.claim is None:
            pipe.publish(CHANNEL, name)

    async def _listen(self, wake: Callable[[str], None]) -> None:
        """Pass on what is published. What is missed meanwhile is met at the next look."""
        while not self._closed:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    while not self._closed:
                        message = await channel.get_message(timeout=TIMEOUT_SECONDS)
                        if message is not None:
                            wake(message["data"])
            except (RedisError, OSError) as error:
                _log.warning("not subscribed to %s for now: %s", CHANNEL, error)
                await asyncio.sleep(RETRY_SECONDS)


_Waiting = tuple[str, Event, Texts | None]


async def _now(redis: Redis | Pipeline) -> float:
    """The time by the clock of Redis, which all replicas share."""
    seconds, microseconds = await redis.time()
    return float(seconds + microseconds / 1e6)


def _group_key(name: str) -> str:
    return f"{PREFIX}group:{name}"


def _texts_key(name: str) -> str:
    return f"{PREFIX}texts:{name}"


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Raises Unavailable for what Redis and the network to it raise, Overloaded where its memory is full."""
    try:
        yield
    except OutOfMemoryError as error:
        raise Overloaded(
            f"Redis, in which groups meet, has no memory left: try again in {RETRY_SECONDS:g} s, "
            "or raise its maxmemory.",
            retry_after=RETRY_SECONDS,
        ) from error
    except (RedisError, OSError) as error:
        if type(error) is ResponseError:
            raise  # a command that Redis refuses will be refused again: a defect, not an outage
        _log.warning("the meeting place in Redis: %s", error)
        raise Unavailable(
            "Redis, in which groups meet, does not answer: send the rollout again in a moment.",
            retry_after=RETRY_SECONDS,
        ) from error
