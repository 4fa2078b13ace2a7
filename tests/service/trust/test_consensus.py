"""What a run agrees on, as it goes on: answers that spread, agreement that means nothing."""

from __future__ import annotations

from random import Random

import pytest

from memreward_service.groups.drift import Consensus
from memreward_service.trust.consensus import FIRST, LAST, RunFigures, StepFigures, agrees_on_nothing

DIFFERENT = [str(number) for number in range(1, 31)]


def run_of(*keys: str | None) -> RunFigures:
    """A run whose queries had these answers, one after the other."""
    run = RunFigures()
    for query, key in enumerate(keys):
        run.add(query, None if key is None else Consensus(key, 0, 0.75), None, ())
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
        run.add(99, Consensus("0", 0, 1.0), None, ())
    assert not run.spreads("0", 99)


def test_the_first_queries_stay_and_of_the_others_the_last() -> None:
    run = run_of(*map(str, range(2 * FIRST)))
    assert run.first == [str(number) for number in range(FIRST)]
    assert list(run.last.values()) == [str(number) for number in range(2 * FIRST - LAST, 2 * FIRST)]


def steps(agreement: tuple[float, float], right: tuple[float, float], audited: int = 30) -> dict[int, StepFigures]:
    """Three steps of 100 groups, with the mean agreement and the audited rewards of the first and the last."""
    ends = zip((0, 2), agreement, right, strict=True)
    figures = {
        step: StepFigures(100, 100 * share, 100 * share * share, audited, audited * good) for step, share, good in ends
    }
    return figures | {1: StepFigures(100, 60, 36, audited, audited * 0.5)}


@pytest.mark.parametrize(
    ("agreement", "right", "expected"),
    [
        ((0.5, 0.9), (0.5, 0.2), True),
        ((0.5, 0.9), (0.5, 0.9), False),  # both rise: it learns
        ((0.5, 0.52), (0.5, 0.2), False),  # hardly a rise
        ((0.5, 0.6), (0.5, 0.5), False),  # 30 audited rollouts cannot say
        ((0.9, 0.5), (0.5, 0.2), False),
    ],
)
def test_agreement_that_rises_while_audited_rewards_do_not(
    agreement: tuple[float, float], right: tuple[float, float], expected: bool
) -> None:
    assert agrees_on_nothing(steps(agreement, right)) == expected


def test_without_enough_audited_rollouts_nothing_is_said() -> None:
    assert not agrees_on_nothing(steps((0.5, 0.9), (0.5, 0.0), audited=19))
    assert not agrees_on_nothing({})


def test_a_run_hears_of_it_when_the_next_step_begins() -> None:
    run = RunFigures()
    for step, (share, right) in enumerate([(0.4, 1.0), (0.6, 0.5), (1.0, 0.0)]):
        for query in range(40):
            run.add(query, Consensus("0", 0, share), step, [right])
    assert not run.hollow
    run.add(0, Consensus("0", 0, 1.0), 3, [])
    assert run.hollow
