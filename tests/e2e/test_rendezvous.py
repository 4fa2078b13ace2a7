"""Rollouts sent one by one to real services: two replicas that share a Redis, kill -9, restarts, callers that leave.

No client is used: a caller here is a POST, sent again wherever a service answers, as often as it takes.
"""

from __future__ import annotations

import asyncio
import random
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import RedisServer
from e2e.conftest import Trained
from e2e.service_process import PATIENCE_SECONDS, ServiceProcess, running, start_service

pytestmark = pytest.mark.slow

SCORED = 'memreward_rendezvous_groups_scored_total{kind="complete"}'
Bodies = list[dict[str, Any]]


@dataclass
class Callers:
    """Callers of `services`, and every answer that each rollout got."""

    services: list[ServiceProcess]
    seed: int
    answers: defaultdict[tuple[str, int], list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    refused: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.http = httpx.AsyncClient(timeout=PATIENCE_SECONDS, limits=httpx.Limits(max_connections=None))

    async def send(self, body: dict[str, Any]) -> None:
        """One caller: it keeps sending until it has an answer."""
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            while True:
                service = self.random.choice(self.services)
                try:
                    response = await self.http.post(f"{service.url}/v1/rollouts", json=body)
                except httpx.TransportError:
                    self.refused += 1
                    await asyncio.sleep(0.05)
                    continue
                if response.status_code == 503:
                    assert response.headers["retry-after"] == "1"
                    await asyncio.sleep(0.05)
                    continue
                assert response.status_code == 200, response.text
                self.answers[body["group_id"], body["rollout_index"]].append(response.json())
                return

    async def send_and_hang_up(self, body: dict[str, Any]) -> None:
        """A caller that closes its connection in the middle of the wait, and then starts over."""
        service = self.random.choice(self.services)
        async with httpx.AsyncClient() as http:
            task = asyncio.create_task(http.post(f"{service.url}/v1/rollouts", json=body))
            await asyncio.sleep(self.random.uniform(0.0, 0.3))
            task.cancel()
            await asyncio.wait([task])
        await self.send(body)

    def check(self, groups: Bodies, count: int) -> None:
        """Every rollout of `groups` has one answer, `count` times or more: that of the whole group, scored at once."""
        for body in groups:
            given = self.answers[body["group_id"], body["rollout_index"]]
            assert len(given) >= count
            assert all(answer == given[0] for answer in given)
            assert (given[0]["status"], given[0]["partial"], given[0]["rollouts_present"]) == ("ok", False, 8)

    def check_rewards(self, trained: Trained, first: int, count: int) -> None:
        """The answers are those that the groups get in one request, to the service that is alive to the end."""
        asked = wanted(trained, first, count)
        expected = [group["rollouts"] for group in self.services[-1].post("/v1/rewards", asked)["groups"]]
        for place, rollouts in enumerate(expected, first):
            given = [self.answers[f"group {place}", index][0] for index in range(8)]
            assert [answer["probability"] for answer in given] == pytest.approx(
                [rollout["probability"] for rollout in rollouts], abs=1e-5
            )
            assert [answer["reward"] for answer in given] == [rollout["reward"] for rollout in rollouts]


def wanted(trained: Trained, first: int, count: int) -> dict[str, Any]:
    return {"groups": trained.groups(first + count)[first:]}


def one_by_one(trained: Trained, first: int, count: int) -> Bodies:
    """The rollouts of `count` groups, each as a body of its own, group after group."""
    return [
        {
            "run_id": "e2e", "group_id": f"group {place}", "rollout_index": index, "group_size": 8,
            "query": group["query"], "rollout": rollout, "deadline_ms": 60_000,
        }
        for place, group in enumerate(wanted(trained, first, count)["groups"], first)
        for index, rollout in enumerate(group["rollouts"])
    ]  # fmt: skip


async def until_true(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def copy_of(trained: Trained, folder: Path) -> Path:
    shutil.copytree(trained.folder, folder)
    return folder


async def test_the_parts_of_each_group_reach_two_replicas(
    trained: Trained, redis_server: RedisServer, tmp_path: Path
) -> None:
    shared = ("--redis-url", redis_server.url, "--rendezvous", "redis")
    with (
        running(copy_of(trained, tmp_path / "one"), *shared) as one,
        running(copy_of(trained, tmp_path / "two"), *shared) as two,
    ):
        for service in (one, two):
            await asyncio.to_thread(service.until_ready)
        callers = Callers([one, two], seed=1)
        bodies = one_by_one(trained, 0, 10)
        order = [*bodies, *callers.random.sample(bodies, 16)]
        callers.random.shuffle(order)
        leaving = callers.random.sample(range(len(order)), len(order) // 10)
        sends = [
            callers.send_and_hang_up(body) if place in leaving else callers.send(body)
            for place, body in enumerate(order)
        ]
        await asyncio.gather(*sends)
        await asyncio.gather(*map(callers.send, bodies))
        callers.check(bodies, 2)
        callers.check_rewards(trained, 0, 10)
        scored = [service.metric(SCORED) for service in (one, two)]
        assert sum(scored) == 10, "each group is scored once"
        calls = [service.metric("memreward_rendezvous_wait_seconds_count") for service in (one, two)]
        assert min(calls) > 40, "both had a share of the rollouts"
        assert one.metric('memreward_rendezvous_groups{state="open"}') == 0
        await callers.http.aclose()


async def test_a_replica_that_is_killed_leaves_its_callers_to_the_other(
    trained: Trained, redis_server: RedisServer, tmp_path: Path
) -> None:
    shared = ("--redis-url", redis_server.url, "--rendezvous", "redis")
    with (
        running(copy_of(trained, tmp_path / "one"), *shared) as one,
        running(copy_of(trained, tmp_path / "two"), *shared) as two,
    ):
        for service in (one, two):
            await asyncio.to_thread(service.until_ready)
        await killed_in_the_middle(trained, Callers([one, two], seed=2), one, lambda: None)
        assert two.metric('memreward_rendezvous_groups{state="open"}') == 0


async def test_a_process_that_is_killed_and_started_again_answers_everybody_once(
    trained: Trained, tmp_path: Path
) -> None:
    folder = copy_of(trained, tmp_path / "data")
    service = start_service(folder)
    again: list[ServiceProcess] = []

    def restart() -> None:
        again.append(start_service(folder, at=(service.http_port, service.grpc_port)))

    try:
        service.until_ready()
        await killed_in_the_middle(trained, Callers([service], seed=3), service, restart)
    finally:
        for process in (service, *again):
            process.kill()


async def killed_in_the_middle(
    trained: Trained, callers: Callers, victim: ServiceProcess, restart: Callable[[], None]
) -> None:
    """Three groups are answered, three wait for siblings and three are just being sent when the victim dies."""
    answered, waiting, sent = (one_by_one(trained, first, 3) for first in (0, 3, 6))
    await asyncio.gather(*map(callers.send, answered))
    tasks = [asyncio.create_task(callers.send(body)) for body in waiting if body["rollout_index"] < 5]
    services = callers.services
    await until_true(
        lambda: sum(service.metric("memreward_rendezvous_calls_waiting") for service in services) == len(tasks)
    )
    tasks += [asyncio.create_task(callers.send(body)) for body in sent]
    await asyncio.sleep(0.2)
    victim.kill()
    await asyncio.to_thread(restart)
    tasks += [asyncio.create_task(callers.send(body)) for body in waiting if body["rollout_index"] >= 5]
    await asyncio.gather(*tasks)
    assert callers.refused > 0
    every = [*answered, *waiting, *sent]
    await asyncio.gather(*map(callers.send, every))
    callers.check(every, 2)
    callers.check_rewards(trained, 0, 9)
    await callers.http.aclose()
