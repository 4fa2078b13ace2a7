"""Connections: broken ones, shared ones, those of other threads, loops and processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from client.callers import KINDS, caller, url_of
from client.transport.dropping_proxy import dropping
from memreward_client import (
    AsyncRewardClient,
    Group,
    Query,
    Retries,
    RewardClient,
    Rollout,
    Submission,
)
from memreward_client.transport.open import Connections
from serving import Address, serving


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    with serving() as address:
        yield address


def submission(index: int) -> Submission:
    return Submission("run", f"group-{index // 8}", index % 8, 8, Query("How many?"), Rollout("x" * (index % 10)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_tenth_of_all_chunks_dropped_loses_nothing(kind: str, address: Address) -> None:
    before = len(address.engine.submitted)
    target = int(url_of(address, kind).rpartition(":")[2])
    with dropping(target, 0.1) as proxy:
        url = f"{'grpc' if kind.endswith('grpc') else 'http'}://127.0.0.1:{proxy.port}"
        with caller(kind, url, retries=Retries(first_wait=0.002, longest_wait=0.05)) as client:
            answers = [client.submit(submission(index), deadline=60) for index in range(96)]
            proxy.share = 0.0
    assert proxy.dropped > 5
    assert [(answer.group_id, answer.rollout_index) for answer in answers] == [
        (f"group-{index // 8}", index % 8) for index in range(96)
    ]
    assert [answer.probability for answer in answers[1:10]] == [index / 10 for index in range(1, 10)]
    assert {(sent.key.group_id, sent.rollout_index) for sent in address.engine.submitted[before:]} == {
        (f"group-{index // 8}", index % 8) for index in range(96)
    }


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_threads_share_a_client(kind: str, address: Address) -> None:
    with RewardClient(url_of(address, kind)) as client, ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda index: client.submit(submission(index)), range(200)))
    assert [answer.rollout_index for answer in answers] == [index % 8 for index in range(200)]


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_loops_of_several_threads_share_an_async_client(kind: str, address: Address) -> None:
    client = AsyncRewardClient(url_of(address, kind))

    async def ask(first: int) -> list[int]:
        answers = await asyncio.gather(*(client.submit(submission(first + n)) for n in range(40)))
        await client.close()
        return [answer.rollout_index for answer in answers]

    with ThreadPoolExecutor(4) as threads:
        asked = list(threads.map(lambda first: asyncio.run(ask(first)), range(4)))
    assert asked == [[(first + n) % 8 for n in range(40)] for first in range(4)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_closed_client_may_be_used_again(kind: str, address: Address) -> None:
    with caller(kind, url_of(address, kind)) as client:
        assert len(client.models()) == 2
        client.close()
        assert len(client.models()) == 2


@pytest.mark.parametrize("kind", ["http", "grpc"])
async def test_a_cancelled_call_leaves_the_client_usable(kind: str, address: Address) -> None:
    address.engine.gate = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_gate(), address.loop))
    groups = [Group(Query("?"), [Rollout("r")])]
    async with AsyncRewardClient(url_of(address, kind)) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.score(groups), 0.2)
        address.loop.call_soon_threadsafe(address.engine.gate.set)
        assert (await client.score(groups)).model_version == "m-2"
    address.engine.gate = None


async def _gate() -> asyncio.Event:
    return asyncio.Event()


ELSEWHERE = "import pickle, sys; print(len(pickle.load(sys.stdin.buffer).models()))"


def _asked_elsewhere(client: RewardClient) -> tuple[int, int]:
    return os.getpid(), len(client.models())


@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_a_pickled_client_works_in_another_process(kind: str, address: Address) -> None:
    with RewardClient(url_of(address, kind), "key", deadline=60) as client:
        client.models()
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE], input=pickle.dumps(client), capture_output=True, check=True
        )
    assert done.stdout == b"2\n"


def test_a_forked_process_opens_connections_of_its_own(address: Address) -> None:
    with RewardClient(address.http, deadline=60) as client:
        client.models()
        with multiprocessing.get_context("fork").Pool(1) as pool:
            process, models = pool.apply(_asked_elsewhere, (client,))
        assert (process != os.getpid(), models) == (True, 2)
        assert len(client.models()) == 2


@pytest.mark.parametrize("kind", [RewardClient, AsyncRewardClient])
def test_a_pickled_client_is_its_configuration(kind: Any) -> None:
    client = kind("grpc://host", "s3cret", timeout=7, retries=Retries(attempts=3), await_service=False)
    again = pickle.loads(pickle.dumps(client))
    assert again.__getstate__() == client.__getstate__()
    assert again.__getstate__().address.api_key == "s3cret"
    for shown in (repr(again), str(again), repr(again.__getstate__())):
        assert "s3cret" not in shown


def test_a_loop_keeps_its_transport_and_a_closed_one_gives_it_up() -> None:
    class Opened:
        pass

    opened = Connections(Opened, asyncio.get_running_loop)

    async def used() -> weakref.ref[Opened]:
        assert opened.current() is opened.current()
        return weakref.ref(opened.current())

    first, second = asyncio.run(used()), asyncio.run(used())
    assert first() is None
    assert second() is not None

    async def taken() -> list[Opened | None]:
        current = opened.current()
        return [current, opened.take(), opened.take()]

    current, took, again = asyncio.run(taken())
    assert took is current
    assert again is None
