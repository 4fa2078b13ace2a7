"""What goes, in which order, and that the history of a query is the same before and afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from memreward_proto.records import Domain, Experience, PruneReason, StoredRollout
from memreward_service.groups.batch import parse_group
from memreward_service.groups.history import QueryHistory, history_of
from memreward_service.memory.follower import with_kept
from memreward_service.memory.pruning import DAY, PruneRules, chosen_by, prune
from memreward_service.store import ExperienceStore, RolloutSize, with_ids
from memreward_service.store.schema import rollout

TEXT = "How many sheep are on the hill?"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ExperienceStore]:
    store = ExperienceStore(f"sqlite:///{tmp_path}/store.sqlite3")
    yield store
    store.close()


def experience(steps: Sequence[int | None], query: str = "sheep", label: float | None = 1.0) -> Experience:
    """Eight rollouts a step, the first of which has a label."""
    stored = tuple(
        StoredRollout(
            f"Try {place} of step {step}: the answer is {place % 3}.", step=step, policy="small",
            label=label if place == 0 else None, label_source="verifier" if place == 0 and label is not None else None,
        )
        for step in steps
        for place in range(8)
    )  # fmt: skip
    return with_ids([Experience(TEXT, query, Domain.MATH, rollouts=stored)])[0]


def history(store: ExperienceStore, query: str = "sheep") -> QueryHistory:
    (stored,) = store.load([query])
    return with_kept(history_of(parse_group(stored, stored.rollouts)), store.histories.of([query]).get(query))


def counted(given: QueryHistory) -> dict[str, object]:
    return {
        answer.key: (answer.votes, answer.first_step, answer.last_step, set(answer.labels), answer.by_step)
        for answer in given
    }


def pruned(store: ExperienceStore, dry_run: bool = False, **rules: float) -> tuple[int, int]:
    report = prune(store, PruneRules(**rules), lambda texts: list(texts), dry_run)  # type: ignore[arg-type]
    return report.queries, report.rollouts


def test_the_history_of_a_query_is_the_same_afterwards(store: ExperienceStore) -> None:
    store.add_experience([experience([1, 2, 3])])
    before = counted(history(store))
    assert pruned(store, rollouts_per_query=5) == (1, 19)
    left = store.load(["sheep"])[0].rollouts
    assert [(stored.step, stored.label) for stored in left] == [(1, 1.0), (2, 1.0), (3, 1.0), (3, None), (3, None)]
    assert counted(history(store)) == before
    assert pruned(store, rollouts_per_query=1) == (1, 4)
    assert [stored.label for stored in store.load(["sheep"])[0].rollouts] == [1.0]
    assert counted(history(store)) == before
    assert pruned(store, rollouts_per_query=1) == (0, 0)
    counts = store.counts()
    assert (counts.queries, counts.rollouts, counts.labels) == (1, 1, 1)


def test_what_comes_again_after_it_was_pruned_does_not_count_twice(store: ExperienceStore) -> None:
    store.add_experience([experience([1, 2])])
    before = counted(history(store))
    pruned(store, rollouts_per_query=2)
    assert store.add_experience([experience([1, 2])]).rollouts_added == 14
    assert counted(history(store)) == before
    pruned(store, rollouts_per_query=2)
    assert counted(history(store)) == before


def test_what_comes_later_counts_beside_what_was_pruned(store: ExperienceStore) -> None:
    store.add_experience([experience([1, 2])])
    pruned(store, rollouts_per_query=1)
    store.add_experience([experience([3])])
    once = ExperienceStore(str(store._database.url).replace("store.sqlite3", "other.sqlite3"))
    once.add_experience([experience([1, 2, 3])])
    assert counted(history(store)) == counted(history(once))
    once.close()


def test_a_label_that_is_corrected_after_others_were_pruned_holds(store: ExperienceStore) -> None:
    store.add_experience([experience([1, 2])])
    pruned(store, rollouts_per_query=1)
    again = experience([1, 2], label=0.0)
    store.add_experience([replace(again, rollouts=again.rollouts[:1])])
    labels = {(label.step, label.label) for answer in history(store) for label in answer.labels}
    assert labels == {(1, 0.0), (2, 1.0)}


def test_a_dry_run_says_the_same_and_changes_nothing(store: ExperienceStore) -> None:
    store.add_experience([experience([1, 2]), experience([1], "cows")])
    before = store.page(None, 10), store.counts()
    assert pruned(store, dry_run=True, rollouts_per_query=8) == (1, 8)
    assert (store.page(None, 10), store.counts()) == before
    assert pruned(store, rollouts_per_query=8) == (1, 8)


def test_a_query_that_changed_meanwhile_stays(store: ExperienceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.add_experience([experience([1])])
    remove = store.histories.remove

    def late(*arguments: object) -> object:
        store.add_experience([experience([2])])
        return remove(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store.histories, "remove", late)
    assert pruned(store, rollouts_per_query=1) == (0, 0)
    assert store.counts().rollouts == 16
    assert store.histories.of(["sheep"]) == {}


def test_days_are_about_rollouts_without_a_label(store: ExperienceStore) -> None:
    store.add_experience([experience([1])])
    assert pruned(store, days=1.0) == (0, 0)
    with store._database.write() as connection:
        connection.execute(update(rollout).values(stored_at=time.time() - 2 * DAY))
    store.add_experience([experience([2])])
    assert pruned(store, days=1.0) == (1, 7)
    assert [stored.step for stored in store.load(["sheep"])[0].rollouts] == [1] + [2] * 8


def test_vectors_of_texts_that_are_gone_go_too(store: ExperienceStore) -> None:
    given = experience([1, 2])
    store.add_experience([given])
    readings = parse_group(given, given.rollouts).parsed
    store.put_embeddings({text: b"0000" for one in readings for text in (one.thinking, one.answer)})
    pruned(store, rollouts_per_query=1)
    (stored,) = store.load(["sheep"])
    kept = parse_group(stored, stored.rollouts).parsed[0]
    assert set(store.embeddings([text for one in readings for text in (one.thinking, one.answer)])) == {
        kept.thinking, kept.answer,
    }  # fmt: skip


def size(name: str, query: str, labelled: bool, at: float, held: int = 100) -> RolloutSize:
    return RolloutSize(name, query, labelled, at, held)


def test_over_the_bytes_the_oldest_go_and_labelled_ones_last() -> None:
    stored = [
        size("a1", "a", True, 1), size("a2", "a", False, 2), size("a3", "a", False, 9),
        size("b1", "b", False, 3), size("b2", "b", True, 4), size("b3", "b", True, 8),
        size("c1", "c", False, 0),
    ]  # fmt: skip

    def gone(limit: int) -> list[str]:
        return [one.id for one in chosen_by(PruneRules(bytes=limit), stored, now=10.0)]

    assert gone(700) == []
    assert gone(650) == ["a2"]
    assert gone(400) == ["a2", "b1", "a3"]
    assert gone(0) == ["a2", "b1", "a3", "b2"], "the last rollout of a query never goes"
    both = chosen_by(PruneRules(rollouts_per_query=2, bytes=500), stored, now=10.0)
    assert both == {
        stored[1]: PruneReason.ROLLOUTS_PER_QUERY, stored[3]: PruneReason.ROLLOUTS_PER_QUERY,
    }  # fmt: skip
