import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from memreward_proto.errors import Conflict, InvalidArgument, NotFound, Unavailable
from memreward_proto.records import Domain, Experience, Label, StoreCounts, StoredRollout
from memreward_service.store import ExperienceStore


def relabelled(given: Experience, label: float | None, source: str | None = None) -> Experience:
    return replace(
        given,
        rollouts=tuple(replace(stored, label=label, label_source=source) for stored in given.rollouts),
    )


def labels(store: ExperienceStore, query_id: str) -> list[tuple[float | None, str | None]]:
    return [(stored.label, stored.label_source) for stored in store.load([query_id])[0].rollouts]


def test_everything_given_comes_back_in_order(store: ExperienceStore) -> None:
    given = Experience(
        "Wie viele? 🙂",
        "q1",
        Domain.CODE,
        "humaneval",
        rollouts=(
            StoredRollout("r", "t", "a", "k", 0.25, id="z", label_source="expert", policy="policy-7", step=2**62),
            StoredRollout("", id="a"),
            StoredRollout("r", "", "", "", 0.0, id="b", policy="", step=0),
            StoredRollout("r", behaviour=(("v1a", "xValueError", ""), (), ("t",)), id="c"),
            StoredRollout("r", behaviour=(), id="d"),
            StoredRollout("r", behaviour=((),), id="e"),
        ),
    )
    bare = Experience("", "q0", Domain.TEXT, rollouts=())
    store.add_experience([given, bare])
    assert store.load(["q1", "q0", "q1"]) == [given, bare, given]


@pytest.mark.parametrize("odd", ["nul \x00 byte", "half \ud83d pair", "\ud83d\ude00", "\ufdd0 marker", "\\u0000"])
def test_texts_that_databases_refuse_come_back_exactly(store: ExperienceStore, odd: str) -> None:
    given = Experience(
        odd,
        "q",
        Domain.TEXT,
        odd,
        rollouts=(StoredRollout(odd, odd, odd, odd, 1.0, ((odd, '"'), (odd,)), id="r", label_source=odd, policy=odd),),
    )
    store.add_experience([given])
    assert store.load(["q"]) == [given]
    assert store.query_texts(["q"]) == {"q": odd}
    assert store.add_experience([given]).version == 1


def test_the_same_content_again_changes_nothing(store: ExperienceStore, experience: Any) -> None:
    given = [experience("a", "1", "2", label=1.0), experience("b", "3")]
    first = store.add_experience(given)
    assert (first.version, first.queries_added, first.rollouts_added, first.labels_changed) == (1, 2, 3, 0)
    assert (first.query_ids, first.rollout_ids) == (("a", "b"), (("a/0", "a/1"), ("b/0",)))
    store.add_experience([experience("c", "4")])
    again = store.add_experience(given)
    assert again == replace(first, queries_added=0, rollouts_added=0)
    assert store.counts() == StoreCounts(version=2, queries=3, rollouts=4, labels=2)


def test_new_rollouts_of_a_stored_query_come_after_the_old_ones(store: ExperienceStore, experience: Any) -> None:
    store.add_experience([experience("q", "1", "2")])
    grown = experience("q", "1", "2", "3")
    receipt = store.add_experience([replace(grown, rollouts=grown.rollouts[::-1])])
    assert (receipt.version, receipt.queries_added, receipt.rollouts_added) == (2, 0, 1)
    assert store.load(["q"]) == [grown]
    assert store.changed_since(0, 10) == [("q", 2)]


def test_a_query_id_taken_by_another_text_stores_nothing(store: ExperienceStore, experience: Any) -> None:
    store.add_experience([experience("q", "1")])
    with pytest.raises(Conflict) as refused:
        store.add_experience([experience("new", "1"), experience("q", "2", text="Another?")])
    assert refused.value.details["field"] == "queries[1].id"
    assert store.counts() == StoreCounts(version=1, queries=1, rollouts=1, labels=0)
    with pytest.raises(NotFound):
        store.load(["new"])


@pytest.mark.parametrize("part", ["response", "thinking", "answer", "answer_key"])
def test_a_rollout_id_taken_by_other_content_stores_nothing(store: ExperienceStore, experience: Any, part: str) -> None:
    store.add_experience([experience("q", "1", "2")])
    other = experience("q", "1", "2", "3", label=1.0)
    changed = replace(other.rollouts[1], **{part: "other"})
    with pytest.raises(Conflict) as refused:
        store.add_experience([replace(other, rollouts=(other.rollouts[0], changed, other.rollouts[2]))])
    assert refused.value.details["field"] == "queries[0].rollouts[1].id"
    assert store.counts() == StoreCounts(version=1, queries=1, rollouts=2, labels=0)


