"""Under which histories a query is known again: by its id with its text, else by its text."""

from __future__ import annotations

import pytest

from memreward_proto.records import Domain, Query
from memreward_service.groups.history import PastAnswer, PastVotes
from memreward_service.memory.histories import Histories
from memreward_service.store import query_id

TEXT = "How many sheep are on the hill?"


def derived(text: str, dataset: str | None = None) -> Query:
    return Query(text, query_id(text, Domain.MATH, dataset), Domain.MATH, dataset)


def known(*queries: Query) -> Histories:
    histories = Histories()
    for query in queries:
        key = f"said of {query.id}"
        histories.set(query, (PastAnswer(key, 1, 1, 1, by_step=(PastVotes(1, None, 1),)),))
    return histories


def said(histories: Histories, query: Query) -> set[str]:
    return {answer.key.removeprefix("said of ") for answer in histories.of(query)}


@pytest.mark.parametrize(
    "text", [TEXT, "  How many\nsheep are  on the hill? ", "How many sheep are on the hill?\u3000"]
)
def test_a_query_stored_with_an_id_is_known_by_its_text(text: str) -> None:
    histories = known(Query(TEXT, "gsm8k/12", Domain.MATH, "gsm8k"))
    assert said(histories, derived(text)) == {"gsm8k/12"}
    assert said(histories, derived(text, "gsm8k")) == {"gsm8k/12"}


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert said(known(Query("Combien de pre\u0301s ?", "fr", Domain.MATH)), derived("Combien de pr\u00e9s ?")) == {"fr"}


def test_an_id_whose_text_differs_has_no_history_of_that_id() -> None:
    histories = known(Query(TEXT, "12", Domain.MATH), Query("How many cows?", "13", Domain.MATH))
    assert said(histories, Query("How many goats?", "12", Domain.MATH)) == set()
    assert said(histories, Query("How many cows?", "12", Domain.MATH)) == {"13"}, "the text says which query it is"


def test_another_domain_is_another_question() -> None:
    assert said(known(Query(TEXT, "12", Domain.MATH)), Query(TEXT, "12", Domain.TEXT)) == set()


def test_of_several_ids_of_a_text_that_of_the_same_data_set_counts_else_all_do() -> None:
    one, other = Query(TEXT, "a/1", Domain.MATH, "a"), Query(TEXT, "b/7", Domain.MATH, "b")
    histories = known(one, other)
    assert said(histories, derived(TEXT, "b")) == {"b/7"}
    assert said(histories, derived(TEXT, "c")) == said(histories, derived(TEXT)) == {"a/1", "b/7"}
    assert said(histories, one) == {"a/1"}
    assert said(histories, Query(TEXT, "a/2", Domain.MATH, "a")) == {"a/1"}


def test_what_came_without_an_id_counts_for_the_id_too() -> None:
    told = Query(TEXT, "a/1", Domain.MATH, "a")
    nameless, elsewhere = derived(TEXT), derived(TEXT, "b")
    histories = known(nameless, told, elsewhere)
    assert said(histories, told) == {"a/1", nameless.id}
    assert histories.ids_of(nameless)[0] == "a/1", "more is kept under the id that was given"


def test_a_snapshot_of_the_histories_says_the_same() -> None:
    queries = [
        Query(f"{TEXT} {number}", f"id {number}\n", Domain.MATH, "é" if number % 2 else None) for number in range(9)
    ]
    histories, restored = known(*queries), Histories()
    for block in histories.blocks(4):
        restored.restore(block)
    assert [restored.of(query) for query in queries] == [histories.of(query) for query in queries]
    assert len(restored) == 9
