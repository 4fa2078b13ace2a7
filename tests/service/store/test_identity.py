from dataclasses import replace

from memreward_proto.records import Domain, Experience, Rollout, StoredRollout
from memreward_service.store import query_id, rollout_id, with_ids


def post(*rollouts: StoredRollout, text: str = "1+1?") -> Experience:
    return Experience(text, None, Domain.MATH, "sums", rollouts=rollouts)


def rollout_ids(queries: list[Experience]) -> list[list[str]]:
    return [[stored.id for stored in experience.rollouts] for experience in queries]


def test_ids_never_change_between_releases() -> None:
    assert query_id("1+1?", Domain.MATH, None) == "q-8953c07de37a8be6c2f09476"
    assert rollout_id("q", Rollout("2", answer="2"), "policy", 3, 0) == "r-7f257334295dcbe0de19da8d"
    ran = Rollout("2", answer="2", behaviour=(("v1", "xTypeError"),))
    assert rollout_id("q", ran, "policy", 3, 0) == "r-0d70261626f60649d76ab032"


def test_each_part_of_the_content_changes_the_id() -> None:
    queries = {
        query_id("a", Domain.MATH, None),
        query_id("a", Domain.QA, None),
        query_id("a", Domain.MATH, "None"),
        query_id("a ", Domain.MATH, None),
    }
    assert len(queries) == 4
    rollouts = [Rollout("x"), Rollout("", thinking="x"), Rollout("", answer="x"), Rollout("", answer_key="x")]
    ids = {rollout_id("q", rollout, None, None, 0) for rollout in rollouts}
    ids |= {rollout_id("q", rollouts[0], "x", None, 0), rollout_id("q", rollouts[0], None, 1, 0)}
    ids |= {rollout_id("p", rollouts[0], None, None, 0), rollout_id("q", rollouts[0], None, None, 1)}
    behaviours: list[tuple[tuple[str, ...], ...]] = [(), ((),), (("v", "x"),), (("v",), ("x",))]
    ids |= {rollout_id("q", Rollout("x", behaviour=did), None, None, 0) for did in behaviours}
    assert len(ids) == 12


def test_a_label_is_no_part_of_the_id() -> None:
    unlabelled = with_ids([post(StoredRollout("2"))])
    labelled = with_ids([post(StoredRollout("2", label=1.0, label_source="expert"))])
    assert rollout_ids(unlabelled) == rollout_ids(labelled)


def test_equal_responses_of_a_group_stay_apart_and_keep_their_ids_when_sent_again() -> None:
    twin = StoredRollout("2", policy="p")
    queries = [post(twin, StoredRollout("3"), twin), post(twin)]
    first = rollout_ids(with_ids(queries))
    assert len({key for keys in first for key in keys}) == 4
    assert rollout_ids(with_ids(queries)) == first
    assert rollout_ids(with_ids(queries[1:])) == [[first[0][0]]]


def test_equal_responses_to_two_queries_are_counted_apart() -> None:
    first, other = rollout_ids(with_ids([post(StoredRollout("2")), post(StoredRollout("2"), text="4/2?")]))
    assert first != other
    assert rollout_ids(with_ids([post(StoredRollout("2"), text="4/2?")])) == [other]


def test_given_ids_stay_and_feed_the_derived_ones() -> None:
    given = post(StoredRollout("2", id="mine"), StoredRollout("2"))
    given = replace(given, id="Q")
    [filled] = with_ids([given])
    assert filled.id == "Q"
    assert [stored.id for stored in filled.rollouts] == [
        "mine",
        rollout_id("Q", Rollout("2"), None, None, 0),
    ]


def test_any_python_string_has_an_id() -> None:
    assert query_id("\ud800", Domain.TEXT, None) != query_id("\ud801", Domain.TEXT, None)
