"""Which labels somebody should look at."""

from __future__ import annotations

import pytest

from memreward_proto.records import Domain, Query, Rollout, StoredRollout
from memreward_service.belief.conflicts import ConflictKind, LabelConflict, conflict_of, label_conflicts
from memreward_service.belief.tallies import AnswerTally
from memreward_service.groups.batch import parse_group
from memreward_service.groups.history import QueryHistory, history_of

QUERY = Query("How many?", "q", Domain.MATH)
LARGE = AnswerTally(8, 6, wrong=1, earlier_votes=12, earlier_rollouts=16)


@pytest.mark.parametrize(
    ("tally", "kind"),
    [
        (AnswerTally(8, 3, right=2), None),
        (AnswerTally(8, 3, wrong=2), None),
        (AnswerTally(8, 3, right=1, earlier_wrong=1), ConflictKind.LABELS),
        (AnswerTally(8, 3, earlier_right=3, earlier_wrong=1), ConflictKind.LABELS),
        (LARGE, ConflictKind.MAJORITY),
        (AnswerTally(8, 6, earlier_wrong=1, earlier_votes=12, earlier_rollouts=16), ConflictKind.MAJORITY),
        (AnswerTally(8, 6, wrong=2, earlier_votes=12, earlier_rollouts=16), None),
        (AnswerTally(8, 5, wrong=1, earlier_votes=12, earlier_rollouts=16), None),
        (AnswerTally(8, 6, wrong=1, earlier_votes=11, earlier_rollouts=16), None),
        (AnswerTally(8, 8, wrong=1), None),
        (AnswerTally(3, 3, wrong=1, earlier_votes=12, earlier_rollouts=16), None),
        (AnswerTally(8, 8, earlier_votes=16, earlier_rollouts=16), None),
    ],
)
def test_labels_against_labels_and_one_label_against_a_large_majority(
    tally: AnswerTally, kind: ConflictKind | None
) -> None:
    assert conflict_of(tally) is kind


def stored(*rollouts: tuple[str, float | None]) -> QueryHistory:
    return history_of(parse_group(QUERY, [StoredRollout(text, label=label, step=1) for text, label in rollouts]))


def test_the_answers_of_a_group_are_looked_at_with_their_past() -> None:
    history = stored(("so 7", 1.0), ("a 8", 0.0), ("one 8", 1.0))
    group = parse_group(QUERY, [Rollout("7", label=0.0), Rollout("9")])
    assert label_conflicts(group, history, 2) == (LabelConflict("q", "7", ConflictKind.LABELS),)
    assert label_conflicts(parse_group(QUERY, [Rollout("9")]), history, 2) == ()


def test_one_failed_format_check_is_found_in_the_group_and_afterwards() -> None:
    before = stored(*[(f"try {number}: \\boxed{{7}}", None) for number in range(8)])
    votes = [Rollout(f"now {number}: \\boxed{{7}}") for number in range(7)]
    labelled = parse_group(QUERY, [*votes, Rollout("\\boxed{7}", label=0.0)])
    expected = (LabelConflict("q", "7", ConflictKind.MAJORITY),)
    assert label_conflicts(labelled, before, 2) == expected
    after = stored(("\\boxed{7}", 0.0), *[(f"try {number}: \\boxed{{7}}", None) for number in range(8)])
    assert label_conflicts(parse_group(QUERY, votes), after, 2) == expected


def test_a_group_that_was_stored_before_it_is_asked_about_is_not_its_own_past() -> None:
    rollouts = [(f"try {number}: \\boxed{{7}}", 0.0 if number == 0 else None) for number in range(8)]
    again = parse_group(QUERY, [Rollout(text, label=label) for text, label in rollouts])
    assert label_conflicts(again, stored(*rollouts), None) == ()
    assert label_conflicts(again, stored(*rollouts), 1) == ()
    (later,) = label_conflicts(again, stored(*rollouts), 2)
    assert later.kind is ConflictKind.MAJORITY


def test_the_same_label_sent_and_stored_is_one_label() -> None:
    history = stored(("\\boxed{7}", 0.0), *[(f"try {number}: \\boxed{{7}}", None) for number in range(8)])
    votes = [Rollout(f"now {number}: \\boxed{{7}}") for number in range(7)]
    (found,) = label_conflicts(parse_group(QUERY, [*votes, Rollout("\\boxed{7}", label=0.0)]), history, 2)
    assert found.kind is ConflictKind.MAJORITY


def test_programs_whose_labels_contradict_each_other_are_found_beside_other_programs() -> None:
    query, did, other = Query("Write f.", "c", Domain.CODE), (("v1", "v2", "v3"),), (("v1", "v8", "v9"),)
    first = [
        StoredRollout("f = 1", label=0.0, behaviour=did, step=1),
        StoredRollout("f = 2", label=1.0, behaviour=other, step=1),
    ]
    history = history_of(parse_group(query, first))
    group = parse_group(query, [Rollout("g = 1", label=1.0, behaviour=did), Rollout("g = 2", behaviour=other)])
    (found,) = label_conflicts(group, history, 2)
    assert (found.answer_key, found.kind) == (group.parsed[0].answer_key, ConflictKind.LABELS)
