"""The meeting place in Redis: several replicas, and what Redis or a replica may do to them."""

from __future__ import annotations

import asyncio
import random

import pytest
from redis import Redis

from conftest import RedisServer, start_redis
from memreward_proto.errors import Overloaded, Unavailable
from memreward_proto.records import LabelBudget, RolloutReward, Source, Status
from memreward_service.rendezvous import MeetingPlace, RedisStorage
from memreward_service.rendezvous.answers import reward_of
from memreward_service.rendezvous.in_redis import CHANNEL, PREFIX, TOTALS
from memreward_service.rendezvous.protocol import Answer, arrival_of
from memreward_service.rendezvous.texts import Texts
from service.rendezvous.replicas import FakeScorer, Replicas, metric, rollout_of, send
from service.waiting import until


@pytest.fixture
def scorers() -> list[FakeScorer]:
    return [FakeScorer(), FakeScorer()]


def answer_of(version: int) -> Answer:
    return Answer(2, False, 1.0, 0.1 + version / 3, Status.OK, None, "m", version)


async def test_the_parts_of_each_group_reach_different_replicas(redis_url: str, scorers: list[FakeScorer]) -> None:
    rng = random.Random(5)
    work = [rollout_of(i, f"{g} {i}", size=8, group=f"g{g}") for g in range(20) for i in range(8)] * 2
    rng.shuffle(work)
    replicas = Replicas(None, redis_url)
    async with replicas.start(scorers[0]) as one, replicas.start(scorers[1]) as two:
        tasks = [task for submission in work for task in send(rng.choice((one, two)), submission)]
        given: dict[tuple[str, int], set[RolloutReward]] = {}
        for answer in await asyncio.gather(*tasks):
            given.setdefault((answer.group_id, answer.rollout_index), set()).add(answer)
    assert len(given) == 160
    assert {len(answers) for answers in given.values()} == {1}
    scored = [*scorers[0].responses, *scorers[1].responses]
    assert sorted(scored) == sorted([f"{g} {i}" for i in range(8)] for g in range(20))
    assert all(scorer.groups for scorer in scorers), "both replicas had a last rollout"


async def test_a_settled_group_wakes_the_other_replica_at_once(redis_url: str, scorers: list[FakeScorer]) -> None:
    replicas = Replicas(None, redis_url, poll_seconds=15.0)
    async with replicas.start(scorers[0]) as one, replicas.start(scorers[1]) as two:
        with Redis.from_url(redis_url) as client:
            await until(lambda: client.pubsub_numsub(CHANNEL) == [(CHANNEL.encode(), 2)])
        (waiting,) = send(one, rollout_of(0, size=2, deadline=10.0))
        await until(lambda: metric("rollouts") == 1)
        last = await two.submit(rollout_of(1, size=2))
        assert (await waiting).status is Status.OK
    assert last.memory_version == 1


