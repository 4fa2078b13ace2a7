"""Trust in the Prometheus registry of the process (GET /metrics): read when the page is asked for, NaN where a figure
is not defined."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from prometheus_client import Gauge

from memreward_service.records import Domain, TrustFigures

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
TRUSTED = Gauge(
    "memreward_trust_trusted", "1 where predictions are given, 0 where all are answered abstain.", ["domain"]
)


def show(
    domain: Domain, compared: Callable[[], TrustFigures], estimated: Callable[[], TrustFigures], trusted: bool
) -> None:
    """Set the gauges of a domain; the two kinds of figures are asked for when they are read."""
    TRUSTED.labels(domain).set(trusted)
    for gauges, figures in ((COMPARED, compared), (ESTIMATED, estimated)):
        for name, gauge in gauges.items():
            gauge.labels(domain).set_function(partial(_value, figures, name))


def _value(figures: Callable[[], TrustFigures], name: str) -> float:
    value = getattr(figures(), name)
    return math.nan if value is None else float(value)
