"""Which groups are kept, which of their rollouts are predicted and which audited, and what a late label does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memreward_proto.records import Domain, Group, GroupKey, Query, Rollout
from memreward_service.belief.posterior import GroupBelief
from memreward_service.trust.window import (
    AnsweredGroup,
    Drawn,
    Window,
    answered_group,
    audit_of,
    compared,
    predicted,
    without_own_label,
)
from service.trust.answered import NONE, Labels, group_of

OWN = [0.6, 0.7, 0.5, 0.3, 0.2, 0.1]
BELIEF = GroupBelief(OWN, ["7", "7", "7", "8", "8", "9"])
BEFORE = BELIEF.probability([None] * 6).tolist()
FIRST: Labels = [1.0, *NONE[1:]]


def answered(labels: Labels, number: int = 1, audit: Drawn | None = None, **options: object) -> AnsweredGroup:
    return answered_group(group_of(number, labels), BELIEF, audit=audit, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("labels", [[1, 0, 0, None, None, 1], [None, 1, None, 0, None, None], [0.25, *NONE[1:]]])
def test_the_own_label_is_not_seen_and_those_of_siblings_are(labels: Labels) -> None:
    unseen = without_own_label(BELIEF, tuple(labels))
    for index, label in enumerate(labels):
        if label is None:
            assert unseen[index] is None
            continue
        others = [*labels[:index], None, *labels[index + 1 :]]
        assert unseen[index] == BELIEF.probability(others)[index]
        for lie in (0.0, 0.5, 1.0):
            lied = (*labels[:index], lie, *labels[index + 1 :])
            assert without_own_label(BELIEF, lied)[index] == unseen[index]


def test_of_a_group_that_is_labelled_as_a_whole_no_label_is_seen_unless_a_planner_asked_for_them() -> None:
    """Its query has a reference answer: rollouts of the others are predicted beside no labelled sibling."""
    labels: Labels = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    assert answered(labels).unseen() == BEFORE
    planned = answered(labels, audit=Drawn(0.1, frozenset({2}))).unseen()
    assert planned[2] == BELIEF.probability([1.0, 1.0, None, 0.0, 0.0, 0.0])[2] > 0.99


def test_what_is_predicted_is_neither_labelled_nor_blank() -> None:
    group = answered_group(group_of(1, [1.0, 0.0, *NONE[2:]], blank=1), BELIEF)
    assert (group.predicted, group.known) == ([2, 3, 4, 5], [0])
    assert predicted([group]).tolist() == BELIEF.probability([1.0, 0.0, *NONE[2:]])[[2, 3, 4, 5]].tolist()
    assert answered(FIRST, served=False).predicted == [], "nobody was given a reward"
    assert predicted([]).tolist() == []


def test_labels_beside_probabilities_by_hand() -> None:
    rows = compared([answered(FIRST, step=4), answered([None, 0.25, *NONE[2:]], 2)])
    assert rows.label.tolist() == [1.0, 0.25]
    assert rows.probability.tolist() == BEFORE[:2], "that of its answer, no label seen"
    assert rows.step.tolist() == [4, -1]


def test_a_group_that_is_answered_again_takes_its_own_place() -> None:
    window = Window(100)
    for labels, expected in (
        (FIRST, FIRST),
        (FIRST, FIRST),
        ([None, 0.0, *NONE[2:]], [1.0, 0.0, *NONE[2:]]),  # what is known stays known
        ([0.0, *NONE[1:]], [0.0, 0.0, *NONE[2:]]),  # another label
    ):
        window.put(answered(labels))
        (group,) = window.groups()
        assert list(group.labels) == list(expected)
    window.put(answered(FIRST, number=2))
    window.put(replace(answered(NONE), audit=Drawn(0.1, frozenset({3}))))
    second, again = window.groups()
    assert (second.query, again.audit) == (answered(NONE, number=2).query, Drawn(0.1, frozenset({3})))
    window.put(answered(NONE))
    assert window.groups()[-1].audit == again.audit, "a call that waits no more asks for no label, but some were"


def test_a_group_sent_one_by_one_is_one_an_attempt() -> None:
    window = Window(100)
    for attempt in (0, 0, 1):
        key = GroupKey("run", "g", attempt)
        window.put(answered_group(group_of(1, FIRST), BELIEF, key))
    assert len(window.groups()) == 2


def test_the_window_holds_the_last_rollouts() -> None:
    window = Window(12)
    for number in (1, 2, 1, 3):
        window.put(answered(FIRST, number))
    assert [group.query for group in window.groups()] == [answered(NONE, number).query for number in (1, 3)]
    large = Group(Query("?", "q", Domain.MATH), (Rollout("7"),) * 13, "g")
    window.put(answered_group(large, GroupBelief([0.5] * 13, ["7"] * 13)))
    assert [len(group.labels) for group in window.groups()] == [13], "one group at least"


def test_where_no_planner_spoke_all_labels_are_of_the_audit_and_stand_for_all_that_was_predicted() -> None:
    groups = [answered(FIRST), answered(NONE, 2), answered([*NONE[:4], 0.0, 0.0], 3)]
    audit, count = audit_of(groups)
    assert count == 3
    assert audit.right.tolist() == [1.0, 0.0, 0.0]
    assert audit.weight.tolist() == pytest.approx([15 / 3] * 3)
    assert audit.group.tolist() == [0, 2, 2]
    assert audit.alike.tolist() == [3.0, 2.0, 1.0], "itself, and those without a label that give its answer"
    assert audit.probability[0] == BEFORE[0]


def test_where_a_planner_spoke_only_what_it_drew_is_of_the_audit() -> None:
    drawn = Drawn(0.25, frozenset({0, 3}))
    groups = [answered([1.0, 0.0, *NONE[2:]], audit=drawn), answered(FIRST, 2, Drawn(0.5, frozenset({0})))]
    audit, count = audit_of(groups)
    assert count == 2
    assert audit.group.tolist() == [0, 1]
    # Nine were predicted; drawn with a probability of 1/4 one stands for three others, with 1/2 for one.
    assert audit.weight.tolist() == pytest.approx([9 * 3 / 4, 9 * 1 / 4])
    assert audit.probability[0] == BELIEF.probability([None, 0.0, *NONE[2:]])[0] < 0.01


def test_a_kind_of_groups_that_nobody_audits_leaves_nothing_to_say() -> None:
    chance = [answered([1.0] * 6, number) for number in range(20)]
    planned = [answered(NONE, 100 + number, Drawn(0.1, frozenset())) for number in range(20)]
    audit, count = audit_of([*chance, *planned])
    assert (count, len(audit.right)) == (0, 0), "whole groups do not stand for what a planner left"
    some = [answered(FIRST, 200 + number) for number in range(20)]
    assert audit_of([*some, *planned])[1] == 0
    assert audit_of(some)[1] == 20


def test_labels_that_came_with_the_group_were_not_asked_for() -> None:
    window = Window(100)
    window.put(answered([1.0] * 6, 1, Drawn(0.1, frozenset({0}))))
    window.put(answered([None, *[1.0] * 5], 2, Drawn(0.1, frozenset({0}))))
    window.put(answered([1.0] * 6, 2, Drawn(0.1, frozenset({0}))))
    assert [group.audit for group in window.groups()] == [None, Drawn(0.1, frozenset({0}))]


def test_a_late_label_reaches_the_rollout_that_was_predicted() -> None:
    window = Window(100)
    window.put(answered(NONE))
    window.put(answered(FIRST, 2))
    query, rollout = window.groups()[0].query, window.groups()[0].rollouts[3]
    assert rollout is not None
    assert window.label(query, rollout, "a", 0.0)
    first, second = window.groups()
    assert (first.labels, second.labels) == ((None, None, None, 0.0, None, None), tuple(FIRST))
    assert compared([first]).probability.tolist() == [BEFORE[3]]
    assert window.label(query, rollout, "a", 1.0), "known already: corrected, not counted twice"
    assert window.groups()[0].labels[3] == 1.0
    assert not window.label(query, hash("another answer"), "a", 1.0)
    assert not window.label(hash("another query"), rollout, "a", 1.0)


def test_late_labels_of_equal_rollouts_are_told_apart_by_id() -> None:
    group = group_of(1, NONE)
    equal = replace(group, rollouts=(group.rollouts[0],) * 6)
    window = Window(100)
    window.put(answered_group(equal, BELIEF))
    query, rollout = window.groups()[0].query, window.groups()[0].rollouts[0]
    assert rollout is not None
    for stored_id, label in (("a", 1.0), ("b", 0.0), ("a", 1.0), ("b", 0.25)):
        assert window.label(query, rollout, stored_id, label)
    assert window.groups()[0].labels == (1.0, 0.25, None, None, None, None)
    window.put(answered_group(equal, BELIEF))
    assert window.label(query, rollout, "b", 0.5)
    assert window.groups()[0].labels == (1.0, 0.5, None, None, None, None), "also after it was answered again"


def test_late_labels_of_a_stored_group_add_up() -> None:
    window = Window(100)
    window.put(answered([1.0, 0.0, *NONE[2:]], audit=Drawn(None, frozenset({1})), served=False))
    window.put(answered([1.0, 0.0, 1.0, *NONE[3:]], audit=Drawn(None, frozenset({2})), served=False))
    (group,) = window.groups()
    assert (group.audited, group.known) == ([1, 2], [0, 1, 2])
    assert group.rate is None
    rollout = group.rollouts[4]
    assert rollout is not None
    assert window.label(group.query, rollout, "id", 1.0)
    assert window.groups()[0].audited == [1, 2, 4]