async def test_a_lost_message_is_made_up_for_by_looking(
    redis_url: str, scorers: list[FakeScorer], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deaf(*arguments: object) -> None: ...

    monkeypatch.setattr(RedisStorage, "_listen", deaf)
    replicas = Replicas(None, redis_url)
    async with replicas.start(scorers[0]) as one, replicas.start(scorers[1]) as two:
        (waiting,) = send(one, rollout_of(0, size=2))
        await until(lambda: metric("rollouts") == 1)
        await two.submit(rollout_of(1, size=2))
        assert (await waiting).status is Status.OK


async def test_another_replica_takes_over_from_one_that_died_while_it_scored(
    redis_url: str, scorers: list[FakeScorer]
) -> None:
    dead = MeetingPlace(RedisStorage(redis_url), 60.0, 2**30, claim_seconds=0.5)
    group = [rollout_of(i, size=2) for i in range(2)]
    for submission in group:
        await dead.arrive(arrival_of(submission), overdue=False)
    claim = await dead.claim(arrival_of(group[0]).group)
    assert claim is not None
    async with Replicas(None, redis_url).start(scorers[0]) as rendezvous:
        tasks = send(rendezvous, *group)
        answers = await asyncio.gather(*tasks)
        assert len(scorers[0].groups) == 1
        too_late = await dead.settle(claim, {i: answer_of(7) for i in range(2)})
        assert {i: reward_of(group[i], answer) for i, answer in too_late.items()} == dict(enumerate(answers))
        assert await asyncio.gather(*send(rendezvous, *group)) == answers
    await dead.close()


async def test_a_claim_that_runs_out_before_its_texts_are_read_is_none(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = RedisStorage(redis_url)
    one = MeetingPlace(slow, 60.0, 2**30, claim_seconds=0.0)
    two = MeetingPlace(RedisStorage(redis_url), 60.0, 2**30)
    arrivals = [arrival_of(rollout_of(i, size=2)) for i in range(2)]
    for arrival in arrivals:
        await one.arrive(arrival, overdue=False)
    read = slow.texts

    async def texts(name: str) -> Texts | None:
        claim = await two.claim(name)
        assert claim is not None
        await two.settle(claim, {i: answer_of(1) for i in range(2)})
        return await read(name)

    monkeypatch.setattr(slow, "texts", texts)
    assert await one.claim(arrivals[0].group) is None
    assert (await one.arrive(arrivals[0], overdue=False)).answer == answer_of(1)
    await one.close()
    await two.close()


async def test_a_claim_is_renewed_while_its_scoring_goes_on(redis_url: str, scorers: list[FakeScorer]) -> None:
    scorers[0].gate = asyncio.Event()
    replicas = Replicas(None, redis_url)
    async with replicas.start(scorers[0]) as one, replicas.start(scorers[1]) as two:
        tasks = send(one, rollout_of(0, size=2), rollout_of(1, size=2))
        await until(lambda: scorers[0].entered == 1)
        tasks += send(two, rollout_of(0, size=2))
        await asyncio.sleep(1.5)
        assert scorers[1].entered == 0
        scorers[0].gate.set()
        assert {answer.memory_version for answer in await asyncio.gather(*tasks)} == {1}
        assert scorers[1].entered == 0


async def test_a_replica_that_cannot_score_leaves_it_to_the_other(redis_url: str, scorers: list[FakeScorer]) -> None:
    scorers[0].failures = [Unavailable("The store is away.")]
    replicas = Replicas(None, redis_url)
    async with replicas.start(scorers[0]) as one, replicas.start(scorers[1]) as two:
        (other,) = send(two, rollout_of(0, size=2))
        await until(lambda: metric("rollouts") == 1)
        with pytest.raises(Unavailable, match="store is away"):
            await one.submit(rollout_of(1, size=2))
        assert (await other).status is Status.OK
        assert (await one.submit(rollout_of(1, size=2))).memory_version == 1
    assert len(scorers[1].groups) == 1


async def test_redis_away_is_unavailable_and_its_return_is_noticed(
    redis_server: RedisServer, scorers: list[FakeScorer], tmp_path_factory: pytest.TempPathFactory
) -> None:
    replicas = Replicas(None, redis_server.url)
    async with replicas.start(scorers[0]) as one, replicas.start(scorers[1]) as two:
        (waiting,) = send(one, rollout_of(0, size=2))
        await until(lambda: replicas.place.usage().rollouts == 1 or metric("rollouts") == 1)
        redis_server.stop()
        with pytest.raises(Unavailable, match="Redis") as away:
            await one.submit(rollout_of(1, size=2))
        assert away.value.details == {"retry_after": 1.0}
        with pytest.raises(Unavailable):
            await waiting
        port = int(redis_server.url.rsplit(":", 1)[1].split("/")[0])
        again = start_redis(tmp_path_factory.mktemp("again"), port)
        try:
            (waiting,) = send(one, rollout_of(0, size=2))
            await until(lambda: metric("rollouts") == 1)
            assert (await two.submit(rollout_of(1, size=2))).rollouts_present == 2
            assert (await waiting).rollouts_present == 2
        finally:
            again.stop()
    assert sum(len(scorer.groups) for scorer in scorers) == 1


async def test_what_redis_loses_is_put_back_by_those_who_wait(redis_url: str, scorers: list[FakeScorer]) -> None:
    replicas = Replicas(None, redis_url)
    async with replicas.start(scorers[0]) as rendezvous:
        tasks = send(rendezvous, rollout_of(0), rollout_of(1))
        await until(lambda: replicas.place.usage().rollouts == 2)
        with Redis.from_url(redis_url) as client:
            client.flushall()
            await until(lambda: client.zcard(f"{PREFIX}open") == 1)
        assert (await rendezvous.submit(rollout_of(2))).rollouts_present == 3
        assert {answer.rollouts_present for answer in await asyncio.gather(*tasks)} == {3}
    assert replicas.place.usage().rollouts == 3


async def test_nothing_stays_in_redis_for_ever(redis_url: str, scorers: list[FakeScorer]) -> None:
    async with Replicas(None, redis_url).start(scorers[0], keep_seconds=0.1) as rendezvous:
        await rendezvous.submit(rollout_of(0, deadline=0.0))
        await asyncio.gather(*send(rendezvous, *(rollout_of(i, group="finished") for i in range(3))))
        with Redis.from_url(redis_url) as client:
            assert len(client.keys(f"{PREFIX}group:*")) == 2
            await until(lambda: not client.keys(f"{PREFIX}group:*"))
            assert client.keys(f"{PREFIX}texts:*") == []
            assert [int(client.get(key) or 0) for key in TOTALS] == [0, 0, 0, 0]
            answer = await rendezvous.submit(rollout_of(0, size=1, group="next", deadline=0.0))
            assert answer.status is Status.OK
            assert [int(client.get(key) or 0) for key in TOTALS[:3]] == [0, 1, 1]
            assert set(client.keys(f"{PREFIX}*")) == {key.encode() for key in TOTALS} | {
                f"{PREFIX}finished".encode(), f"{PREFIX}group:{arrival_of(rollout_of(0, group='next')).group}".encode()
            }  # fmt: skip


async def test_a_label_that_reaches_another_replica_frees_the_siblings(
    redis_url: str, scorers: list[FakeScorer]
) -> None:
    for scorer in scorers:
        scorer.wanted = [1]
    replicas = Replicas(None, redis_url, poll_seconds=15.0)
    async with replicas.start(scorers[0]) as one, replicas.start(scorers[1]) as two:
        with Redis.from_url(redis_url) as client:
            await until(lambda: client.pubsub_numsub(CHANNEL) == [(CHANNEL.encode(), 2)])
        waiting, asked = send(
            one,
            rollout_of(0, size=2, budget=LabelBudget(0.5, None, 60_000)),
            rollout_of(1, size=2, budget=LabelBudget(0.5, None, 60_000)),
        )
        assert (await asked).status is Status.LABEL_REQUESTED
        again = await two.submit(rollout_of(1, size=2, budget=LabelBudget(0.5, None, 60_000)))
        assert again.status is Status.LABEL_REQUESTED
        told = await two.submit(rollout_of(1, size=2, label=0.25, budget=LabelBudget(0.5, None, 60_000)))
        assert (told.source, told.reward) == (Source.LABEL, 0.25)
        assert (await waiting).source is Source.GNN
    assert sum(scorer.entered for scorer in scorers) == 2


async def opened(url: str, **config: str) -> None:
    with Redis.from_url(url) as client:
        for name, value in config.items():
            client.config_set(name.replace("_", "-"), value)
    async with Replicas(None, url).start(FakeScorer()) as rendezvous:
        await rendezvous.submit(rollout_of(0, size=1))


@pytest.mark.parametrize("policy", ["allkeys-lru", "allkeys-random"])
async def test_a_redis_that_evicts_groups_is_refused(redis_server: RedisServer, policy: str) -> None:
    with pytest.raises(Unavailable, match=f"maxmemory-policy {policy}") as refused:
        await opened(redis_server.url, maxmemory_policy=policy)
    assert "to noeviction" in str(refused.value)
    assert "MEMREWARD_RENDEZVOUS=process" in str(refused.value)
    for safe in ("noeviction", "volatile-lru"):
        await opened(redis_server.url, maxmemory_policy=safe)


async def test_a_redis_that_evicts_what_expires_keeps_groups(redis_server: RedisServer) -> None:
    scorer = FakeScorer()
    with Redis.from_url(redis_server.url) as client:
        client.config_set("maxmemory-policy", "volatile-lru")
        client.config_set("maxmemory", int(client.info("memory")["used_memory"]) + 2**21)
        async with Replicas(None, redis_server.url).start(scorer) as rendezvous:
            await rendezvous.submit(rollout_of(0, "x" * 100_000, size=2, deadline=0.0))
            for number in range(100):
                client.set(f"embedding {number}", "y" * 100_000, ex=3600)
            assert client.info("stats")["evicted_keys"] > 50
            last = await rendezvous.submit(rollout_of(1, size=2))
        assert last.rollouts_present == 2
        assert scorer.responses == [["x" * 100_000, "response 1"]]


async def test_a_redis_that_comes_later_is_asked_before_it_holds_a_group(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    redis_server.stop()
    async with Replicas(None, redis_server.url).start(FakeScorer()) as rendezvous:
        again = start_redis(tmp_path_factory.mktemp("again"), int(redis_server.url.rsplit(":", 1)[1].split("/")[0]))
        try:
            with Redis.from_url(redis_server.url) as client:
                client.config_set("maxmemory-policy", "allkeys-lfu")
                with pytest.raises(Unavailable, match="allkeys-lfu"):
                    await rendezvous.submit(rollout_of(0, size=1))
                client.config_set("maxmemory-policy", "noeviction")
            assert (await rendezvous.submit(rollout_of(0, size=1))).status is Status.OK
        finally:
            again.stop()


async def test_a_redis_that_does_not_say_its_policy_is_taken_with_a_warning(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    with Redis.from_url(redis_server.url) as client:
        client.execute_command("ACL", "SETUSER", "default", "-config")
    await opened(redis_server.url)
    assert "does not say its maxmemory-policy, which must not be an allkeys one" in caplog.text


async def test_a_redis_that_is_full_is_overloaded_and_loses_nothing(redis_server: RedisServer) -> None:
    async with Replicas(None, redis_server.url, poll_seconds=15.0).start(FakeScorer()) as rendezvous:
        waiting = send(rendezvous, rollout_of(0, size=2))
        with Redis.from_url(redis_server.url) as client:
            await until(lambda: client.zcard(f"{PREFIX}open") == 1)
            client.config_set("maxmemory", "1")
            with pytest.raises(Overloaded, match="raise its maxmemory"):
                await rendezvous.submit(rollout_of(1, size=2))
            client.config_set("maxmemory", "0")
        last = await rendezvous.submit(rollout_of(1, size=2))
        assert (await waiting[0]).memory_version == last.memory_version == 1
