"""What is made of the outcomes of a group's programs, against values worked out by hand."""

from __future__ import annotations

import random

import pytest

from memreward_service.groups.behaviour import Behaviour, compared


def agreements(*behaviours: Behaviour | None) -> list[float | None]:
    return [None if one is None else one.agreement for one in compared(behaviours)]


def keys(*behaviours: Behaviour | None) -> list[str | None]:
    return [None if one is None else one.key for one in compared(behaviours)]


def test_equal_behaviour_has_an_equal_key_and_partial_agreement_is_a_mean_share() -> None:
    first, second, third = (("va", "vb"),), (("va", "vc"),), (("va", "xError"),)
    one, two, three, four = keys(first, first, second, third)
    assert one == two is not None
    assert len({one, three, four}) == 3
    # The first input: all four returned va. The second: two vb, one vc; an exception is nobody's agreement.
    assert agreements(first, first, second, third) == pytest.approx([6 / 8, 6 / 8, 5 / 8, 4 / 8])


def test_a_program_that_fails_everywhere_agrees_with_nobody() -> None:
    fails, nothing, late = (("xError", "xError"),), (("n", "n"),), (("va", "t"),)
    assert keys(fails, fails, nothing, nothing, late, late) == [None] * 6
    assert agreements(fails, nothing, late, (("va", "vb"),)) == [0.0, 0.0, 0.0, 0.25]


def test_none_is_a_result_of_a_program_that_returns_values_too() -> None:
    assert agreements((("va", "n"),), (("va", "n"),)) == [1.0, 1.0]


def test_where_nothing_is_known_nothing_is_compared() -> None:
    assert compared([None, None]) == [None, None]
    assert agreements(None, (("va",),), (("va",),), None) == [None, 1.0, 1.0, None]


def test_the_likeliest_set_on_which_programs_return_values_is_compared() -> None:
    # On the first types all raise; on the second they return, alike; the third would tell them apart.
    one, other = (("xE", "xE"), ("va", "vb"), ("vc", "vd")), (("xE", "xE"), ("va", "vb"), ("vc", "ve"))
    same = keys(one, other)
    assert same[0] == same[1]
    # One value in two on the first types is enough to keep it: 0.5 of the most, over the limit of 0.3.
    one, other = (("vx", "xE"), ("va", "vb")), (("vy", "xE"), ("va", "vb"))
    apart = keys(one, other)
    assert apart[0] != apart[1]


def test_inputs_on_which_a_running_program_was_late_are_left_out() -> None:
    slow, quick = (("va", "vb", "vc", "t"),), (("va", "vb", "vc", "vd"),)
    first, second = compared([slow, quick])
    assert first is not None
    assert second is not None
    assert first.key == second.key
    assert first.agreement == second.agreement == 1.0
    assert first.inputs == 3


def test_skipped_and_stopped_count_as_late() -> None:
    assert keys((("va", "s", "s"),), (("va", "e", "e"),), (("va", "t", "s"),)) == [None] * 3


def test_only_behaviours_of_one_shape_have_inputs_in_common() -> None:
    two, three = (("va", "n"),), (("va", "n", "n"),)
    first, second = compared([two, three])
    assert first is not None
    assert second is not None
    assert first.key != second.key
    assert first.agreement == second.agreement == 0.5
    assert not set(first.returned) & set(second.returned)


def test_the_order_changes_nothing() -> None:
    shown: list[Behaviour | None] = [
        (("va", "vb"),), (("va", "vc"),), (("xE", "xE"),), None, (("va", "t"),), (("va", "vb", "vc"),), (("va", "vb"),),
    ]  # fmt: skip
    expected = dict(zip(shown, compared(shown), strict=True))
    random.Random(1).shuffle(shown)
    assert dict(zip(shown, compared(shown), strict=True)) == expected