def test_a_behaviour_is_content_of_its_rollout(store: ExperienceStore, experience: Any) -> None:
    def ran(*behaviour: tuple[str, ...] | None) -> Experience:
        given = experience("q", *("1" for _ in behaviour))
        return replace(
            given,
            rollouts=tuple(
                replace(stored, behaviour=None if did is None else (did,))
                for stored, did in zip(given.rollouts, behaviour, strict=True)
            ),
        )

    given = ran(("v1", "xTypeError"), None)
    store.add_experience([given])
    again = store.add_experience([given])
    assert (again.version, again.rollouts_added, again.labels_changed) == (1, 0, 0)
    assert store.add_experience([relabelled(given, 1.0)]).labels_changed == 2
    assert store.load(["q"]) == [relabelled(given, 1.0)]
    for other in (ran(("v1",), None), ran(None, None), ran(("v1", "xTypeError"), ())):
        with pytest.raises(Conflict):
            store.add_experience([other])
    assert store.counts() == StoreCounts(version=2, queries=1, rollouts=2, labels=2)


def test_a_rollout_id_of_another_query_is_a_conflict(store: ExperienceStore, experience: Any) -> None:
    store.add_experience([experience("q", "1")])
    thief = replace(experience("p"), rollouts=experience("q", "1").rollouts)
    with pytest.raises(Conflict) as refused:
        store.add_experience([thief])
    assert refused.value.details["field"] == "queries[0].rollouts[0].id"


def test_labels_arrive_change_and_are_never_cleared(store: ExperienceStore, experience: Any) -> None:
    given = experience("q", "1", "2")
    store.add_experience([given])
    assert store.add_experience([relabelled(given, 1.0, "verifier")]).labels_changed == 2
    assert labels(store, "q") == [(1.0, "verifier")] * 2
    assert store.counts() == StoreCounts(version=2, queries=1, rollouts=2, labels=2)
    assert store.add_experience([relabelled(given, None)]).version == 2
    assert store.add_experience([relabelled(given, 1.0)]).labels_changed == 0
    assert labels(store, "q") == [(1.0, "verifier")] * 2
    assert store.add_experience([relabelled(given, 0.5)]).labels_changed == 2
    assert labels(store, "q") == [(0.5, None)] * 2
    assert store.counts() == StoreCounts(version=3, queries=1, rollouts=2, labels=2)


def test_late_labels(store: ExperienceStore, experience: Any) -> None:
    store.add_experience([experience("a", "1", "2"), experience("b", "3")])
    late = [Label("a/1", 1.0, "expert"), Label("b/0", 0.0, "expert")]
    receipt = store.add_labels(late)
    assert (receipt.version, receipt.labels_changed) == (2, 2)
    assert labels(store, "a") == [(None, None), (1.0, "expert")]
    store.add_experience([experience("c", "4")])
    again = store.add_labels(late)
    assert (again.version, again.labels_changed) == (2, 0)
    corrected = store.add_labels([late[0], Label("b/0", 1.0, "expert"), Label("b/0", 0.75, "judge")])
    assert (corrected.version, corrected.labels_changed) == (4, 2)
    assert labels(store, "b") == [(0.75, "judge")]
    assert store.changed_since(1, 10) == [("a", 2), ("c", 3), ("b", 4)]
    assert store.counts().labels == 2
    assert store.add_labels([]).version == 4


def test_the_same_value_from_another_source_is_another_label(store: ExperienceStore, experience: Any) -> None:
    store.add_experience([experience("q", "1", label=1.0)])
    confirmed = store.add_labels([Label("q/0", 1.0, "expert")])
    assert (confirmed.version, confirmed.labels_changed) == (2, 1)
    assert labels(store, "q") == [(1.0, "expert")]
    assert store.counts().labels == 1


