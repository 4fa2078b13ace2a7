"""Which label each rule asks for, on groups worked out by hand."""

from __future__ import annotations

import math

import pytest

from memreward_service.belief.posterior import GroupBelief
from memreward_trainer.evaluation.label_rules import (
    AskedGroup,
    NextLabel,
    Rule,
    corrective_advantage_gap,
    entropy,
    majority_then_second,
    oracle,
)


def group(answers: str, known: str = "", right: str = "", probability: list[float] | None = None) -> AskedGroup:
    """One letter a rollout; `known`: those of the first so many rollouts that have a label, 1, 0 or -."""
    labels = [None if mark == "-" else float(mark) for mark in known.ljust(len(answers), "-")]
    shares = [answers.count(answer) / len(answers) for answer in answers]
    belief = GroupBelief(probability or [2 * share / (1.1 + share) for share in shares], list(answers))
    return AskedGroup(belief, labels, [float(answer == right) for answer in answers])


@pytest.mark.parametrize(
    ("answers", "known", "expected"),
    [
        ("abbc", "", NextLabel(0.0, 1)),
        ("abbc", "-0", NextLabel(-1.0, 0)),
        ("abbc", "00", NextLabel(-2.0, 2)),
        ("abbc", "-1", None),
        ("abbc", "00-0", None),
    ],
)
def test_the_majority_then_the_next_until_one_is_right(answers: str, known: str, expected: NextLabel | None) -> None:
    assert majority_then_second(group(answers, known)) == expected


def test_the_advantage_gap_is_what_the_formula_says() -> None:
    asked = group("aab", probability=[0.6, 0.6, 0.3])
    odds = {"a": 0.6 / 0.4, "b": 0.3 / 0.7}
    total = 1 + odds["a"] + odds["b"]
    likely = [1 / math.sqrt(2), 1 / math.sqrt(2), -math.sqrt(2)]
    swapped = [-value for value in likely]
    other_gap, none_gap = math.dist(swapped, likely), math.dist([0, 0, 0], likely)
    found = corrective_advantage_gap(asked)
    assert found == NextLabel(pytest.approx((odds["b"] * other_gap + none_gap) / total), 0)


def test_the_advantage_gap_asks_the_pseudo_label_and_after_it_the_next_likely_one() -> None:
    first = corrective_advantage_gap(group("aaabbc"))
    second = corrective_advantage_gap(group("aaabbc", "0"))
    assert first is not None
    assert second is not None
    assert (first.key, second.key) == (0, 1)
    assert corrective_advantage_gap(group("aaabbc", "1")) is None
    assert corrective_advantage_gap(group("abc", "000")) is None


def test_of_two_groups_in_equal_doubt_the_gap_takes_the_one_that_turns_the_gradient() -> None:
    """One rollout of eight: with it right, seven others are pushed down; entropy sees the same doubt in both."""
    even = group("aaaabbbb", probability=[0.5] * 8)
    odd = group("aaaaaaab", probability=[0.5] * 8)
    gaps, doubts = ([rule(one) for one in (even, odd)] for rule in (corrective_advantage_gap, entropy))
    assert doubts[0] is not None
    assert doubts[1] is not None
    assert doubts[0].worth == pytest.approx(doubts[1].worth) == pytest.approx(math.log(3))
    assert gaps[0] is not None
    assert gaps[0].worth == pytest.approx((2 * math.sqrt(8) + math.sqrt(8)) / 3)


def test_entropy_asks_the_answer_nearest_to_one_half() -> None:
    found = entropy(group("abc", probability=[0.9, 0.5, 0.1]))
    chances = [9 / (9 + 1 + 1 / 9 + 1), 1 / (9 + 1 + 1 / 9 + 1), (1 / 9) / (9 + 1 + 1 / 9 + 1)]
    expected = -sum(p * math.log(p) for p in (*chances, chances[1]))
    assert found == NextLabel(pytest.approx(expected), 0)
    assert entropy(group("aab", "1")) is None, "a label that settles the group leaves no doubt"
    assert entropy(group("ab", "00")) is None


def test_the_oracle_asks_for_what_puts_most_rewards_right() -> None:
    sure = [0.9] * 4 + [0.3] * 3 + [0.1]

    def asked(known: str, right: str) -> NextLabel | None:
        return oracle(group("aaaabbbc", known, right, sure))

    assert asked("", "b") == NextLabel(7.0, 1), "with b right, three more are rewarded and four fewer"
    assert asked("", "z") == NextLabel(4.0, 0)
    assert asked("", "a") is None
    assert asked("----1", "b") is None


@pytest.mark.parametrize("rule", [majority_then_second, corrective_advantage_gap, entropy])
def test_only_the_oracle_looks_at_the_truth(rule: Rule) -> None:
    assert rule(group("aabbc", right="a")) == rule(group("aabbc", right="c"))
