"""Who spends a budget, and on what: arms that need no network, on groups worked out by hand."""

from __future__ import annotations

from functools import partial
from typing import cast

import pytest

from memreward_proto.records import Domain, Experience, StoredRollout
from memreward_service.embedding.encoder import Encoder
from memreward_trainer.evaluation.arms import (
    ARMS,
    Budget,
    Chooser,
    at_random,
    by_oracle,
    by_rule,
    planned_without_network,
)
from memreward_trainer.evaluation.label_rules import entropy, majority_then_second, oracle
from memreward_trainer.evaluation.planned_labels import Known


def query(name: str, answers: str, right: str) -> Experience:
    rollouts = tuple(
        StoredRollout(f"A: {answer}", label=float(answer == right), id=f"{name}-{place}")
        for place, answer in enumerate(answers)
    )
    return Experience(f"How many {name}?", name, Domain.MATH, rollouts=rollouts)


QUERIES = [query("a", "1112", "1"), query("b", "1122", "2"), query("c", "3333", "3")]


def chosen(choose: Chooser, labels: int, seed: int = 0) -> Known:
    return choose(Budget(QUERIES, cast(Encoder, None), labels, seed, None), lambda _share: None)


def places(known: Known) -> set[tuple[int, int]]:
    return {(query, place) for query, part in enumerate(known) for place, seen in enumerate(part) if seen}


def test_every_group_has_one_label_of_its_majority_before_any_has_a_second() -> None:
    rule = partial(by_rule, majority_then_second)
    assert places(chosen(rule, 3)) == {(0, 0), (1, 0), (2, 0)}
    assert places(chosen(rule, 4)) == {(0, 0), (1, 0), (2, 0), (1, 2)}
    assert places(chosen(rule, 12)) == {(0, 0), (1, 0), (2, 0), (1, 2)}, "where one is right nothing more is asked"


def test_groups_that_are_worth_the_same_come_in_another_order_with_another_seed() -> None:
    rule = partial(by_rule, majority_then_second)
    assert len({frozenset(places(chosen(rule, 1, seed))) for seed in range(20)}) == 3


def test_entropy_begins_where_the_answers_are_even() -> None:
    assert {query for query, _ in places(chosen(partial(by_rule, entropy), 1))} == {1}


def test_the_oracle_spends_only_where_a_reward_is_wrong() -> None:
    spent = places(chosen(partial(by_rule, oracle), 12))
    assert {query for query, _ in spent} == {1}
    assert len(spent) == 1
    assert places(chosen(by_oracle, 1)) == spent
    more = places(chosen(by_oracle, 5))
    assert len(more) == 5, "and what is left by chance"
    assert more > spent


@pytest.mark.parametrize("labels", [0, 1, 5])
def test_chance_spends_all_and_the_planner_no_more_than_the_budget(labels: int) -> None:
    assert len(places(chosen(at_random, labels))) == labels
    assert len(places(chosen(planned_without_network, labels))) <= labels


def test_the_arms_have_names_for_a_table() -> None:
    assert list(ARMS) == [
        "label planner", "planner, no network", "majority, then next", "advantage gap", "entropy", "random labels",
        "oracle",
    ]  # fmt: skip
