"""Trust in the Prometheus registry of the process (GET /metrics), as it was worked out last; NaN where a figure is not
defined."""

from __future__ import annotations

import math

from prometheus_client import Gauge

from memreward_proto.records import DomainTrust

_FIGURES = {
    "rollouts": "How many rollouts the figures are over.",
    "auc": "AUC.",
    "false_positive_rate": "Share of the wrong rollouts that are rewarded.",
    "false_negative_rate": "Share of the right rollouts that are not rewarded.",
    "calibration_error": "Expected calibration error.",
    "share_abstained": "Share too near to the threshold to be rewarded.",
}
_OVER = {
    "memreward_trust_": "Over the last labelled rollouts, each predicted without its own label.",
    "memreward_trust_predicted_": "Estimated for the last rollouts whose rewards were predicted.",
}
COMPARED, ESTIMATED = (
    {name: Gauge(prefix + name, f"{what} {over}", ["domain"]) for name, what in _FIGURES.items()}
    for prefix, over in _OVER.items()
)
"""The gauge of each field of TrustFigures."""
ENDS = {
    (name, end): Gauge(f"memreward_trust_predicted_{name}_{end}", f"The {end} end of its 95% interval.", ["domain"])
    for name in ("auc", "false_positive_rate", "false_negative_rate")
    for end in ("low", "high")
}
"""The gauge of each end of each field of TrustIntervals."""
AUDITED = Gauge("memreward_trust_audited", "How many audited rollouts the estimates rest on.", ["domain"])
AGREEMENT = Gauge(
    "memreward_agreement", "Mean share of a group that gives its most frequent answer, of the last groups.", ["domain"]
)
TRUSTED = Gauge(
    "memreward_trust_trusted", "1 where predictions are given, 0 where all are answered abstain.", ["domain"]
)


def show(trust: DomainTrust) -> None:
    """Set the gauges of a domain."""
    TRUSTED.labels(trust.domain).set(trust.trusted)
    AUDITED.labels(trust.domain).set(trust.audited)
    AGREEMENT.labels(trust.domain).set(_value(trust.agreement))
    for gauges, figures in ((COMPARED, trust.figures), (ESTIMATED, trust.predicted)):
        for name, gauge in gauges.items():
            gauge.labels(trust.domain).set(_value(getattr(figures, name)))
    for (name, end), gauge in ENDS.items():
        interval = getattr(trust.interval, name)
        gauge.labels(trust.domain).set(_value(interval and getattr(interval, end)))


def _value(figure: float | None) -> float:
    return math.nan if figure is None else float(figure)
