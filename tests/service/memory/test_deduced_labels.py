"""What follows from known labels, and what does not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from memreward_proto.records import Domain, Query, Rollout
from memreward_service.groups.batch import parse_group
from memreward_service.memory.deduced_labels import with_deduced_labels


def deduced(
    answers: str, labels: Sequence[float | None], domain: Domain = Domain.MATH, keyed: bool = False
) -> list[float | None]:
    """The labels afterwards, of rollouts that answer with the digits of `answers`; a blank has no answer."""
    rollouts = [
        Rollout("" if answer == " " else f"The answer is {answer}.", label=label, answer_key=answer if keyed else None)
        for answer, label in zip(answers, labels, strict=True)
    ]
    return [rollout.label for rollout in with_deduced_labels(parse_group(Query("?", "q", domain), rollouts)).rollouts]


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
    assert deduced(answers, known) == expected


def test_texts_and_programs_without_behaviour_exclude_nothing() -> None:
    assert deduced("7789", [1, None, None, None], Domain.TEXT) == [1, 1, None, None]
    assert deduced("7789", [1, None, None, None], Domain.CODE) == [1, 1, None, None]
    assert deduced("7789", [1, None, None, None], Domain.CODE, keyed=True) == [1, 1, 0, 0]
