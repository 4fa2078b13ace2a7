from __future__ import annotations

import pytest

from memreward_client import (
    DeadlineExceeded,
    InvalidArgument,
    MemRewardError,
    ModelNotTrained,
    Overloaded,
    Unauthenticated,
    Unreachable,
)
from memreward_trainer.adapter.unscored import Tally, UnscoredRule, is_about_the_rollout


@pytest.mark.parametrize(("given", "reward"), [(0.5, 0.5), ("0.25", 0.25), (0, 0.0), ("-1", -1.0)])
def test_a_number_is_stated_as_it_is(given: object, reward: float) -> None:
    assert UnscoredRule.parse(given) == UnscoredRule("state", reward)


def test_raise_and_mask_have_no_reward() -> None:
    assert UnscoredRule.parse("raise") == UnscoredRule("raise", None)
    assert UnscoredRule.parse("mask") == UnscoredRule("mask", None)


@pytest.mark.parametrize("given", ["nan", "inf", "drop", "", None, True])
def test_anything_else_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="write raise, mask, or the number"):
        UnscoredRule.parse(given)


@pytest.mark.parametrize("error", [Unreachable("x"), DeadlineExceeded("x"), Overloaded("x")])
def test_a_service_that_is_away_says_nothing_about_the_set_up(error: MemRewardError) -> None:
    assert is_about_the_rollout(error)


@pytest.mark.parametrize("error", [Unauthenticated("x"), ModelNotTrained("x"), InvalidArgument("x")])
def test_a_mistake_in_the_set_up_is_not_about_the_rollout(error: MemRewardError) -> None:
    assert not is_about_the_rollout(error)


def test_a_tally_names_the_causes_and_tells_when_there_are_any(caplog: pytest.LogCaptureFixture) -> None:
    tally = Tally()
    tally.count([], 5, "Masked")
    assert str(tally) == "5 scored, 0 not scored"
    assert not caplog.text
    tally.count(["timeout", "abstain", "timeout"], 1, "Masked")
    assert str(tally) == "6 scored, 3 not scored (abstain 1, timeout 2)"
    assert f"MemReward could not score 3 of 4 rollouts. Masked. In this process: {tally}." in caplog.text
