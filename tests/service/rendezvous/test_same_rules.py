"""Whatever happens to a group, it gives the same answers in this process and in Redis."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from memreward_proto.errors import Conflict
from memreward_proto.records import LabelBudget, LabelRequest, PlanReason, Status
from memreward_service.rendezvous import Claim, MeetingPlace, ProcessStorage, RedisStorage
from memreward_service.rendezvous.place import Storage
from memreward_service.rendezvous.protocol import Answer, RolloutState, arrival_of
from memreward_service.store import ExperienceStore
from service.rendezvous.replicas import rollout_of

SIZE = 3
Step = tuple[Any, ...]


def random_history(rng: random.Random) -> list[Step]:
    """Siblings come; some things happen among them, and more after them."""

    def arrival(index: int) -> Step:
        text, label = rng.choice(["text"] * 30 + ["other"]), rng.choice([None] * 12 + [0.0, 1.0])
        at, budget = (
            rng.choice([None] * 20 + [1, 1, 2]),
            rng.choice([LabelBudget(0.5, None, 60_000)] * 20 + [None, LabelBudget(0.25, None, 60_000)]),
        )
        no_label, partial, overdue = rng.random() < 0.05, rng.random() < 0.5, rng.random() < 0.1
        return ("arrive", index, text, label, no_label, partial, overdue, at, budget)

    def later() -> list[Step]:
        index = rng.randrange(SIZE)
        ask = [("ask", index, rng.choice([0.0, 3600.0])), arrival(index)]
        return rng.choice(
            [[arrival(index)], [("claim",)], [("claim",), *ask], [("claim",), ("settle",)], [("release",)]]
        )

    steps = [arrival(index) for index in rng.sample(range(SIZE), SIZE)]
    for _ in range(rng.randrange(2, 10)):
        place = rng.randint(1, len(steps))
        steps[place:place] = later()
    return steps


async def history(storage: Storage, claim_seconds: float, name: str, steps: list[Step]) -> list[object]:
    """What each of the steps led to."""
    place = MeetingPlace(storage, 600.0, 2**30, claim_seconds=claim_seconds)
    claims: list[Claim] = []
    seen: list[object] = []
    for number, step in enumerate(steps):
        try:
            seen.append(await led_to(place, name, number, step, claims))
        except Conflict as error:
            seen.append(f"{error} {error.details}")
        seen.append(place.usage().rollouts)
    await place.close()
    return seen


async def led_to(place: MeetingPlace, name: str, number: int, step: Step, claims: list[Claim]) -> object:
    match step:
        case ("arrive", index, text, label, no_label, partial, overdue, at, budget):
            one = rollout_of(index, text, size=SIZE, group=name, partial=partial, label=label, budget=budget)
            arrival = arrival_of(replace(one, no_label=no_label, step=at))
            state = await place.arrive(arrival, overdue and partial)
            return replace(state, lapses_seconds=None if state.lapses_seconds is None else 1.0)
        case ("claim",):
            claim = await place.claim(arrival_of(rollout_of(0, group=name)).group)
            claims.extend([] if claim is None else [claim])
            return None if claim is None else replace(claim, token="")
    if not claims:
        return None
    match step:  # a claim that ended before ends again, as one does that was lost
        case ("settle",):
            answer = Answer(number, False, 1 / 3, 0.1, Status.OK, None, "m", number)
            return await place.settle(claims[-1], dict.fromkeys(claims[-1].settles, answer))
        case ("ask", index, seconds):
            present = sorted(claims[-1].rollouts)
            await place.ask(claims[-1], present[index % len(present)], LabelRequest(PlanReason.MAJORITY, 0.5), seconds)
        case _:
            await place.release(claims[-1])
    return None


def test_the_same_events_give_the_same_answers(redis_url: str, store: ExperienceStore) -> None:
    kinds: Counter[str] = Counter()
    for seed in range(150):
        rng, name = random.Random(seed), f"g{seed}"
        steps, claim_seconds = random_history(rng), rng.choice([0.0, 3600.0])
        in_process = asyncio.run(history(ProcessStorage(store, 600.0), claim_seconds, name, steps))
        with Redis.from_url(redis_url) as client:
            client.flushall()
        in_redis = asyncio.run(history(RedisStorage(redis_url), claim_seconds, name, steps))
        assert in_process == in_redis, (seed, steps)
        kinds.update(filter(None, map(kind, in_process)))
    assert min(kinds[each] for each in KINDS) > 5, kinds


KINDS = ("settled", "asked", "late claim", "claim", "conflict", "answered")


def kind(seen: object) -> str | None:
    match seen:
        case Claim():
            return "late claim" if seen.late else "claim"
        case RolloutState():
            return "asked" if seen.request else "answered" if seen.answer else None
        case str():
            return "conflict"
        case {0: Answer()} | {1: Answer()} | {2: Answer()}:
            return "settled"
    return None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ExperienceStore]:
    opened = ExperienceStore(f"sqlite:///{tmp_path}/store.sqlite3")
    yield opened
    opened.close()
