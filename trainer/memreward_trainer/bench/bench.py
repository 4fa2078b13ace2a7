"""`memreward bench`: what a request costs, cold and warm, in the engine and over both transports, side by side.

The baseline is the procedure of the published implementation (published_procedure.py). Embeddings are given to it.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import grpc
import httpx
import torch
from rich.console import Console

from memreward_client.files.rollouts import FileQuery
from memreward_proto import reward_pb2, reward_pb2_grpc
from memreward_proto.errors import MemRewardError
from memreward_proto.records import (
    Domain,
    Experience,
    Group,
    JobStatus,
    Query,
    Rollout,
    StoredRollout,
    TrainingOptions,
)  # fmt: skip
from memreward_service.demo.process import HOST, ServiceProcess, free_port
from memreward_service.demo.rollouts import draw_rollouts
from memreward_service.engine.engine import Engine
from memreward_service.groups.batch import group_batch, parse_groups
from memreward_service.settings import Settings
from memreward_service.store import with_ids
from memreward_trainer.bench.answers import answer_timings
from memreward_trainer.bench.one_by_one import one_by_one_timings
from memreward_trainer.bench.published_procedure import WholeGraphNetwork, whole_graph
from memreward_trainer.bench.timing import Timing

INGEST_QUERIES = 128
SINGLE_REPEATS = 200
MESSAGE_BYTES = 64 * 2**20


def timings(
    folder: Path, memory_queries: int, groups: int, rollouts: int, repeats: int, *, transports: bool, console: Console
) -> list[Timing]:
    """All rows of the table, the baseline first. `folder` keeps the filled memory for the next run.

    `transports`: also over HTTP and gRPC, from a real service process on the same memory.
    """
    queries = [_experience(line, rollouts) for line in draw_rollouts(seed=7, queries=memory_queries + groups)]
    stored, asked = with_ids(queries[:memory_queries]), queries[memory_queries:]
    settings = Settings(data_dir=folder, retrain=False)
    rows = asyncio.run(_engine_timings(settings, stored, asked, repeats, console))
    rows += answer_timings(repeats)
    if not transports:
        return rows
    with _service(settings) as (http_url, grpc_address):
        rows += _http_timings(http_url, asked, repeats)
        rows += _grpc_timings(grpc_address, asked, repeats)
        rows += one_by_one_timings([http_url, f"grpc://{grpc_address}"], asked, repeats)
    return rows


async def _engine_timings(
    settings: Settings, stored: Sequence[Experience], asked: Sequence[Experience], repeats: int, console: Console
) -> list[Timing]:
    console.print(f"Filling a memory of {len(stored)} queries (kept in {settings.data_dir} for the next run) …")
    engine = Engine(settings)
    await engine.start()
    try:
        await _fill(engine, stored)
        groups = [_group(experience, str(place)) for place, experience in enumerate(asked)]
        console.print("Timing …")
        cold = await _timed(
            "engine, cold (new texts)", groups,
            [partial(engine.score, _renamed(groups, n)) for n in range(max(1, repeats // 5))],
        )  # fmt: skip
        await engine.score(groups)
        warm = await _timed("engine, warm", groups, [lambda: engine.score(groups)] * repeats)
        one = await _timed("engine, warm", groups[:1], [lambda: engine.score(groups[:1])] * SINGLE_REPEATS)
        published = await _published(engine, stored, groups, repeats)
    finally:
        await engine.stop()
    return [published, cold, warm, one]


async def _fill(engine: Engine, stored: Sequence[Experience]) -> None:
    for start in range(0, len(stored), INGEST_QUERIES):
        await engine.add_experience(stored[start : start + INGEST_QUERIES])
    await engine.caught_up()
    if engine.ready() is None:
        return
    job = await engine.start_training(TrainingOptions(seeds=1, epochs=10))
    while job.status in (JobStatus.QUEUED, JobStatus.RUNNING):
        await asyncio.sleep(0.2)
        job = engine.training_job(job.job_id)
    if job.error is not None:
        raise MemRewardError(job.error.message)


async def _published(engine: Engine, stored: Sequence[Experience], groups: Sequence[Group], repeats: int) -> Timing:
    """The baseline: see published_procedure.py."""
    parsed = parse_groups([(e, e.rollouts) for e in stored])
    parsed += parse_groups([(group.query, group.rollouts) for group in groups])
    batch = group_batch(parsed, await engine.embed([text for group in parsed for text in group.texts]))
    network = WholeGraphNetwork(batch.query_vectors.shape[1]).eval()
    nodes = {"query": batch.query_vectors, "thinking": batch.thinking_vectors, "answer": batch.answer_vectors}

    torch.set_num_threads(os.cpu_count() or 1)

    async def once() -> None:
        edges = whole_graph(batch.query_vectors.numpy(), batch.thinking_vectors.numpy(), len(stored))
        with torch.inference_mode():
            network(nodes, edges)

    return await _timed("published procedure", groups, [once] * max(2, repeats // 2))


async def _timed(name: str, groups: Sequence[Group], calls: Sequence[Callable[[], Awaitable[object]]]) -> Timing:
    spent = []
    for call in calls:
        began = time.perf_counter()
        await call()
        spent.append(1000 * (time.perf_counter() - began))
    return _timing(name, groups, spent)


def _http_timings(url: str, asked: Sequence[Experience], repeats: int) -> list[Timing]:
    with httpx.Client(base_url=url, timeout=120) as client:

        def ask(some: Sequence[Experience]) -> Callable[[], object]:
            body = {"groups": [_group_json(experience) for experience in some]}
            return lambda: client.post("/v1/rewards", json=body).raise_for_status().json()

        ask(asked)()
        return [
            _clocked("HTTP, warm", asked, ask(asked), repeats),
            _clocked("HTTP, warm", asked[:1], ask(asked[:1]), SINGLE_REPEATS),
        ]


def _grpc_timings(address: str, asked: Sequence[Experience], repeats: int) -> list[Timing]:
    options = [("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.max_send_message_length", MESSAGE_BYTES)]
    with grpc.insecure_channel(address, options) as channel:
        service = reward_pb2_grpc.RewardServiceStub(channel)  # type: ignore[no-untyped-call]

        def ask(some: Sequence[Experience]) -> Callable[[], object]:
            request = reward_pb2.ScoreRewardsRequest(groups=[_group_json(experience) for experience in some])
            return lambda: service.ScoreRewards(request)

        ask(asked)()
        return [
            _clocked("gRPC, warm", asked, ask(asked), repeats),
            _clocked("gRPC, warm", asked[:1], ask(asked[:1]), SINGLE_REPEATS),
        ]


def _clocked(name: str, groups: Sequence[Experience], call: Callable[[], object], repeats: int) -> Timing:
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        spent.append(1000 * (time.perf_counter() - began))
    return _timing(name, groups, spent)


def _timing(name: str, groups: Sequence[Group] | Sequence[Experience], spent: Sequence[float]) -> Timing:
    size = f"{len(groups)} x {len(groups[0].rollouts)}"
    return Timing(f"{name}, {size}", sum(len(group.rollouts) for group in groups), tuple(spent))


@contextmanager
def _service(settings: Settings) -> Iterator[tuple[str, str]]:
    """A real service process on the filled memory."""
    http_port, grpc_port = free_port(0, "--port"), free_port(0, "--grpc-port")
    options = [
        f"--data-dir={settings.data_dir}", f"--http-port={http_port}", f"--grpc-port={grpc_port}",
    ]  # fmt: skip
    with ServiceProcess(options, settings.data_dir / "service.log") as service:
        url = f"http://{HOST}:{http_port}"
        service.await_answer(url)
        while httpx.get(f"{url}/readyz").status_code != httpx.codes.OK:
            time.sleep(0.2)
        yield url, f"{HOST}:{grpc_port}"


def _experience(line: FileQuery, rollouts: int) -> Experience:
    """A made-up query with as many rollouts as asked: those of the file line, in turn, each text made distinct."""
    drawn = line.rollouts
    chosen = [drawn[n % len(drawn)] for n in range(rollouts)]
    texts = [r.response if n < len(drawn) else f"Attempt {n}. {r.response}" for n, r in enumerate(chosen)]
    stored = tuple(
        StoredRollout(text, label=r.label, label_source="reference", policy=r.policy)
        for r, text in zip(chosen, texts, strict=True)
    )
    return Experience(line.query, None, Domain.MATH, "word-problems", rollouts=stored)


def _group(experience: Experience, group_id: str) -> Group:
    rollouts = tuple(Rollout(stored.response) for stored in experience.rollouts)
    return Group(Query(experience.text, f"bench-{group_id}", Domain.MATH), rollouts, group_id)


def _group_json(experience: Experience) -> dict[str, object]:
    return {
        "query": {"text": experience.text, "domain": "math"},
        "rollouts": [{"response": stored.response} for stored in experience.rollouts],
    }


def _renamed(groups: Sequence[Group], number: int) -> list[Group]:
    """The same groups with texts that no cache has seen."""
    mark = f"Case {number}-{os.getpid()}-{time.time_ns()}: "
    return [
        Group(
            Query(mark + group.query.text, group.query.id, group.query.domain),
            tuple(Rollout(mark + rollout.response) for rollout in group.rollouts),
            group.group_id,
        )
        for group in groups
    ]
