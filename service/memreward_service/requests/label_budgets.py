"""What a request says of its run's label budget: checked, and filled in (see validation.py)."""

from __future__ import annotations

from dataclasses import replace

from memreward_proto.errors import InvalidArgument
from memreward_proto.records import LabelBudget, LabelCharge, LabelPlanRequest
from memreward_service.requests.limits import MAX_STEP, check_name, check_optional_whole, check_whole
from memreward_service.settings import MAX_DEADLINE_MS

LABEL_DEADLINE_MS = 60_000
"""How long a label that was asked for is awaited, where the caller does not say it."""


def valid_charge(request: LabelPlanRequest) -> LabelCharge | None:
    """To whom the labels of a plan are charged; None where it names neither run, step nor budget.

    Run and group id are what the ledger knows a label by that was paid already, so each group needs an id of its own.
    """
    if request.run_id is None and request.step is None and request.label_budget is None:
        return None
    if request.run_id is None:
        raise InvalidArgument(
            "run_id is missing: labels are charged to a run; give it, or leave label_budget and step out.",
            field="run_id",
        )
    if request.label_budget is None:
        raise InvalidArgument(
            "label_budget is missing: give what the run may spend, or leave run_id and step out.", field="label_budget"
        )
    for place, group in enumerate(request.groups):
        if group.group_id is None:
            raise InvalidArgument(
                f"groups[{place}].group_id is missing: labels are charged by the ids of run and group; give the id "
                "that the group has in /v1/rollouts, or one of its own in the run.",
                field=f"groups[{place}].group_id",
            )
    step = check_optional_whole(request.step, "step", 0, MAX_STEP)
    return LabelCharge(check_name(request.run_id, "run_id"), step, valid_budget(request.label_budget))


def valid_budget(budget: LabelBudget) -> LabelBudget:
    """What a run may spend; a missing deadline is LABEL_DEADLINE_MS."""
    # NaN fails both comparisons.
    if not 0.0 < budget.share <= 1.0:
        raise InvalidArgument(
            f"label_budget.share is {budget.share!r}: give the share of rollouts that may be labelled, above 0 and at "
            "most 1.",
            field="label_budget.share",
            given=repr(budget.share),
        )
    check_optional_whole(budget.labels, "label_budget.labels", 1, MAX_STEP)
    deadline_ms = LABEL_DEADLINE_MS if budget.deadline_ms is None else budget.deadline_ms
    return replace(budget, deadline_ms=check_whole(deadline_ms, "label_budget.deadline_ms", 1, MAX_DEADLINE_MS))
