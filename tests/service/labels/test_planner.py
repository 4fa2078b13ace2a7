"""What a label is worth, by hand; and what every plan keeps to."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest

from memreward_proto.records import Group, PlannedLabel, PlanReason, Query, Rollout
from memreward_service.belief.posterior import KeyPosterior
from memreward_service.labels.planner import (
    OpenGroup,
    calibration_sample,
    label_gains,
    label_plan,
    open_group,
)

# Odds 1.5, 0.25 and 0.25 against 1 for "none is right": 1/2, 1/12 and 1/12.
SEVENS = KeyPosterior([0.6, 0.6, 0.6, 0.2, 0.2], ["7", "7", "7", "8", None])
NONE: list[float | None] = [None] * 5


def sevens(*labels: float | None, name: str = "g") -> OpenGroup:
    return OpenGroup(name, SEVENS, [*labels, *NONE[len(labels) :]])


def random_group(number: int, right: random.Random) -> tuple[OpenGroup, list[float]]:
    size = right.randint(1, 9)
    keys = [right.choice(["a", "b", "c", None]) for _ in range(size)]
    belief = KeyPosterior([right.uniform(0.01, 0.99) for _ in keys], keys, exclusive=right.random() < 0.8)
    winner = right.choice(["a", "b", None])
    truth = [float(key is not None and key == winner) for key in keys]
    return OpenGroup(f"g{number}", belief, [None] * size, content=str(number).encode()), truth


def random_groups(seed: int, count: int = 12) -> tuple[list[OpenGroup], list[list[float]]]:
    right = random.Random(seed)
    made = [random_group(number, right) for number in range(count)]
    return [group for group, _ in made], [truth for _, truth in made]


def told(groups: list[OpenGroup], truth: list[list[float]], plan: list[tuple[str, int]]) -> list[OpenGroup]:
    """The groups with the labels that a plan asked for."""
    answered = set(plan)
    return [
        replace(g, labels=[t[i] if (g.group_id, i) in answered else label for i, label in enumerate(g.labels)])
        for g, t in zip(groups, truth, strict=True)
    ]


def places(plan: Iterable[PlannedLabel]) -> list[tuple[str, int]]:
    return [(label.group_id, label.rollout_index) for label in plan]


def test_the_gain_of_a_label() -> None:
    # Now 3 x 1/2 + 1/12 + 1/12 = 5/3 wrong rewards. The majority right (1/2): none; wrong: 1/6 + 1/6. So 5/3 - 1/6.
    # The 8 wrong (11/12): the sevens 6/11 right, the last 1/11, so 3 x 5/11 + 1/11 = 16/11. So 5/3 - 11/12 x 16/11.
    assert label_gains(sevens()).tolist() == pytest.approx([3 / 2, 1 / 3, 1 / 3], abs=1e-6)
    # One seven was wrong: 8 and the last are 1/6 each. The 8 wrong (5/6): the last is 1/5. So 1/3 - 5/6 x 1/5.
    assert label_gains(sevens(0.0)).tolist() == pytest.approx([0, 1 / 6, 1 / 6], abs=1e-6)


def test_different_texts_do_not_speak_of_each_other() -> None:
    free = KeyPosterior([0.6, 0.6, 0.6, 0.2, 0.2], ["7", "7", "7", "8", None], exclusive=False)
    assert label_gains(OpenGroup("g", free, NONE)).tolist() == pytest.approx([3 * 0.4, 0.2, 0.2])
    assert label_gains(OpenGroup("g", free, [1.0, *NONE[1:]])).tolist() == pytest.approx([0, 0.2, 0.2], abs=1e-6)


def test_the_second_answer_is_probed_only_after_the_first_was_wrong() -> None:
    (first,) = label_plan([sevens()], 5, 0.0)
    assert (first.rollout_index, first.reason) == (0, PlanReason.MAJORITY)
    assert first.gain == pytest.approx(1.5, abs=1e-6)
    assert label_plan([sevens(1.0)], 5, 0.0) == []
    (second,) = label_plan([sevens(0.0)], 5, 0.0)
    assert (second.rollout_index, second.reason) == (3, PlanReason.SECOND)
    assert second.gain == pytest.approx(1 / 6, abs=1e-6)


def test_the_most_valuable_group_comes_first_and_the_budget_holds() -> None:
    sure = OpenGroup("sure", KeyPosterior([0.9] * 5, ["7"] * 5), NONE)
    plan = label_plan([sure, sevens(0.0, name="second"), sevens(name="first")], 2, 0.0)
    assert [(label.group_id, round(label.gain, 3)) for label in plan] == [("first", 1.5), ("sure", 0.5)]


@pytest.mark.parametrize(
    ("labels", "index", "reason"),
    [
        ([None, None, None, 0.0], 0, PlanReason.MAJORITY),  # a rarer answer was wrong: the majority is still the first
        ([0.0, None, None, 0.0], 4, PlanReason.SECOND),
        ([0.0, 1.0], 2, PlanReason.UNCERTAIN),  # labels that contradict each other
    ],
)
def test_reasons(labels: list[float | None], index: int, reason: PlanReason) -> None:
    (label,) = label_plan([sevens(*labels)], 1, 0.0)
    assert (label.rollout_index, label.reason) == (index, reason)


def test_a_tie_has_a_second_answer_and_an_answer_of_one_is_no_majority() -> None:
    tie = KeyPosterior([0.4] * 4, ["a", "a", "b", "b"])
    (label,) = label_plan([OpenGroup("g", tie, [0.0, None, None, None])], 1, 0.0)
    assert (label.rollout_index, label.reason) == (2, PlanReason.SECOND)
    alone = KeyPosterior([0.4], ["a"])
    (label,) = label_plan([OpenGroup("g", alone, [None])], 1, 0.0)
    assert (label.rollout_index, label.reason, label.gain) == (0, PlanReason.UNCERTAIN, pytest.approx(0.4))


def test_nothing_is_asked_where_no_label_changes_a_reward() -> None:
    certain = OpenGroup("certain", KeyPosterior([0.999, 0.001], ["a", "b"]), [None, None])
    labelled = sevens(0.0, 0.0, 0.0, 1.0, 0.0, name="labelled")
    blank = OpenGroup("blank", KeyPosterior([0.5, 0.5], [None, None]), [None, None], blank=frozenset({0, 1}))
    assert label_plan([certain, labelled, blank], 10, 0.0) == []
    assert label_plan([blank, labelled], 10, 1.0) == []


def test_blank_responses_are_passed_over() -> None:
    group = replace(sevens(), blank=frozenset({0, 4}))
    (label,) = label_plan([group], 1, 0.0)
    # Two sevens instead of three, and no last one: now 2 x 1/2 + 1/12; right: none; wrong (1/2): 1/6.
    assert (label.rollout_index, label.gain) == (1, pytest.approx(1.0, abs=1e-6))
    assert {index for _, index in calibration_sample([group], 5, 1.0)} == {1, 2, 3}


@pytest.mark.parametrize("seed", range(8))
def test_every_plan_keeps_to_its_budget_and_its_groups(seed: int) -> None:
    groups, truth = random_groups(seed)
    spent, budget = 0, 6
    while plan := label_plan(groups, budget, 0.1):
        assert len(plan) <= budget
        assert len(set(places(plan))) == len(plan)
        known = {(g.group_id, i) for g in groups for i, label in enumerate(g.labels) if label is not None}
        assert not known & set(places(plan)), "a known label is never asked for again"
        probes = Counter(label.group_id for label in plan if label.reason is not PlanReason.CALIBRATION)
        assert not probes or max(probes.values()) == 1
        gains = [label.gain for label in plan if label.reason is not PlanReason.CALIBRATION]
        assert gains == sorted(gains, reverse=True)
        assert all(label.gain >= 0 for label in plan)
        assert label_plan(groups, budget, 0.1) == plan
        groups, spent = told(groups, truth, places(plan)), spent + len(plan)
    assert spent < sum(map(len, truth)), "it ends before everything is labelled"


def test_the_sample_does_not_depend_on_which_labels_are_known() -> None:
    groups, truth = random_groups(3)
    every = [(g.group_id, i) for g in groups for i in range(len(g.labels))]
    chosen = random.Random(1)
    first = places_of(calibration_sample(groups, 40, 0.25))
    assert 10 <= len(first) <= 11
    for _ in range(5):
        known = told(groups, truth, chosen.sample(every, 25))
        assert places_of(calibration_sample(known, 15, 0.25)) == first, "25 known, 15 to come"
        assert places_of(calibration_sample(known[::-1], 15, 0.25)) == first, "nor on the order of the groups"
    more = places_of(calibration_sample(groups, 80, 0.25))
    assert more[: len(first)] == first
    plan = label_plan(told(groups, truth, first[:4]), 36, 0.25)
    assert places([label for label in plan if label.reason is PlanReason.CALIBRATION]) == first[4:]


def test_the_sample_does_not_depend_on_the_order_of_the_groups() -> None:
    for number in range(200):
        groups = [replace(sevens(name=name), content=str(number).encode()) for name in ("a", "b", "c")]
        sample = places_of(calibration_sample(groups, 2, 0.25))
        assert places_of(calibration_sample(groups[::-1], 2, 0.25)) == sample


def test_a_sample_that_labels_outside_it_made_large_keeps_to_the_budget() -> None:
    groups, truth = random_groups(5)
    sample = places_of(calibration_sample(groups, 40, 0.5))
    others = [(g.group_id, i) for g in groups for i in range(len(g.labels)) if (g.group_id, i) not in sample]
    known = told(groups, truth, others[:30])
    assert len(calibration_sample(known, 2, 0.5)) >= 16
    assert places(label_plan(known, 2, 0.5)) == sample[:2]


def places_of(sample: list[tuple[OpenGroup, int]]) -> list[tuple[str, int]]:
    return [(group.group_id, index) for group, index in sample]


def test_small_budgets_have_their_share_of_random_labels_too() -> None:
    drawn: Counter[int] = Counter()
    for number in range(4000):
        sample = calibration_sample([replace(sevens(), content=str(number).encode())], 2, 0.05)
        drawn.update(index for _, index in sample)
    assert drawn.total() == pytest.approx(4000 * 0.1, rel=0.15)
    assert all(count == pytest.approx(4000 * 0.1 / 5, rel=0.4) for count in drawn.values())
    assert len(drawn) == 5


@pytest.mark.parametrize(("index", "probed"), [(1, []), (3, [0])])
def test_a_drawn_sibling_of_the_same_answer_is_the_probe(index: int, probed: list[int]) -> None:
    groups = (replace(sevens(), content=str(number).encode()) for number in range(1000))
    group = next(g for g in groups if [i for _, i in calibration_sample([g], 4, 0.25)] == [index])
    drawn, *others = label_plan([group], 4, 0.25)
    assert (drawn.rollout_index, drawn.reason) == (index, PlanReason.CALIBRATION)
    assert drawn.gain == pytest.approx(1.5 if index == 1 else 1 / 3, abs=1e-6)
    assert [label.rollout_index for label in others] == probed


def test_an_open_group_is_made_of_what_the_caller_sent() -> None:
    rollouts = (Rollout("7"), Rollout(" \n"), Rollout("8", label=0.0))
    group = open_group(Group("0", Query("q", "id"), rollouts), SEVENS)
    assert (group.labels, group.blank) == ([None, None, 0.0], frozenset({1}))
    relabelled = open_group(Group("0", Query("q", "id"), (Rollout("7", label=1.0), *rollouts[1:])), SEVENS)
    assert relabelled.content == group.content
    for other in (
        Group("0", Query("q", "other"), rollouts),
        Group("0", Query("q", "id"), (Rollout("7"), Rollout(" "), Rollout("8"))),
    ):
        assert open_group(other, SEVENS).content != group.content
