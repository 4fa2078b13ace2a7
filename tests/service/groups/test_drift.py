"""When what a group agrees on is no evidence: by hand, and against scipy's exact test."""

from __future__ import annotations

import pytest
from scipy.stats import fisher_exact

from memreward_proto.records import Domain, Query, Rollout, StoredRollout
from memreward_service.groups.batch import ParsedGroup, parse_group
from memreward_service.groups.drift import Consensus, consensus_of, tail
from memreward_service.groups.history import QueryHistory, history_of

QUERY = Query("How many?", "q", Domain.MATH)


def past(*rollouts: tuple[str, int, int | None, float | None]) -> QueryHistory:
    """(answer, how many times, at which step, their label)."""
    stored = tuple(
        StoredRollout(f"{step}, {number}: {answer}", label=label, step=step, answer_key=answer)
        for answer, times, step, label in rollouts
        for number in range(times)
    )
    return history_of(parse_group(QUERY, stored))


def group(*answers: str, domain: Domain = Domain.MATH) -> ParsedGroup:
    rollouts = [Rollout(f"now {answer}, {place}", answer_key=answer) for place, answer in enumerate(answers)]
    return parse_group(Query("How many?", "q", domain), rollouts)


def moved(now: ParsedGroup, history: QueryHistory) -> bool:
    consensus = consensus_of(now, history, 9)
    assert consensus is not None
    return consensus.moved


NINES = group(*["9"] * 7, "4")


@pytest.mark.parametrize(("now", "drawn", "before", "of"), [(3, 8, 1, 20), (8, 8, 0, 8), (5, 24, 7, 256), (2, 9, 4, 4)])
def test_the_tail_is_that_of_fishers_exact_test(now: int, drawn: int, before: int, of: int) -> None:
    table = [[now, drawn - now], [before, of - before]]
    assert tail(now, drawn, before, of) == pytest.approx(fisher_exact(table, alternative="greater").pvalue)


def test_a_consensus_that_earlier_steps_never_gave_has_moved() -> None:
    assert consensus_of(NINES, past(("4", 14, 1, None), ("9", 1, 1, None)), 9) == Consensus("9", 0, 7 / 8, True)
    assert not moved(NINES, past(("9", 14, 1, None), ("4", 1, 1, None)))
    assert not moved(NINES, past(("9", 8, 1, None), ("4", 8, 1, None)))


def test_a_past_of_few_votes_cannot_trip() -> None:
    assert not moved(NINES, ())
    assert not moved(NINES, past(("4", 4, 1, None)))
    assert not moved(group("9", "9", "4"), past(("4", 40, 1, None)))


def test_an_answer_that_came_later_does_not_become_its_own_past() -> None:
    assert moved(NINES, past(("4", 16, 1, None), ("9", 16, 2, None)))
    assert not moved(NINES, past(("4", 16, 1, None), ("9", 16, 1, None)))
    assert not moved(NINES, past(("4", 16, None, None), ("9", 16, None, None))), "nobody says which came first"


def test_what_labels_said_is_learning_and_no_drift() -> None:
    assert not moved(NINES, past(("4", 14, 1, None), ("9", 1, 1, 1.0))), "it was found right"
    assert not moved(NINES, past(("4", 14, 1, None), ("9", 1, 1, 0.0))), "it was found wrong, and is believed wrong"
    assert not moved(NINES, past(("4", 14, 1, None), ("5", 1, 1, 1.0))), "another one was found right"


def test_the_label_of_a_rollout_is_not_asked_about_itself() -> None:
    own = StoredRollout("now 9, 0", label=1.0, step=9, answer_key="9")
    others = tuple(StoredRollout(f"then {n}: 4", step=1, answer_key="4") for n in range(14))
    assert moved(NINES, history_of(parse_group(QUERY, (own, *others))))


def test_moving_away_from_a_wrong_answer_is_learning() -> None:
    assert not moved(NINES, past(("4", 14, 1, 0.0)))
    assert moved(NINES, past(("4", 14, 1, 0.0), ("5", 16, 1, None))), "the other answer was not found wrong"


def test_what_cannot_be_compared_has_no_consensus() -> None:
    assert consensus_of(group("1", "2", "3")) is None
    assert consensus_of(group("9", "9", domain=Domain.TEXT)) is None
    program = [Rollout("f", behaviour=(("v1",),)), Rollout("g", behaviour=(("v1",),))]
    assert consensus_of(parse_group(Query("f?", "c", Domain.CODE), program)) is None
