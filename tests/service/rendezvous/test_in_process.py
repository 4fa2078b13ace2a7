"""The meeting place inside a process: what is in the durable store when."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from memreward_proto.errors import Conflict, Unavailable
from memreward_proto.records import RolloutReward, Status
from memreward_service.rendezvous.group import HeldGroup, first_written
from memreward_service.rendezvous.protocol import arrival_of
from memreward_service.store import ExperienceStore
from service.rendezvous.replicas import FakeScorer, Replicas, rollout_of, send
from service.waiting import until


class WatchedStore(ExperienceStore):
    """Notes what is asked and written; holds commits back while `open` is not set; fails while `away`."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked: list[str] = []
        self.written: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.away = False

    def settled_group(self, key: str) -> str | None:
        self.asked.append(key)
        return super().settled_group(key)

    def settle_groups(
        self, groups: Mapping[str, str], keep_seconds: float, merged: Callable[[str, str], str]
    ) -> dict[str, str]:
        self.written.append(sorted(groups))
        assert self.gate.wait(30)
        if self.away:
            raise Unavailable("The store is away.")
        return super().settle_groups(groups, keep_seconds, merged)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WatchedStore]:
    opened = WatchedStore(f"sqlite:///{tmp_path}/store.sqlite3")
    yield opened
    opened.close()


async def test_no_answer_leaves_before_it_is_durable(store: WatchedStore) -> None:
    scorer = FakeScorer()
    store.gate.clear()
    async with Replicas(store, None).start(scorer) as rendezvous:
        tasks = send(rendezvous, *(rollout_of(i) for i in range(3)))
        await until(lambda: store.written)
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in tasks)
        store.gate.set()
        await asyncio.gather(*tasks)


async def test_groups_scored_while_one_is_written_share_the_next_commit(store: WatchedStore) -> None:
    scorer = FakeScorer()
    store.gate.clear()
    async with Replicas(store, None).start(scorer) as rendezvous:
        tasks = send(rendezvous, rollout_of(0, size=1, group="first"))
        await until(lambda: store.written)
        tasks += send(rendezvous, *(rollout_of(i, size=2, group=f"g{g}") for g in range(9) for i in range(2)))
        await until(lambda: len(scorer.groups) == 10)
        store.gate.set()
        await asyncio.gather(*tasks)
    assert [len(written) for written in store.written] == [1, 9]


async def test_the_store_is_asked_once_for_an_unknown_group(store: WatchedStore) -> None:
    async with Replicas(store, None).start(FakeScorer()) as rendezvous:
        await asyncio.gather(*send(rendezvous, *(rollout_of(i, size=9) for i in range(9))))
        await rendezvous.submit(rollout_of(4, size=9))
    assert store.asked == [arrival_of(rollout_of(0)).group]


async def test_a_store_that_is_away_fails_the_calls_and_loses_nothing(store: WatchedStore) -> None:
    scorer = FakeScorer()
    group = [rollout_of(i) for i in range(3)]
    async with Replicas(store, None).start(scorer) as rendezvous:
        store.away = True
        errors = await asyncio.gather(*send(rendezvous, *group), return_exceptions=True)
        assert [type(error) for error in errors] == [Unavailable] * 3
        store.away = False
        answers = await asyncio.gather(*send(rendezvous, *group))
    assert {(answer.status, answer.memory_version) for answer in answers} == {(Status.OK, 2)}


async def test_of_two_processes_with_one_store_the_first_one_answers(store: WatchedStore) -> None:
    scorers = [FakeScorer(), FakeScorer()]
    replicas = Replicas(store, None)
    async with replicas.start(scorers[0]) as one, replicas.start(scorers[1]) as two:
        waiting = send(two, rollout_of(0, size=2))
        await until(lambda: replicas.place.held().rollouts == 1)
        first = await asyncio.gather(*send(one, rollout_of(0, size=2), rollout_of(1, size=2)))
        # Both scored the group: the second one finds answers in the store and gives those.
        scorers[1].groups += scorers[0].groups
        assert await two.submit(rollout_of(1, size=2)) == first[1]
        assert await waiting[0] == first[0]
        with_other_text = send(two, rollout_of(0, "a", size=2, group="x"))
        await until(lambda: replicas.place.held().rollouts == 3)
        await asyncio.gather(*send(one, *(rollout_of(i, "b", size=2, group="x") for i in range(2))))
        with pytest.raises(Conflict, match="next group_attempt"):
            await two.submit(rollout_of(1, "b", size=2, group="x"))
        with pytest.raises(Conflict):
            await with_other_text[0]


def test_a_finished_group_is_kept_without_its_texts() -> None:
    group = HeldGroup.opened_by(arrival_of(rollout_of(0, "a secret response", size=1)))
    group.add(arrival_of(rollout_of(0, "a secret response", size=1)))
    open_text = group.to_json()
    assert "a secret response" in open_text
    answer = RolloutReward("run", "g", 0, 0, 1, 1, False, 1.0, 1 / 3, Status.OK, None, "m", 1)
    answered = group.with_answers({0: answer})
    kept = answered.to_json()
    assert "a secret response" not in kept
    assert "2+2?" not in kept
    assert HeldGroup.from_json(kept) == answered
    assert group.rollouts[0].answer is None, "nothing is answered before it is written"
    other = answered.with_answers({})
    assert other.rollouts[0].answer == answer
    assert json.loads(first_written(kept, open_text)) == json.loads(kept)
