"""What `memreward bench` says of reading answers."""

from __future__ import annotations

import pytest

from memreward_service.answers.reading import read_groups
from memreward_trainer.bench.answers import GROUPS, LATEX_SHARE, ROLLOUTS, _drawn, answer_timings

pytestmark = pytest.mark.slow


def test_both_rows_read_as_many_answers_as_they_say() -> None:
    warm, cold = answer_timings(repeats=2)
    assert (warm.name, cold.name) == ("answers read, warm, 128 x 8", "answers read, cold (new texts), 128 x 8")
    assert (len(warm.milliseconds), len(cold.milliseconds)) == (2, 1)


def test_the_answers_in_latex_are_read_as_the_few_values_that_they_are() -> None:
    groups = _drawn(5)
    assert (len(groups), {len(rollouts) for _, rollouts in groups}) == (GROUPS, {ROLLOUTS})
    keys = [[reading.answer_key or "" for reading in group] for group in read_groups(groups)[::LATEX_SHARE]]
    assert all(1 <= len(set(group)) <= 3 for group in keys)
    assert not any(key.startswith("tex:") or key.isdigit() for group in keys for key in group)
    assert groups != _drawn(6)
