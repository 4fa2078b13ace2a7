"""What a run agrees on, as it goes on: answers that spread, labels that contradict."""

from __future__ import annotations

from random import Random

import pytest

from memreward_service.groups.drift import Consensus
from memreward_service.trust.consensus import FIRST, LAST, RunFigures

DIFFERENT = [str(number) for number in range(1, 31)]


def run_of(*keys: str | None) -> RunFigures:
    """A run whose queries had these answers, one after the other."""
    run = RunFigures()
    for query, key in enumerate(keys):
        run.add(query, None if key is None else Consensus(key, 0, 0.75))
    return run


def test_an_answer_that_becomes_that_of_unrelated_queries_spreads() -> None:
    assert not run_of(*DIFFERENT).spreads("0", 99)
    assert run_of(*DIFFERENT, *["0"] * 6).spreads("0", 99)
    assert not run_of(*DIFFERENT, *["0"] * 6).spreads("7", 99), "only the answer that spreads"


def test_an_answer_that_was_always_frequent_does_not_spread() -> None:
    letters = Random(0).choices("ABC", k=200)
    assert not any(run_of(*letters[:place]).spreads(letters[place], 999) for place in range(len(letters)))


def test_a_young_run_says_nothing() -> None:
    assert not run_of(*DIFFERENT[:10], *["0"] * 4).spreads("0", 99)
    assert run_of(*DIFFERENT[:11], *["0"] * 4).spreads("0", 99), "16 queries, of which 5 are the last"


def test_one_query_asked_again_and_again_is_one() -> None:
    run = run_of(*DIFFERENT)
    for _ in range(20):
        run.add(99, Consensus("0", 0, 1.0))
    assert not run.spreads("0", 99)


def test_the_first_queries_stay_and_of_the_others_the_last() -> None:
    run = run_of(*map(str, range(2 * FIRST)))
    assert run.first == [str(number) for number in range(FIRST)]
    assert list(run.last.values()) == [str(number) for number in range(2 * FIRST - LAST, 2 * FIRST)]


def labelled(*labels: tuple[float, float]) -> RunFigures:
    """A run whose labelled rollouts were believed so much right, and are."""
    run = RunFigures()
    run.add(0, None, labels)
    return run


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([(0.9, 1.0)] * 6 + [(0.9, 0.0)] * 2, False),
        ([(0.9, 1.0)] * 3 + [(0.9, 0.0)] * 5, True),
        ([(0.9, 0.0)] * 7, False),  # too few
        ([(0.999, 1.0)] * 6 + [(0.999, 0.0)] * 2, False),  # nobody is as sure as that
        ([(0.55, 1.0)] * 12 + [(0.55, 0.0)] * 18, False),  # half of them are expected to be wrong
        ([(0.2, 0.0)] * 30, False),  # they were not believed right
    ],
)
def test_labels_that_contradict_what_was_believed(labels: list[tuple[float, float]], expected: bool) -> None:
    assert labelled(*labels).contradicted == expected


def test_a_run_is_believed_again_once_labels_agree() -> None:
    run = labelled(*[(0.9, 0.0)] * 10)
    assert run.contradicted
    run.add(1, None, [(0.9, 1.0)] * 30)
    assert not run.contradicted
