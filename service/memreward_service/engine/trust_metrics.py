"""Trust in the Prometheus registry of the process (GET /metrics): read when the page is asked for, NaN where a figure
is not defined."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from prometheus_client import Gauge

from memreward_service.records import Domain, TrustFigures

_OVER = "over the last labelled rollouts, each predicted without its own label."
FIGURES = {
    "rollouts": Gauge("memreward_trust_rollouts", "Labelled rollouts that the figures are over.", ["domain"]),
    "auc": Gauge("memreward_trust_auc", f"AUC {_OVER}", ["domain"]),
    "false_positive_rate": Gauge(
        "memreward_trust_false_positive_rate", f"Share of the wrong rollouts that are rewarded, {_OVER}", ["domain"]
    ),
    "false_negative_rate": Gauge(
        "memreward_trust_false_negative_rate", f"Share of the right rollouts that are not rewarded, {_OVER}", ["domain"]
    ),
    "calibration_error": Gauge(
        "memreward_trust_calibration_error", f"Expected calibration error {_OVER}", ["domain"]
    ),
    "share_abstained": Gauge(
        "memreward_trust_share_abstained", f"Share too near to the threshold to be rewarded, {_OVER}", ["domain"]
    ),
}  # fmt: skip
"""The gauge of each field of TrustFigures."""
TRUSTED = Gauge(
    "memreward_trust_trusted", "1 where predictions are given, 0 where all are answered abstain.", ["domain"]
)


def show(domain: Domain, figures: Callable[[], TrustFigures], trusted: bool) -> None:
    """Set the gauges of a domain; `figures` is called when they are read."""
    TRUSTED.labels(domain).set(trusted)
    for name, gauge in FIGURES.items():
        gauge.labels(domain).set_function(partial(_value, figures, name))


def _value(figures: Callable[[], TrustFigures], name: str) -> float:
    value = getattr(figures(), name)
    return math.nan if value is None else float(value)
