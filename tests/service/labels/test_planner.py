"""What a label is worth, by hand; and what every plan keeps to."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import pytest

from memreward_proto.records import Group, PlannedLabel, PlanReason, Query, Rollout
from memreward_service.belief.posterior import GroupBelief
from memreward_service.labels.audit import GroupAudit, PlannedAudits
from memreward_service.labels.planner import (
    OpenGroup,
    audit_rate,
    audit_sample,
    label_gains,
    label_plan,
    open_group,
    with_audit,
)

# Odds 1.5, 0.25 and 0.25 against 1 for "none is right": 1/2, 1/12 and 1/12.
SURE = 1e-9
"""A label noise that figures worked out by hand may leave out."""
SEVENS = GroupBelief([0.6, 0.6, 0.6, 0.2, 0.2], ["7", "7", "7", "8", None], label_noise=SURE)
NONE: list[float | None] = [None] * 5


def sevens(*labels: float | None, name: str = "g") -> OpenGroup:
    return OpenGroup(name, SEVENS, [*labels, *NONE[len(labels) :]])


def random_group(number: int, right: random.Random) -> tuple[OpenGroup, list[float]]:
    size = right.randint(1, 9)
    keys = [right.choice(["a", "b", "c", None]) for _ in range(size)]
    belief = GroupBelief([right.uniform(0.01, 0.99) for _ in keys], keys, exclusive=right.random() < 0.8)
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


def test_a_consensus_that_drifts_is_asked_about_first_however_sure_it_seems() -> None:
    sure = OpenGroup("sure", GroupBelief([0.999] * 4 + [0.001], ["7"] * 4 + ["8"]), NONE)
    assert not label_plan([sure], 5).plan
    drifts = replace(sure, drift=0)
    plan = label_plan([sevens(), drifts], 5).plan
    assert [(label.group_id, label.rollout_index, label.reason) for label in plan] == [
        ("sure", 0, PlanReason.CONSENSUS_DRIFT), ("g", 0, PlanReason.MAJORITY),
    ]  # fmt: skip
    assert places(label_plan([sevens(), drifts], 1).plan) == [("sure", 0)]
    without_label = replace(drifts, blank=frozenset({0, 1}))
    assert places(label_plan([without_label], 5).plan) == [("sure", 2)]


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_label_on_the_drifting_answer_decides(label: float) -> None:
    sure = OpenGroup("sure", GroupBelief([0.999] * 4 + [0.001], ["7"] * 4 + ["8"]), [label, *NONE[1:]], drift=0)
    assert all(one.reason is not PlanReason.CONSENSUS_DRIFT for one in label_plan([sure], 5).plan)


def test_what_only_the_audit_asked_for_does_not_decide_for_the_planner() -> None:
    belief = GroupBelief([0.999] * 4 + [0.001], ["7"] * 4 + ["8"])
    drawn = GroupAudit(0.5, frozenset({1}))
    group = OpenGroup("g", belief, [None, 0.0, None, None, None], audit=drawn, drift=0)
    assert places(label_plan([group], 5).plan) == [("g", 0)]


def places(plan: Iterable[PlannedLabel]) -> list[tuple[str, int]]:
    return [(label.group_id, label.rollout_index) for label in plan]


def test_the_gain_of_a_label() -> None:
    # Now 3 x 1/2 + 1/12 + 1/12 = 5/3 wrong rewards. The majority right (1/2): none; wrong: 1/6 + 1/6. So 5/3 - 1/6.
    # The 8 wrong (11/12): the sevens 6/11 right, the last 1/11, so 3 x 5/11 + 1/11 = 16/11. So 5/3 - 11/12 x 16/11.
    assert label_gains(sevens()).tolist() == pytest.approx([3 / 2, 1 / 3, 1 / 3], abs=1e-6)
    # One seven was wrong: 8 and the last are 1/6 each. The 8 wrong (5/6): the last is 1/5. So 1/3 - 5/6 x 1/5.
    assert label_gains(sevens(0.0)).tolist() == pytest.approx([0, 1 / 6, 1 / 6], abs=1e-6)


def test_different_texts_do_not_speak_of_each_other() -> None:
    free = GroupBelief([0.6, 0.6, 0.6, 0.2, 0.2], ["7", "7", "7", "8", None], exclusive=False, label_noise=SURE)
    assert label_gains(OpenGroup("g", free, NONE)).tolist() == pytest.approx([3 * 0.4, 0.2, 0.2])
    assert label_gains(OpenGroup("g", free, [1.0, *NONE[1:]])).tolist() == pytest.approx([0, 0.2, 0.2], abs=1e-6)


def test_the_second_answer_is_probed_only_after_the_first_was_wrong() -> None:
    (first,) = label_plan([sevens()], 5).plan
    assert (first.rollout_index, first.reason) == (0, PlanReason.MAJORITY)
    assert first.gain == pytest.approx(1.5, abs=1e-6)
    assert label_plan([sevens(1.0)], 5).plan == ()
    (second,) = label_plan([sevens(0.0)], 5).plan
    assert (second.rollout_index, second.reason) == (3, PlanReason.SECOND)
    assert second.gain == pytest.approx(1 / 6, abs=1e-6)


def test_the_most_valuable_group_comes_first_and_the_budget_holds() -> None:
    sure = OpenGroup("sure", GroupBelief([0.9] * 5, ["7"] * 5, label_noise=SURE), NONE)
    plan = label_plan([sure, sevens(0.0, name="second"), sevens(name="first")], 2).plan
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
    (label,) = label_plan([sevens(*labels)], 1).plan
    assert (label.rollout_index, label.reason) == (index, reason)


def test_a_tie_has_a_second_answer_and_an_answer_of_one_is_no_majority() -> None:
    tie = GroupBelief([0.4] * 4, ["a", "a", "b", "b"], label_noise=SURE)
    (label,) = label_plan([OpenGroup("g", tie, [0.0, None, None, None])], 1).plan
    assert (label.rollout_index, label.reason) == (2, PlanReason.SECOND)
    alone = GroupBelief([0.4], ["a"], label_noise=SURE)
    (label,) = label_plan([OpenGroup("g", alone, [None])], 1).plan
    assert (label.rollout_index, label.reason, label.gain) == (0, PlanReason.UNCERTAIN, pytest.approx(0.4))


def test_nothing_is_asked_where_no_label_changes_a_reward() -> None:
    certain = OpenGroup("certain", GroupBelief([0.999, 0.001], ["a", "b"], label_noise=SURE), [None, None])
    labelled = sevens(0.0, 0.0, 0.0, 1.0, 0.0, name="labelled")
    blank = OpenGroup("blank", GroupBelief([0.5, 0.5], [None, None]), [None, None], blank=frozenset({0, 1}))
    assert label_plan([certain, labelled, blank], 10).plan == ()
    assert label_plan([with_audit(blank, 1.0), labelled], 10).plan == ()


def test_blank_responses_are_passed_over() -> None:
    group = replace(sevens(), blank=frozenset({0, 4}))
    (label,) = label_plan([group], 1).plan
    # Two sevens instead of three, and no last one: now 2 x 1/2 + 1/12; right: none; wrong (1/2): 1/6.
    assert (label.rollout_index, label.gain) == (1, pytest.approx(1.0, abs=1e-6))
    assert with_audit(group, 1.0).audit.drawn == {1, 2, 3}


@pytest.mark.parametrize("seed", range(8))
def test_every_plan_keeps_to_its_budget_and_its_groups(seed: int) -> None:
    groups, truth = random_groups(seed)
    spent, budget = 0, 6
    while plan := label_plan(groups, budget).plan:
        assert len(plan) <= budget
        assert len(set(places(plan))) == len(plan)
        known = {(g.group_id, i) for g in groups for i, label in enumerate(g.labels) if label is not None}
        assert not known & set(places(plan)), "a known label is never asked for again"
        probes = Counter(label.group_id for label in plan if label.reason is not PlanReason.CALIBRATION)
        assert not probes or max(probes.values()) == 1
        gains = [label.gain for label in plan if label.reason is not PlanReason.CALIBRATION]
        assert gains == sorted(gains, reverse=True)
        assert all(label.gain >= 0 for label in plan)
        assert label_plan(groups, budget).plan == plan
        groups, spent = told(groups, truth, places(plan)), spent + len(plan)
    assert spent < sum(map(len, truth)), "it ends before everything is labelled"


def test_who_is_drawn_depends_on_nothing_that_is_known() -> None:
    groups, truth = random_groups(3)
    every = [(g.group_id, i) for g in groups for i in range(len(g.labels))]
    first = drawn(groups, 0.25)
    assert 0 < len(first) < len(every) / 2
    assert drawn(told(groups, truth, random.Random(1).sample(every, 25)), 0.25) == first
    assert set(first) < set(drawn(groups, 0.5)), "with a higher rate others are drawn too"
    assert drawn(groups, 0.0) == []
    assert drawn(groups, 1.0) == every


def test_each_rollout_is_drawn_with_the_rate() -> None:
    count: Counter[int] = Counter()
    for number in range(8000):
        count.update(with_audit(replace(sevens(), content=str(number).encode()), 0.05).audit.drawn)
    assert len(count) == 5
    for times in count.values():
        assert times == pytest.approx(8000 * 0.05, abs=4 * (8000 * 0.05 * 0.95) ** 0.5)


def test_the_rate_of_a_plan_is_a_share_of_the_labels_known_and_to_come() -> None:
    groups = [sevens(1.0, 0.0, name="a"), replace(sevens(name="b"), blank=frozenset({0, 1}))]
    assert audit_rate(groups, 6, 0.1) == pytest.approx(0.1 * (2 + 6) / 8)
    assert audit_rate(groups, 1000, 0.5) == 1.0
    assert audit_rate([replace(sevens(), blank=frozenset(range(5)))], 5, 0.1) == 0.0


def audited(group: OpenGroup, *indexes: int, wanted: Iterable[int] = ()) -> OpenGroup:
    return replace(group, audit=GroupAudit(0.1, frozenset(indexes), frozenset(wanted)))


def test_the_audit_comes_first_and_the_planner_goes_on_as_if_there_were_none() -> None:
    drawn_first = label_plan([audited(sevens(), 1, 3)], 4)
    assert [(label.rollout_index, label.reason) for label in drawn_first.plan] == [
        (1, PlanReason.CALIBRATION), (3, PlanReason.CALIBRATION), (0, PlanReason.MAJORITY),
    ]  # fmt: skip
    assert [label.gain for label in drawn_first.plan] == pytest.approx([1.5, 1 / 3, 1.5], abs=1e-6)
    assert [label.rollout_index for label in label_plan([audited(sevens(), 1, 3)], 1).plan] == [1]
    for said in (0.0, 1.0):
        known = audited(sevens(None, said, None, 1 - said), 1, 3)
        (label,) = label_plan([known], 4).plan
        assert (label.rollout_index, label.gain) == (0, pytest.approx(1.5, abs=1e-6)), "whatever the audit said"


def test_a_drawn_rollout_that_the_planner_wants_is_paid_for_once_and_is_no_sample() -> None:
    both = label_plan([audited(sevens(), 0)], 4)
    assert places(both.plan) == [("g", 0)], "what follows depends on what it says"
    assert both.audits[0].sample == frozenset()
    known = label_plan([audited(sevens(0.0), 0)], 4)
    assert [(label.rollout_index, label.reason) for label in known.plan] == [(3, PlanReason.SECOND)]
    assert (known.audits[0].drawn, known.audits[0].wanted) == ({0}, {0})
    again = label_plan([audited(sevens(0.0), 0, wanted=[0])], 4)
    assert again == known
    beyond = label_plan([audited(sevens(0.0), 0)], 4, least_gain=2.0)
    assert (beyond.plan, beyond.audits[0].sample) == ((), {0}), "it would not have been asked for"


@pytest.mark.parametrize("seed", range(8))
def test_what_the_planner_asks_for_is_the_same_whatever_is_drawn(seed: int) -> None:
    """So that a drawn rollout stands for those that are neither drawn nor asked for."""
    groups, truth = random_groups(seed)

    def asked(rate: float, number: int) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
        """All that the planner wants in the end, and the sample."""
        now = [replace(group, content=f"{number} {group.group_id}".encode()) for group in groups]
        wanted = [frozenset[int]() for _ in now]
        asked_for: set[tuple[str, int]] = set()
        while True:
            now = [with_audit(group, rate, known) for group, known in zip(now, wanted, strict=True)]
            choice = label_plan(now, 1000)
            wanted = [audit.wanted for audit in choice.audits]
            if not choice.plan:
                break
            asked_for |= {
                (label.group_id, label.rollout_index)
                for label in choice.plan
                if label.reason is not PlanReason.CALIBRATION
            }
            now = told(now, truth, places(choice.plan))
        asked_for |= {(g.group_id, i) for g, audit in zip(now, choice.audits, strict=True) for i in audit.wanted}
        sample = {(g.group_id, i) for g, audit in zip(now, choice.audits, strict=True) for i in audit.sample}
        return asked_for, sample

    alone, nothing = asked(0.0, 0)
    assert nothing == set()
    for number in range(3):
        wanted, sample = asked(0.4, number)
        assert wanted == alone
        assert sample
        assert not sample & wanted


def drawn(groups: list[OpenGroup], rate: float) -> list[tuple[str, int]]:
    sample = audit_sample([with_audit(group, rate) for group in groups])
    return [(one.group_id, one.rollout_index) for one in sample]


def test_an_open_group_is_made_of_what_the_caller_sent() -> None:
    rollouts = (Rollout("7"), Rollout(" \n"), Rollout("8", label=0.0))
    group = open_group(Group(Query("q", "id"), rollouts, "0"), SEVENS)
    assert (group.labels, group.blank) == ([None, None, 0.0], frozenset({1}))
    relabelled = open_group(Group(Query("q", "id"), (Rollout("7", label=1.0), *rollouts[1:]), "0"), SEVENS)
    assert relabelled.content == group.content
    for other in (
        Group(Query("q", "other"), rollouts, "0"),
        Group(Query("q", "id"), (Rollout("7"), Rollout(" "), Rollout("8")), "0"),
    ):
        assert open_group(other, SEVENS).content != group.content


def test_the_audit_of_a_plan_is_known_by_what_was_asked_and_answered() -> None:
    planned, group = PlannedAudits(), Group(Query("q", "id"), (Rollout("7"), Rollout("8")), "0")
    assert planned.of(group) is None
    planned.keep([group], [GroupAudit(0.1, frozenset({1}))])
    labelled = Group(group.query, (Rollout("7", label=1.0), Rollout("8")), "another id")
    assert planned.of(labelled) == GroupAudit(0.1, frozenset({1}))
    assert planned.of(Group(group.query, (Rollout("7"), Rollout("9")), "0")) is None
