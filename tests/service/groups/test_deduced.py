"""What follows from known labels, and what does not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from memreward_proto.records import Domain, Group, Query, Rollout
from memreward_service.groups.deduced import with_deduced_labels
from service.synthetic_groups import batch_of, synthetic_group


def group_of(answers: str, labels: Sequence[float | None], domain: Domain = Domain.MATH, keyed: bool = False) -> Group:
    """Rollouts that answer with the digits of `answers`; a blank has no answer."""
    rollouts = [
        Rollout("" if answer == " " else f"The answer is {answer}.", label=label, answer_key=answer if keyed else None)
        for answer, label in zip(answers, labels, strict=True)
    ]
    return Group(Query("?", "q", domain), tuple(rollouts), "g")


def deduced(*groups: Group) -> list[float | None]:
    """The labels afterwards, of all groups as one batch."""
    label = with_deduced_labels(batch_of(groups)).label.tolist()
    return [None if value != value else value for value in label]


@pytest.mark.parametrize(
    ("answers", "known", "expected"),
    [
        ("7789", [1, None, None, None], [1, 1, 0, 0]),
        ("7789", [0, None, None, None], [0, 0, None, None]),
        ("7789", [None, None, 0, 1], [0, 0, 0, 1]),
        ("7789", [None] * 4, [None] * 4),
        ("777", [1, 0, None], [1, 0, None]),
        ("7778", [1, 0, None, None], [1, 0, None, None]),
        ("7778", [1, 0.5, None, None], [1, 0.5, 0.75, 0]),
        ("7 8 ", [1, None, None, None], [1, 0, 0, 0]),
        ("  7", [0, None, None], [0, None, None]),
        ("7789", [1, 0, 0, 1], [1, 0, 0, 1]),
        ("788", [1, 1, None], [1, 1, 1]),
    ],
)
def test_labels_follow_from_equal_answers_and_a_right_one(
    answers: str, known: list[float | None], expected: list[float | None]
) -> None:
    assert deduced(group_of(answers, known)) == expected


def test_texts_and_programs_without_behaviour_exclude_nothing() -> None:
    known = [1, None, None, None]
    assert deduced(group_of("7789", known, Domain.TEXT)) == [1, 1, None, None]
    assert deduced(group_of("7789", known, Domain.CODE)) == [1, 1, None, None]
    assert deduced(group_of("7789", known, Domain.CODE, keyed=True)) == [1, 1, 0, 0]


def test_nothing_follows_for_another_group_of_the_batch() -> None:
    first, second = group_of("77", [1, None]), group_of("78", [None, None])
    assert deduced(second, first, second) == [None, None, 1, 1, None, None]
    assert deduced(synthetic_group(1, labelled=False)) == [None] * 6