def test_a_label_of_an_unknown_rollout_stores_none(store: ExperienceStore, experience: Any) -> None:
    store.add_experience([experience("a", "1")])
    for unknown in ("nobody", "nul\x00", ""):
        with pytest.raises(NotFound) as refused:
            store.add_labels([Label("a/0", 1.0, "expert"), Label(unknown, 1.0, "expert")])
        assert refused.value.details["field"] == "labels[1].rollout_id"
    assert store.counts() == StoreCounts(version=1, queries=1, rollouts=1, labels=0)


def test_an_id_twice_in_one_call_follows_the_same_rules(store: ExperienceStore, experience: Any) -> None:
    once = experience("q", "1")
    receipt = store.add_experience([once, relabelled(once, 1.0), experience("q", "1", "2"), once])
    assert (receipt.queries_added, receipt.rollouts_added, receipt.labels_changed) == (1, 2, 1)
    assert labels(store, "q") == [(1.0, None), (None, None)]
    assert store.counts() == StoreCounts(version=1, queries=1, rollouts=2, labels=1)
    with pytest.raises(Conflict) as refused:
        store.add_experience([experience("p", "1"), experience("p", "2")])
    assert refused.value.details["field"] == "queries[1].rollouts[0].id"
    with pytest.raises(Conflict) as refused:
        store.add_experience([experience("p", "1"), experience("p", text="Another?")])
    assert refused.value.details["field"] == "queries[1].id"


