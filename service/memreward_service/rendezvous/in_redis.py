"""The meeting place in Redis: the rollouts of a group may reach different replicas, and any of them scores it.

What must happen in one step is a Lua script (rendezvous/lua.py). Who scores holds a claim that expires unless it is
renewed, so that another replica takes over from one that died. Answers are written once. A replica hears of settled
groups on one channel; a message may be lost, so calls look by themselves now and then, and a look puts back what
Redis lost meanwhile. Redis away is Unavailable: to go on in process would split groups between replicas.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError, ResponseError

from memreward_proto.errors import Unavailable
from memreward_proto.records import LabelRequest, Rollout, RolloutReward
from memreward_service.rendezvous.gauges import FREED
from memreward_service.rendezvous.group_json import (
    answer_from,
    key_from,
    query_from,
    request_from,
    rollout_from,
    to_json,
)
from memreward_service.rendezvous.lua import ARRIVE, ASK, CLAIM, RELEASE, RENEW, SETTLE
from memreward_service.rendezvous.protocol import (
    OVERHEAD_BYTES,
    RETRY_SECONDS,
    SHARE_OF_NEW_GROUPS,
    Arrival,
    Claim,
    Held,
    Standing,
    full,
    other_group,
    other_rollout,
)

POLL_SECONDS = 2.0
"""How often a waiting call looks without being woken."""
CLAIM_SECONDS = 6.0
"""How long a claim outlives the replica that held it; it is renewed three times in that."""
TIMEOUT_SECONDS = 2.0
"""How long Redis may take for one step."""
CONNECTIONS = 32
"""Connections of one replica at most; more calls take turns."""
TURN_SECONDS = 10.0
"""How long a call waits for its turn."""
PREFIX = "{memreward:rendezvous}:"
"""Of every key; the braces keep them together on one node of a cluster."""
GROUP_PREFIX = PREFIX + "group:"
CHANNEL = PREFIX + "settled"
TOTALS = [PREFIX + "sizes", PREFIX + "expiry", PREFIX + "finished"]

_log = logging.getLogger(__name__)


class RedisPlace:
    """Groups in Redis. Lives on one event loop."""

    def __init__(
        self, url: str, keep_seconds: float, max_bytes: int,
        poll_seconds: float = POLL_SECONDS, claim_seconds: float = CLAIM_SECONDS,
    ) -> None:  # fmt: skip
        """Connects when it is first used. Raises ValueError for a malformed URL."""
        self.poll_seconds: float | None = poll_seconds
        # A call that waits puts the end of its group off whenever it looks: four looks may fail or be late.
        self._unread_ms = round(1000 * 4 * poll_seconds)
        self._keep_ms = round(1000 * keep_seconds) + self._unread_ms
        self._max_bytes = max_bytes
        self._claim_seconds = claim_seconds
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
        self._arrive = self._redis.register_script(ARRIVE)
        self._claim = self._redis.register_script(CLAIM)
        self._settle = self._redis.register_script(SETTLE)
        self._ask = self._redis.register_script(ASK)
        self._release = self._redis.register_script(RELEASE)
        self._renew = self._redis.register_script(RENEW)
        self._claims: dict[str, Claim] = {}
        self._held = Held(0, 0, 0, 0)
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    async def open(self, wake: Callable[[str], None]) -> None:
        """Listen for settled groups, renew claims."""
        self._tasks = [
            asyncio.create_task(self._listen(wake), name="rendezvous-listener"),
            asyncio.create_task(self._renew_claims(), name="rendezvous-claims"),
        ]

    async def close(self) -> None:
        """Close the connections; the groups stay for the other replicas."""
        self._closed = True  # a cancellation that meets the end of a connect is lost (asyncio before Python 3.12)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    async def arrive(self, arrival: Arrival, overdue: bool) -> Standing:
        """Hold the rollout if it is new. Raises Conflict, Overloaded, Unavailable."""
        given = arrival.submission
        standing = await self._stand(
            arrival, overdue, to_json(given.rollout), to_json(given.query), to_json(given.key), given.group_size
        )
        assert standing is not None, "a rollout that comes with its text is held, or refused"
        return standing

    async def look(self, arrival: Arrival, overdue: bool) -> Standing:
        """How things are now; a rollout that Redis lost is put back."""
        standing = await self._stand(arrival, overdue, "", "", "", 0)
        return await self.arrive(arrival, overdue) if standing is None else standing

    def leave(self, arrival: Arrival) -> None:
        """Nothing: the group expires when nobody looks any more."""

    async def claim(self, group: str) -> Claim | None:
        """The right to score what is due; None where nothing is, or another replica has it."""
        token = uuid.uuid4().hex
        claimed = await self._run(
            self._claim([GROUP_PREFIX + group, _claim_key(group)], [token, round(1000 * self._claim_seconds)])
        )
        if claimed is None:
            return None
        claim = _claim(group, token, claimed[0], dict(_pairs(claimed[1])))
        self._claims[token] = claim
        return claim

    async def settle(self, claim: Claim, answers: Sequence[RolloutReward]) -> Mapping[int, RolloutReward]:
        """Keep the first answers written, and tell all replicas."""
        given = [
            each for index, answer in zip(claim.settles, answers, strict=True) for each in (index, to_json(answer))
        ]
        arguments: list[Any] = [claim.token, claim.group, self._keep_ms, OVERHEAD_BYTES, CHANNEL, *given]
        settled, totals = await self._run(
            self._settle([GROUP_PREFIX + claim.group, _claim_key(claim.group), *TOTALS], arguments)
        )
        self._held = Held(*totals)
        self._claims.pop(claim.token, None)
        return {index: answer_from(text) for index, text in zip(claim.settles, settled, strict=False)}

    async def ask(self, claim: Claim, index: int, request: LabelRequest, seconds: float) -> None:
        """End the claim without answers, and await a label; all replicas hear of it."""
        arguments: list[Any] = [claim.token, claim.group, CHANNEL, index, round(1000 * seconds), to_json(request)]
        await self._run(self._ask([GROUP_PREFIX + claim.group, _claim_key(claim.group)], arguments))
        self._claims.pop(claim.token, None)

    async def release(self, claim: Claim) -> None:
        """End a claim without answers; other replicas may try."""
        self._claims.pop(claim.token, None)
        await self._run(self._release([_claim_key(claim.group)], [claim.token, claim.group, CHANNEL]))

    def held(self) -> Held:
        """How much all replicas hold, as last seen."""
        return self._held

    async def _stand(
        self, arrival: Arrival, overdue: bool, rollout: str, query: str, key: str, size: int
    ) -> Standing | None:
        given = arrival.submission
        arguments: list[Any] = [
            arrival.group, given.rollout_index, arrival.facts, arrival.content, int(given.allow_partial), int(overdue),
            self._keep_ms, GROUP_PREFIX, self._unread_ms, self._max_bytes, SHARE_OF_NEW_GROUPS,
            arrival.query_bytes, arrival.rollout_bytes, rollout, query, key, size,
            "" if given.rollout.label is None else repr(given.rollout.label), int(given.no_label),
            int(given.label_budget is not None),
        ]  # fmt: skip
        word, *numbers = await self._run(self._arrive([GROUP_PREFIX + arrival.group, *TOTALS], arguments))
        if word == "other group":
            raise other_group(arrival)
        if word == "other rollout":
            raise other_rollout(arrival)
        if word == "full":
            raise full(self._max_bytes)
        if word == "unknown":
            return None
        present, due, answer, known, request, awaited_ms, freed, totals = numbers
        FREED.inc(freed)
        self._held = Held(*totals)
        return Standing(
            present=present,
            due=bool(due),
            answer=answer_from(answer) if answer else None,
            known=bool(known),
            request=request_from(request) if request else None,
            lapses_seconds=awaited_ms / 1000 if awaited_ms else None,
        )

    async def _run(self, step: Awaitable[Any]) -> Any:
        with _translated():
            return await step

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

    async def _renew_claims(self) -> None:
        """Keep the claims of this replica alive. One that is lost all the same is scored twice, and settled once."""
        while not self._closed:
            await asyncio.sleep(self._claim_seconds / 3)
            for claim in list(self._claims.values()):
                with contextlib.suppress(Unavailable):
                    await self._run(
                        self._renew([_claim_key(claim.group)], [claim.token, round(1000 * self._claim_seconds)])
                    )


def _claim_key(group: str) -> str:
    return f"{PREFIX}claim:{group}"


def _pairs(flat: Sequence[str]) -> Iterator[tuple[str, str]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _claim(group: str, token: str, due: Sequence[int], fields: Mapping[str, str]) -> Claim:
    """The claim to a group from the fields of its hash."""
    size = int(fields["size"])
    return Claim(
        group=group,
        token=token,
        key=key_from(fields["key"]),
        query=query_from(fields["query"]),
        group_size=size,
        rollouts={i: _rollout(fields, i) for i in range(size) if f"rollout:{i}" in fields},
        settles=tuple(due),
        late=int(fields["answered"]) > 0,
        overdue="overdue" in fields,
        unlabelled=frozenset(
            i for i in range(size) if f"unlabelled:{i}" in fields or fields.get(f"verifies:{i}") != "1"
        ),
    )


def _rollout(fields: Mapping[str, str], index: int) -> Rollout:
    """A rollout with the label that came with it, or later."""
    label = fields.get(f"label:{index}")
    return replace(rollout_from(fields[f"rollout:{index}"]), label=None if label is None else float(label))


@contextmanager
def _translated() -> Iterator[None]:
    """Raises Unavailable for what Redis and the network to it raise."""
    try:
        yield
    except (RedisError, OSError) as error:
        if type(error) is ResponseError:
            raise  # a script that Redis refuses will be refused again: a defect, not an outage
        _log.warning("the meeting place in Redis: %s", error)
        raise Unavailable(
            "Redis, in which groups meet, does not answer: send the rollout again in a moment.",
            retry_after=RETRY_SECONDS,
        ) from error
