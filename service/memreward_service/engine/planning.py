"""Which labels to ask for among groups that are sent together: the planner's choice, its audit, and what a run can pay.

labels/planner.py chooses, labels/audit.py draws the sample that trust is measured on, labels/requests.py charges a run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from memreward_proto.records import Group, LabelCharge, PlannedLabel, SampledRollout
from memreward_service.belief.drift import Drift
from memreward_service.belief.posterior import GroupBelief
from memreward_service.labels.audit import NO_AUDIT, PlannedAudits
from memreward_service.labels.planner import LabelChoice, audit_rate, audit_sample, label_plan, open_group, with_audit
from memreward_service.labels.requests import LabelRequests
from memreward_service.trust.window import Drawn


class LabelPlanning:
    """Plans labels, and remembers the audit of each plan for when its labels come."""

    def __init__(self, requests: LabelRequests, calibration_share: float) -> None:
        """`calibration_share` of the labels goes to the audit."""
        self._requests = requests
        self._calibration_share = calibration_share
        self._audits = PlannedAudits()

    async def plan(
        self, groups: Sequence[Group], beliefs: Sequence[GroupBelief], drifts: Sequence[Drift | None], budget: int,
        charge: LabelCharge | None,
    ) -> tuple[tuple[PlannedLabel, ...], tuple[SampledRollout, ...]]:  # fmt: skip
        """The next labels, `budget` at most, that the run of the `charge` can pay for, and all rollouts that were drawn
        for the audit so far. `beliefs` are those before any label, `drifts` say where the consensus drifts. Raises
        Unavailable."""
        choice, sample = await asyncio.to_thread(self._choice, groups, beliefs, drifts, budget, charge)
        if charge is None:
            return choice.plan, sample
        return await self._requests.affordable(groups, choice.plan, charge), sample

    def drawn(self, group: Group) -> Drawn | None:
        """The audit of a group, None where no plan was made for it."""
        audit = self._audits.of(group)
        return None if audit is None else Drawn(audit.rate, audit.sample)

    def _choice(
        self, groups: Sequence[Group], beliefs: Sequence[GroupBelief], drifts: Sequence[Drift | None], budget: int,
        charge: LabelCharge | None,
    ) -> tuple[LabelChoice, tuple[SampledRollout, ...]]:  # fmt: skip
        asked = [
            open_group(group, belief, None if drift is None else drift.key)
            for group, belief, drift in zip(groups, beliefs, drifts, strict=True)
        ]
        if charge is None:
            rate = audit_rate(asked, budget, self._calibration_share)
        else:
            rate = self._requests.audit_rate(charge)
        asked = [
            with_audit(opened, rate, (self._audits.of(group) or NO_AUDIT).wanted)
            for opened, group in zip(asked, groups, strict=True)
        ]
        choice = label_plan(asked, budget)
        self._audits.keep(groups, choice.audits)
        return choice, audit_sample(asked)
