"""The meeting place inside a process: what is in the durable store when."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from memreward_proto.errors import Conflict, Unavailable
from memreward_proto.records import Status
from memreward_service.rendezvous.group import arrived, first_written, from_json, settled, to_json
from memreward_service.rendezvous.protocol import Answer, arrival_of
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

    def answered_group(self, key: str) -> str | None:
        self.asked.append(key)
        return super().answered_group(key)

    def keep_answered_groups(
        self, groups: Mapping[str, str], keep_seconds: float, merged: Callable[[str, str], str]
    ) -> dict[str, str]:
        self.written.append(sorted(groups))
        assert self.gate.wait(30)
        if self.away:
            raise Unavailable("The store is away.")
        return super().keep_answered_groups(groups, keep_seconds, merged)


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
        await until(lambda: replicas.place.usage().rollouts == 1)
        first = await asyncio.gather(*send(one, rollout_of(0, size=2), rollout_of(1, size=2)))
        # Both scored the group: the second one finds answers in the store and gives those.
        scorers[1].groups += scorers[0].groups
        assert await two.submit(rollout_of(1, size=2)) == first[1]
        assert await waiting[0] == first[0]
        with_other_text = send(two, rollout_of(0, "a", size=2, group="x"))
        await until(lambda: replicas.place.usage().rollouts == 3)
        await asyncio.gather(*send(one, *(rollout_of(i, "b", size=2, group="x") for i in range(2))))
        with pytest.raises(Conflict, match="next group_attempt"):
            await two.submit(rollout_of(1, "b", size=2, group="x"))
        with pytest.raises(Conflict):
            await with_other_text[0]


async def test_a_finished_group_is_kept_without_its_texts(store: WatchedStore) -> None:
    async with Replicas(store, None).start(FakeScorer()) as rendezvous:
        one = rollout_of(0, "a secret response", size=2, deadline=0.0, partial=True)
        await rendezvous.submit(one)
        name = arrival_of(one).group
        partial = store.answered_group(name)
        await rendezvous.submit(rollout_of(1, "another response", size=2))
        finished = store.answered_group(name)
    assert partial is not None
    assert finished is not None
    assert "a secret response" in partial
    assert "2+2?" in partial
    for text in ("a secret response", "another response", "2+2?"):
        assert text not in finished


def test_of_two_answers_the_first_one_written_stays() -> None:
    group = None
    for index in range(2):
        group = arrived(group, arrival_of(rollout_of(index, size=2)), False, 0.0)
    assert group is not None
    first = settled(group, "", {0: answer_of(1)})
    second = settled(group, "", {index: answer_of(2) for index in range(2)})
    assert [held.answer for held in group.rollouts.values()] == [None, None]
    merged = first_written(first, second)
    assert {index: held.answer for index, held in merged.rollouts.items()} == {0: answer_of(1), 1: answer_of(2)}
    assert merged.finished
    assert settled(merged, "", {0: answer_of(3)}) == merged
    assert from_json(to_json(merged)) == merged


def answer_of(version: int) -> Answer:
    return Answer(2, False, 1.0, 1 / 3, Status.OK, None, "m", version)
