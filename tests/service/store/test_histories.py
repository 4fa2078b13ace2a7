"""The rows beside stored rollouts, and the removal of rollouts, in SQLite and in PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

from memreward_proto.records import Domain, Experience, StoredRollout
from memreward_service.store import ExperienceStore, KeptHistory, Removal, text_identity, with_ids

GIVEN = Experience(
    "1+1?", "q", Domain.MATH,
    rollouts=tuple(StoredRollout(f"sé {n}", label=1.0 if n == 0 else None, id=f"r{n}") for n in range(4)),
)  # fmt: skip


def kept(line: str, query_id: str = "q", dataset: str | None = None) -> KeptHistory:
    return KeptHistory(query_id, text_identity("1+1?", Domain.MATH), dataset, line)


def joined(stored: str, given: str) -> str:
    return stored if given in stored else stored + given


def test_a_row_is_merged_with_what_is_new_and_only_changes_take_a_version(store: ExperienceStore) -> None:
    assert store.histories.record([kept("a", dataset="sums"), kept("b", "p"), kept("c")], joined) == 1
    assert store.histories.record([kept("a"), kept("b", "p")], joined) == 1
    assert store.histories.record([kept("d")], joined) == 2
    assert store.histories.of(["q", "p", "x"]) == {"q": kept("acd", dataset="sums"), "p": kept("b", "p")}
    assert store.changed_since(0, 10) == [("p", 1), ("q", 2)]
    assert store.counts().version == 2
    assert store.counts().queries == 0
    assert store.histories.newer_queries(["q", "p"], 0) == set()


def test_changes_of_queries_and_of_histories_come_in_one_order(store: ExperienceStore) -> None:
    store.add_experience([GIVEN])
    store.histories.record([kept("a", name) for name in ("x", "q", "y")], joined)
    store.add_experience([replace(GIVEN, id="z", rollouts=())])
    assert store.changed_since(0, 1) == [("q", 1)]
    assert store.changed_since(1, 1) == [("q", 2), ("x", 2), ("y", 2)], "a version is never split"
    assert store.changed_since(1, 10) == [("q", 2), ("x", 2), ("y", 2), ("z", 3)]
    assert store.histories.newer_queries(["q", "x", "z"], 1) == {"z"}


def test_rollouts_go_with_the_row_that_remembers_them_or_not_at_all(store: ExperienceStore) -> None:
    store.add_experience([GIVEN, replace(GIVEN, id="p", rollouts=(StoredRollout("2", id="other"),))])
    store.put_embeddings({"vector": b"1", "another": b"2"})
    late = Removal(0, ("r1",), kept("never"))
    assert store.histories.remove([late], joined) == []
    assert store.histories.of(["q"]) == {}
    removal = Removal(1, ("r0", "r2"), kept("a"), ("vector",))
    assert store.histories.remove([removal, late], joined) == [removal]
    assert [stored.id for stored in store.load(["q"])[0].rollouts] == ["r1", "r3"]
    assert (store.counts().version, store.counts().rollouts, store.counts().labels) == (2, 3, 0)
    assert store.histories.versions(["q", "p"]) == {"q": 2, "p": 1}
    assert store.embeddings(["vector", "another"]) == {"another": b"2"}
    assert store.add_experience([GIVEN]).rollouts_added == 2
    assert [stored.id for stored in store.load(["q"])[0].rollouts] == ["r1", "r3", "r0", "r2"]


def test_sizes_are_the_bytes_of_texts(store: ExperienceStore) -> None:
    more = StoredRollout("", "t", "ü", "k", behaviour=(("v",),), id="z")
    store.add_experience(with_ids([replace(GIVEN, rollouts=(*GIVEN.rollouts, more))]))
    sizes = list(store.histories.sizes())
    assert [(size.id, size.query_id, size.labelled, size.bytes) for size in sizes] == [
        ("r0", "q", True, 5), ("r1", "q", False, 5), ("r2", "q", False, 5), ("r3", "q", False, 5),
        ("z", "q", False, 1 + 2 + 1 + len('[["v"]]')),
    ]  # fmt: skip
    assert min(size.stored_at for size in sizes) > 1e9
