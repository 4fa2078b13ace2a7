"""What the service says of its own rewards (GET /v1/trust), beside what they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from memreward_client.cli.predictions import PredictedGroup
from memreward_proto.records import Domain, DomainTrust, Interval, TrustReport
from memreward_service.belief.metrics import auc
from memreward_service.demo.figures import rewards, truths
from memreward_service.demo.process import DemoError

NAMES = {
    "auc": "AUC",
    "false_positive_rate": "wrong rollouts rewarded",
    "false_negative_rate": "right rollouts not rewarded",
}


def of_math(report: TrustReport) -> DomainTrust:
    """The part about the demo's domain. Raises DemoError."""
    for each in report.domains:
        if each.domain == Domain.MATH:
            return each
    raise DemoError("GET /v1/trust says nothing about the domain math.")


def true_figures(groups: Sequence[PredictedGroup]) -> dict[str, float]:
    """The figures of NAMES over the rollouts whose rewards were predicted; undefined ones are NaN."""
    said = [
        (prediction.probability or 0.0, reward, truth)
        for group in groups
        for prediction, reward, truth in zip(group.scored.rollouts, rewards(group), truths(group.query), strict=True)
        if prediction.source != "label"
    ]
    probability, truth = np.array([row[0] for row in said]), np.array([row[2] for row in said])
    rewarded = [(reward, right) for _, reward, right in said if reward is not None]
    wrong, right = ([reward for reward, is_right in rewarded if is_right == side] for side in (False, True))
    return {
        "auc": auc(truth, probability),
        "false_positive_rate": float(np.mean(wrong)) if wrong else np.nan,
        "false_negative_rate": 1 - float(np.mean(right)) if right else np.nan,
    }


def trust_table(trust: DomainTrust, truth: dict[str, float]) -> Table:
    """Each figure: as estimated, with its interval, and as it is."""
    table = Table("figure", "estimate", "95% interval", "truth")
    for name, title in NAMES.items():
        estimate: float | None = getattr(trust.predicted, name)
        interval: Interval | None = getattr(trust.interval, name)
        between = "-" if interval is None else f"{interval.low:.3f} to {interval.high:.3f}"
        table.add_row(title, "-" if estimate is None else f"{estimate:.3f}", between, f"{truth[name]:.3f}")
    table.caption = trust.too_few or f"Estimated for {trust.predicted.rollouts} rollouts from {trust.audited} labels."
    return table
