"""No call of the engine waits for the database on the event loop: while one waits, everybody else is answered."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection

from memreward_proto.errors import Conflict
from memreward_proto.records import Label, LabelBudget, LabelCharge, TrainingJob, TrainingOptions
from memreward_service.http.app import application
from memreward_service.settings import Settings
from memreward_service.store.database import Database
from service.empty_engines import NEW, ended, fill, save_model, submitted
from service.engines import StartEngine
from service.synthetic_groups import with_labels
from service.waiting import until

BLOCKED_SECONDS = 10.0
"""How long a call waits for a database that is away: with PostgreSQL it is the time-out of a connection."""


class SlowDatabase:
    """All uses of the database; while it is `away` they wait."""

    def __init__(self) -> None:
        self.loop_thread = threading.get_ident()
        self.on_the_loop = 0
        self.waiting = 0
        self.back = threading.Event()
        self.back.set()

    def away(self) -> None:
        self.back.clear()

    @contextmanager
    def met(self, used: AbstractContextManager[Connection]) -> Iterator[Connection]:
        self.on_the_loop += threading.get_ident() == self.loop_thread
        self.waiting += 1
        self.back.wait(BLOCKED_SECONDS)
        self.waiting -= 1
        with used as connection:
            yield connection


@pytest.fixture
async def database(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SlowDatabase]:
    slow = SlowDatabase()
    for name in ("read", "write"):
        used = getattr(Database, name)
        monkeypatch.setattr(Database, name, lambda self, used=used: slow.met(used(self)))
    yield slow
    slow.back.set()


async def test_no_call_uses_the_database_on_the_event_loop(
    begin: StartEngine, database: SlowDatabase, tmp_path: Path
) -> None:
    empty = await begin("empty")
    save_model(tmp_path / "data")
    engine = await begin()
    await until(lambda: engine.ready() is None)
    database.on_the_loop = 0  # to open a store is done before the loop has anything to do
    charge = LabelCharge("run", 1, LabelBudget(share=0.5))
    await fill(engine)
    await engine.add_labels([Label("q1/0", 1.0, "expert")])
    await engine.score([with_labels(NEW[3], [1.0, *[None] * 4])])
    await engine.beliefs(NEW)
    await engine.plan_labels(NEW, 3, charge)
    await empty.plan_labels(NEW, 3, charge)
    await submitted(engine, NEW[2])
    await engine.label_spending("run")
    await engine.list_experience(None, 10)
    await engine.query("q1")
    await engine.similar_queries("text", 3)
    await engine.memory_status()
    model = (await engine.models())[0].model_version
    job = await engine.start_training(TrainingOptions())
    await ended(engine, job.job_id)
    await engine.activate_model(model)
    await engine.trust()
    await engine.caught_up()
    await engine.stop()
    await empty.stop()
    assert database.on_the_loop == 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/memory", None),
        ("POST", "/v1/training", {}),
        ("GET", "/v1/queries?text=one&k=3", None),
        ("GET", "/v1/label-spending?run_id=run", None),
        ("POST", "/v1/experience", {"queries": [{"text": "new", "rollouts": [{"response": "1"}]}]}),
    ],
)
async def test_the_service_is_alive_while_the_database_is_away(
    begin: StartEngine, database: SlowDatabase, method: str, path: str, body: Any
) -> None:
    engine = await begin(snapshot_seconds=3600)
    await fill(engine)
    app = application(engine, Settings())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        database.away()
        waiting = asyncio.create_task(client.request(method, path, json=body, timeout=60))
        await until(lambda: database.waiting)
        alive = await client.get("/healthz", timeout=60)
        assert (alive.status_code, waiting.done()) == (200, False)
        database.back.set()
        assert (await waiting).status_code in (200, 202)


async def test_two_trainings_that_are_asked_for_at_once_are_one(begin: StartEngine, database: SlowDatabase) -> None:
    engine = await begin()
    await fill(engine)
    database.away()
    both = [asyncio.create_task(engine.start_training(TrainingOptions())) for _ in range(2)]
    await until(lambda: database.waiting)
    database.back.set()
    ended = await asyncio.gather(*both, return_exceptions=True)
    job, refused = sorted(ended, key=lambda one: isinstance(one, Conflict))
    assert isinstance(job, TrainingJob)
    assert isinstance(refused, Conflict)
    assert refused.details == {"job_id": job.job_id}