@pytest.mark.parametrize("key", ["", "x" * 513, "nul\x00", "half\ud800"])
def test_ids_that_cannot_be_keys_are_refused(store: ExperienceStore, experience: Any, key: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        store.add_experience([experience("fine", "1"), experience(key)])
    assert refused.value.details["field"] == "queries[1].id"
    with pytest.raises(InvalidArgument) as refused:
        store.add_experience([replace(experience("q"), rollouts=(StoredRollout("1", id=key),))])
    assert refused.value.details["field"] == "queries[0].rollouts[0].id"
    with pytest.raises(InvalidArgument):
        store.put_embeddings({key: b"v"})
    assert store.counts().version == 0


def test_the_longest_ids_of_wide_letters_are_kept(store: ExperienceStore, experience: Any) -> None:
    store.add_experience([experience("🙂" * 512)])
    assert [found.id for found in store.page(None, 2)] == ["🙂" * 512]


@pytest.mark.parametrize("label", [float("nan"), -0.01, 1.01, float("inf")])
def test_labels_outside_the_unit_interval_are_refused(store: ExperienceStore, experience: Any, label: float) -> None:
    with pytest.raises(InvalidArgument) as refused:
        store.add_experience([experience("q", "1", label=label)])
    assert refused.value.details["field"] == "queries[0].rollouts[0].label"
    store.add_experience([experience("q", "1")])
    with pytest.raises(InvalidArgument) as refused:
        store.add_labels([Label("q/0", label, "expert")])
    assert refused.value.details["field"] == "labels[0].label"


def test_a_step_past_64_bits_is_refused(store: ExperienceStore, experience: Any) -> None:
    late = StoredRollout("1", id="r", step=2**63)
    with pytest.raises(InvalidArgument) as refused:
        store.add_experience([replace(experience("q"), rollouts=(late,))])
    assert refused.value.details["field"] == "queries[0].rollouts[0].step"


def test_following_the_store_never_splits_a_version(store: ExperienceStore, experience: Any) -> None:
    for start in (0, 3, 6):
        store.add_experience([experience(f"q{i}", "1") for i in range(start, start + 3)])
    store.add_labels([Label("q4/0", 1.0, "expert")])
    assert store.changed_since(0, 1) == [("q0", 1), ("q1", 1), ("q2", 1)]
    assert store.changed_since(0, 4) == [*store.changed_since(0, 1), ("q3", 2), ("q5", 2)]
    reached, seen = 0, []
    while page := store.changed_since(reached, 2):
        seen += page
        reached = page[-1][1]
    assert seen == store.changed_since(0, 100)
    assert seen[-4:] == [("q6", 3), ("q7", 3), ("q8", 3), ("q4", 4)]
    assert reached == store.counts().version == 4
    assert store.changed_since(0, 0) == []


def test_pages_come_in_the_order_of_the_bytes_of_ids(store: ExperienceStore, experience: Any) -> None:
    ids = ["a", "B", "é", "z", "🙂", "_", "\ufffd"]
    store.add_experience([experience(key, "1", "2") for key in ids])
    first = store.page(None, 4)
    rest = store.page(first[-1].id, 100)
    assert [found.id for found in first + rest] == ["B", "_", "a", "z", "é", "\ufffd", "🙂"]
    assert first[0] == experience("B", "1", "2")
    assert store.page("🙂", 1) == []
    with pytest.raises(InvalidArgument):
        store.page("\x00", 1)


def test_a_missing_query_is_named(store: ExperienceStore, experience: Any) -> None:
    store.add_experience([experience("q", "1")])
    for missing in ("p", "nul\x00"):
        with pytest.raises(NotFound) as refused:
            store.load(["q", missing])
        assert refused.value.details["query_id"] == missing
    assert store.load([]) == []
    assert store.query_texts(["p", "q"]) == {"q": "How many?"}


def test_labelled_queries_the_last_changed_first(store: ExperienceStore, experience: Any) -> None:
    store.add_experience([experience("a", "1", "2", label=0.0), experience("b", "1"), experience("c", "1")])
    store.add_labels([Label("c/0", 1.0, "expert")])
    store.add_experience([experience("d", "1")])
    store.add_experience([experience("e", "1", label=1.0)])
    assert store.labelled_query_ids(10) == ["e", "c", "a"]
    assert store.labelled_query_ids(2) == ["e", "c"]


def test_embeddings_are_kept_as_they_were_first_put(store: ExperienceStore) -> None:
    vectors = {f"key{i}": bytes([i % 256, 0, 255]) for i in range(1200)}
    store.put_embeddings(vectors)
    store.put_embeddings({"key0": b"other", "more": b""})
    store.put_embeddings({})
    assert store.embeddings([*vectors, "more", "none", "nul\x00"]) == {**vectors, "more": b""}
    assert store.counts().version == 0


def test_thousands_of_rows_in_one_call(store: ExperienceStore, experience: Any) -> None:
    given = [experience(f"q{i:04}", "1", "2", "3", label=float(i % 2)) for i in range(1300)]
    assert store.add_experience(given).rollouts_added == 3900
    assert store.load([found.id for found in given]) == given
    assert store.add_experience(given).rollouts_added == 0
    late = [Label(f"q{i:04}/2", 0.5, "expert") for i in range(1300)]
    assert store.add_labels(late).labels_changed == 1300
    assert store.counts() == StoreCounts(version=2, queries=1300, rollouts=3900, labels=3900)


def test_writers_of_two_stores_at_once_lose_nothing(store: ExperienceStore, store_url: str, experience: Any) -> None:
    start = threading.Barrier(8)
    replica = ExperienceStore(store_url)

    def add(worker: int) -> list[int]:
        start.wait()
        own = [store, replica][worker % 2]
        versions = [own.add_experience([experience(f"w{worker}-{i}", "1", "2")]).version for i in range(10)]
        own.add_experience([experience("shared", *"12345678"[: worker + 1])])
        return versions

    with ThreadPoolExecutor(8) as pool:
        versions = [version for own in pool.map(add, range(8)) for version in own]
    replica.close()
    assert len(set(versions)) == 80
    counts = store.counts()
    assert (counts.queries, counts.rollouts) == (81, 160 + 8)
    assert store.load(["shared"]) == [experience("shared", *"12345678")]
    stored = store.page(None, 1000)
    assert sum(len(found.rollouts) for found in stored) == 168
    assert max(version for _, version in store.changed_since(0, 1000)) == counts.version


def test_a_reader_that_follows_meets_every_query_while_writers_write(store: ExperienceStore, experience: Any) -> None:
    def write(worker: int) -> None:
        for i in range(15):
            store.add_experience([experience(f"w{worker}-{i}", "1")])

    followed: set[str] = set()
    reached = 0
    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, worker) for worker in range(4)]
        while True:
            finished = all(writer.done() for writer in writers)
            page = store.changed_since(reached, 3)
            followed.update(key for key, _ in page)
            reached = page[-1][1] if page else reached
            if finished and not page:
                break
        for writer in writers:
            writer.result()
    assert followed == {f"w{worker}-{i}" for worker in range(4) for i in range(15)}


def test_a_closed_store_says_so(store: ExperienceStore, experience: Any) -> None:
    store.close()
    with pytest.raises(Unavailable, match="closed"):
        store.counts()
    with pytest.raises(Unavailable, match="closed"):
        store.add_experience([experience("q", "1")])
