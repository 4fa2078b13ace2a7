"""What a run may spend on labels, as a caller says it."""

from __future__ import annotations

import pytest

from memreward_proto.errors import InvalidArgument
from memreward_proto.records import Group, LabelBudget, LabelCharge, LabelPlanRequest, Query, Rollout
from memreward_service.requests.label_budgets import valid_budget, valid_charge

GROUP = Group(Query("2+2"), (Rollout("four"),), "g")


def test_what_is_not_said_has_a_default() -> None:
    assert valid_budget(LabelBudget(1.0)) == LabelBudget(1.0, None, 60_000)
    assert valid_budget(LabelBudget(1e-9, 1, 1)) == LabelBudget(1e-9, 1, 1)
    assert valid_budget(LabelBudget(0.5, 2**63 - 1, 3_600_000)) == LabelBudget(0.5, 2**63 - 1, 3_600_000)


@pytest.mark.parametrize("share", [0.0, -0.5, 1.001, float("nan"), float("inf")])
def test_a_share_is_above_0_and_at_most_1(share: float) -> None:
    with pytest.raises(InvalidArgument, match=r"label_budget\.share") as caught:
        valid_budget(LabelBudget(share))
    assert caught.value.details["field"] == "label_budget.share"


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (LabelBudget(0.5, labels=0), "label_budget.labels"),
        (LabelBudget(0.5, labels=2**63), "label_budget.labels"),
        (LabelBudget(0.5, deadline_ms=0), "label_budget.deadline_ms"),
        (LabelBudget(0.5, deadline_ms=3_600_001), "label_budget.deadline_ms"),
    ],
)
def test_numbers_out_of_range(draft: LabelBudget, field: str) -> None:
    with pytest.raises(InvalidArgument, match=field) as caught:
        valid_budget(draft)
    assert caught.value.details["field"] == field


def test_nothing_is_charged_where_no_run_is_named() -> None:
    unnamed = Group(GROUP.query, GROUP.rollouts)
    assert valid_charge(LabelPlanRequest((unnamed,), 3)) is None
    charge = valid_charge(LabelPlanRequest((GROUP,), 3, "run", 0, LabelBudget(0.25)))
    assert charge == LabelCharge("run", 0, LabelBudget(0.25, None, 60_000))
    with pytest.raises(InvalidArgument, match=r"groups\[1\].group_id is missing"):
        valid_charge(LabelPlanRequest((GROUP, unnamed), 3, "run", 0, LabelBudget(0.25)))
