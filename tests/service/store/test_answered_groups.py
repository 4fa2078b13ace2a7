"""Answered groups of rollouts sent one by one: first written, kept for a while, purged."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from memreward_proto.errors import Conflict
from memreward_proto.records import StoreCounts
from memreward_service.store import ExperienceStore
from memreward_service.store.database import Database
from memreward_service.store.schema import settled_group


def joined(stored: str, given: str) -> str:
    return f"{stored}+{given}"


def first(stored: str, _: str) -> str:
    return stored


def never(stored: str, given: str) -> str:
    raise AssertionError(f"{stored} and {given} are no two groups")


def rows(url: str) -> int:
    database = Database(url, 5.0)
    with database.read() as connection:
        count = connection.execute(select(func.count()).select_from(settled_group)).scalar_one()
    database.close()
    return count


def test_what_is_there_is_merged_with_what_comes(store: ExperienceStore, store_url: str) -> None:
    assert store.answered_group("a") is None
    assert store.keep_answered_groups({"b": "2", "a": "1"}, 60.0, never) == {"a": "1", "b": "2"}
    assert store.keep_answered_groups({"a": "1"}, 60.0, never) == {"a": "1"}, "the same again changes nothing"
    assert store.keep_answered_groups({"c": "3", "a": "9"}, 60.0, joined) == {"a": "1+9", "c": "3"}
    again = ExperienceStore(store_url)
    assert [again.answered_group(key) for key in ("a", "b", "c", "d")] == ["1+9", "2", "3", None]
    again.close()
    assert store.counts() == StoreCounts(version=0, queries=0, rollouts=0, labels=0)


def test_a_merge_that_refuses_undoes_the_whole_commit(store: ExperienceStore) -> None:
    def refuses(stored: str, given: str) -> str:
        raise Conflict("Taken.")

    store.keep_answered_groups({"a": "1"}, 60.0, never)
    with pytest.raises(Conflict):
        store.keep_answered_groups({"a": "2", "b": "2"}, 60.0, refuses)
    assert [store.answered_group(key) for key in ("a", "b")] == ["1", None]


def test_what_has_expired_is_no_answer_and_is_purged(store: ExperienceStore, store_url: str) -> None:
    store.keep_answered_groups({"old": "1", "older": "1"}, 0.0, never)
    assert store.answered_group("old") is None
    assert rows(store_url) == 2
    assert store.keep_answered_groups({"old": "2"}, 60.0, never) == {"old": "2"}
    assert rows(store_url) == 1
    assert store.answered_group("old") == "2"


def test_of_writers_at_once_every_one_hears_what_stands(store: ExperienceStore, store_url: str) -> None:
    other = ExperienceStore(store_url)
    start = threading.Barrier(4)
    keys = [f"g{number}" for number in range(700)]

    def write(number: int) -> dict[str, str]:
        start.wait()
        chosen = store if number % 2 else other
        ordered = keys if number < 2 else keys[::-1]
        return chosen.keep_answered_groups(dict.fromkeys(ordered, str(number)), 60.0, first)

    with ThreadPoolExecutor(4) as pool:
        heard = list(pool.map(write, range(4)))
    assert heard[0] == heard[1] == heard[2] == heard[3]
    assert set(heard[0]) == set(keys)
    assert {store.answered_group(key) for key in ("g0", "g350", "g699")} <= set(heard[0].values())
    other.close()
