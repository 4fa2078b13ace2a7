"""How often the guard against a drifting consensus trips, on a few made-up queries."""

from __future__ import annotations

import numpy as np
import pytest

from memreward_proto.records import Domain, Query, StoredRollout
from memreward_service.groups.batch import parse_groups
from memreward_trainer.evaluation.drift import ALL_WRONG, Judged, Story, run
from memreward_trainer.evaluation.epochs import EPOCHS

GROUPS = parse_groups(
    [
        (
            Query(f"Query {number}?", f"q-{number}", Domain.MATH),
            [
                StoredRollout(f"{place} says {answer}", answer_key=answer, label=float(answer == str(number)))
                for place, answer in enumerate([str(number)] * 6 + [str(number + 100)] * 2)
            ],
        )
        for number in range(24)
    ]
)


def judged(story: Story) -> list[Judged]:
    return list(run(GROUPS, story, np.random.default_rng(0), 4.0))


def test_a_policy_that_gets_better_seldom_trips() -> None:
    found = judged(Story.BETTER)
    assert [one.epoch for one in found] == [epoch for epoch in range(EPOCHS) for _ in GROUPS]
    assert not any(one.collapsed for one in found)
    assert np.mean([one.moved or one.spreading for one in found]) < 0.02


@pytest.mark.parametrize(("story", "spreads"), [(Story.ONE_FOR_ALL, True), (Story.OWN_WRONG, False)])
def test_a_collapse_is_the_wrong_answer_of_every_group_in_the_end(story: Story, spreads: bool) -> None:
    last = [one for one in judged(story) if one.epoch >= ALL_WRONG]
    assert all(one.collapsed for one in last)
    assert np.mean([one.spreading for one in last]) == pytest.approx(float(spreads), abs=0.02)
    if story is Story.ONE_FOR_ALL:
        assert all(one.moved for one in last)
