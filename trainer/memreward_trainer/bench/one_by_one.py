"""The same rollouts in one request and one by one: what it costs that trainers send each rollout alone.

As many callers as CALLERS take the rollouts in order, group after group, and each waits for the reward of one before it
takes the next, as the workers of a trainer do. All of them and the client's side of it share this machine's cores.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence

from memreward_client import AsyncRewardClient, Group, Query, Rollout, Submission
from memreward_proto.errors import Internal
from memreward_proto.records import Experience
from memreward_trainer.bench.timing import Timing

CALLERS = 32
TRANSPORTS = {"http": "HTTP", "grpc": "gRPC"}
"""Scheme of the service's address, and how the table names it."""


def one_by_one_timings(urls: Sequence[str], asked: Sequence[Experience], repeats: int) -> list[Timing]:
    """For every transport of `urls`, warm and cold (texts that no cache has seen): one request, and one by one."""
    return asyncio.run(_timings(urls, asked, repeats))


async def _timings(urls: Sequence[str], asked: Sequence[Experience], repeats: int) -> list[Timing]:
    rows = []
    for url in urls:
        name = TRANSPORTS[url.partition("://")[0]]
        async with AsyncRewardClient(url) as client:
            await client.score(_groups(asked, ""))
            for state, times in (("warm", repeats), ("cold", max(1, repeats // 5))):
                for way, send in (("one request", _together), (f"one by one, {CALLERS} callers", _one_by_one)):
                    spent = [
                        await _clocked(send, client, _groups(asked, f"{uuid.uuid4()} " if state == "cold" else ""))
                        for _ in range(times)
                    ]
                    size = f"{len(asked)} x {len(asked[0].rollouts)}"
                    rollouts = sum(len(experience.rollouts) for experience in asked)
                    rows.append(Timing(f"{name}, {state}, {way}, {size}", rollouts, tuple(spent)))
    return rows


async def _clocked(
    send: Callable[[AsyncRewardClient, Sequence[Group]], Awaitable[None]],
    client: AsyncRewardClient,
    groups: Sequence[Group],
) -> float:
    began = time.perf_counter()
    await send(client, groups)
    return 1000 * (time.perf_counter() - began)


async def _together(client: AsyncRewardClient, groups: Sequence[Group]) -> None:
    await client.score(groups)


async def _one_by_one(client: AsyncRewardClient, groups: Sequence[Group]) -> None:
    """Raises Internal where a rollout gets no reward: then there is nothing to time."""
    run = uuid.uuid4().hex
    waiting = iter(
        [
            Submission(run, str(place), index, len(group.rollouts), group.query, rollout)
            for place, group in enumerate(groups)
            for index, rollout in enumerate(group.rollouts)
        ]
    )

    async def caller() -> None:
        for submission in waiting:
            reward = await client.submit(submission)
            if reward.status != "ok":
                raise Internal(f"A rollout of the benchmark was answered {reward.status}.")

    async with asyncio.TaskGroup() as callers:
        for _ in range(CALLERS):
            callers.create_task(caller())


def _groups(asked: Sequence[Experience], mark: str) -> list[Group]:
    """The groups as the client sends them, each text behind `mark`."""
    return [
        Group(
            Query(mark + experience.text, domain="math"),
            [Rollout(mark + stored.response) for stored in experience.rollouts],
        )
        for experience in asked
    ]
