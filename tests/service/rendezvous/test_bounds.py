"""What the rendezvous may hold, and for how long, at both meeting places."""

from __future__ import annotations

import asyncio

import pytest

from memreward_proto.errors import Overloaded, TooLarge
from memreward_proto.records import Status
from service.rendezvous.replicas import FakeScorer, Replicas, metric, rollout_of, send
from service.waiting import until


async def test_memory_is_bounded_and_finished_groups_go_first(replicas: Replicas, scorer: FakeScorer) -> None:
    long = "x" * 150_000
    async with replicas.start(scorer, max_bytes=2**20) as rendezvous:
        finished = await asyncio.gather(*send(rendezvous, *(rollout_of(i, long, size=2) for i in range(2))))
        assert metric("bytes") < 20_000, "a finished group holds no texts"
        for number in range(5):
            asked = rollout_of(0, long, size=2, group=f"open {number}", deadline=0.0)
            assert (await rendezvous.submit(asked)).status is Status.TIMEOUT
        assert 750_000 < metric("bytes") < 2**20
        with pytest.raises(Overloaded, match="MAX_BYTES") as refused:
            await rendezvous.submit(rollout_of(0, long * 2, size=2, group="one too many"))
        assert refused.value.details == {"retry_after": 1.0, "limit": 2**20}
        assert replicas.place.usage().open_groups == 5

        # The last tenth is for siblings, which let a group finish, and a finished group lets others in.
        with pytest.raises(Overloaded):
            await rendezvous.submit(rollout_of(0, long, size=2, group="one too many"))
        (sibling,) = await asyncio.gather(*send(rendezvous, rollout_of(1, "short", size=2, group="open 0")))
        assert sibling.status is Status.OK
        asked = rollout_of(0, long, size=2, group="one too many", deadline=0.0)
        assert (await rendezvous.submit(asked)).status is Status.TIMEOUT
        again = await rendezvous.submit(rollout_of(1, long, size=2))
        assert again == finished[1]
        with pytest.raises(TooLarge):
            await rendezvous.submit(rollout_of(0, long * 7, group="never"))


async def test_finished_groups_make_room(replicas: Replicas, scorer: FakeScorer) -> None:
    freed = metric("groups_freed_total")
    async with replicas.start(scorer, max_bytes=2**20) as rendezvous:
        for number in range(110):
            await rendezvous.submit(rollout_of(0, size=1, group=f"old {number}"))
        await asyncio.sleep(1.0)  # in Redis, the time in which the callers of a replica may still read them
        asked = rollout_of(0, "x" * 400_000, size=2, deadline=0.0)
        assert (await rendezvous.submit(asked)).status is Status.TIMEOUT
        held = replicas.place.usage()
        assert held.open_groups == 1
        assert 10 < held.finished_groups < 100
        assert metric("groups_freed_total") - freed == 110 - held.finished_groups


async def test_calls_that_wait_are_bounded_too(replicas: Replicas, scorer: FakeScorer) -> None:
    long = "x" * 300_000
    async with replicas.start(scorer, max_bytes=2**20) as rendezvous:
        tasks = send(rendezvous, *[rollout_of(0, long)] * 3)
        await until(lambda: metric("calls_waiting") == 3)
        with pytest.raises(Overloaded):
            await rendezvous.submit(rollout_of(0, long))
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])
        tasks += send(rendezvous, rollout_of(0, long), rollout_of(1), rollout_of(2))
        assert len({(await task).memory_version for task in tasks[1:]}) == 1


async def test_groups_that_nobody_waits_for_are_freed(replicas: Replicas, scorer: FakeScorer) -> None:
    freed = metric("groups_freed_total")
    async with replicas.start(scorer, keep_seconds=0.1) as rendezvous:
        waiting = send(rendezvous, rollout_of(0, group="waited for"))
        await rendezvous.submit(rollout_of(0, size=1, group="finished"))
        assert (await rendezvous.submit(rollout_of(0, deadline=0.0))).rollouts_present == 1
        await asyncio.sleep(2.0)
        fresh = await rendezvous.submit(rollout_of(1, deadline=0.0))
        assert fresh.rollouts_present == 1, "the first rollout has gone"
        assert metric("groups_freed_total") == freed + 2
        held = replicas.place.usage()
        assert (held.open_groups, held.finished_groups, held.rollouts) == (2, 0, 2)
        waiting += send(rendezvous, rollout_of(1, group="waited for"), rollout_of(2, group="waited for"))
        assert {(await task).rollouts_present for task in waiting} == {3}
        scored = len(scorer.groups)
        await rendezvous.submit(rollout_of(0, size=1, group="finished"))
        assert len(scorer.groups) == scored + 1, "expired answers are no answers"
