"""Advantages of a group against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from memreward_service.groups.advantage import advantages, are_equal


def test_one_right_of_four() -> None:
    found = advantages(np.array([1.0, 0.0, 0.0, 0.0]))  # mean 1/4, sample variance (9 + 3) / 16 / 3 = 1/4
    assert found == pytest.approx([1.5, -0.5, -0.5, -0.5], abs=1e-5)
    assert advantages(np.array([1.0, 0.0, 0.0, 0.0]), divided=False) == pytest.approx([0.75, -0.25, -0.25, -0.25])


@pytest.mark.parametrize("rewards", [[], [0.3], [0.3, 0.3], [0.5, 0.501], [1.0, 1.0, 1.0]])
def test_rewards_that_differ_by_rounding_or_not_at_all_are_equal(rewards: list[float]) -> None:
    assert are_equal(rewards)
    assert advantages(np.array(rewards)).tolist() == [0.0] * len(rewards)


def test_a_small_difference_is_a_whole_advantage_once_divided() -> None:
    rewards = np.array([0.95, 0.97])  # sample standard deviation 0.02 / sqrt(2)
    assert not are_equal(rewards)
    assert advantages(rewards) == pytest.approx([-(0.5**0.5), 0.5**0.5], abs=1e-3)
    assert advantages(rewards, divided=False) == pytest.approx([-0.01, 0.01])
