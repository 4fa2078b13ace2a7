"""Trust in the Prometheus registry of the process (GET /metrics): read when the page is asked for, NaN where a figure
is not defined."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

from prometheus_client import Gauge

from memreward_proto.records import Domain, StandardErrors, TrustFigures

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
ERRORS = {
    name: Gauge(
        f"memreward_trust_standard_error_{name}", f"Standard error of memreward_trust_predicted_{name}.", ["domain"]
    )
    for name in ("auc", "false_positive_rate", "false_negative_rate")
}
"""The gauge of each field of StandardErrors."""
TRUSTED = Gauge(
    "memreward_trust_trusted", "1 where predictions are given, 0 where all are answered abstain.", ["domain"]
)


def show(
    domain: Domain,
    compared: Callable[[], TrustFigures],
    estimated: Callable[[], tuple[TrustFigures, StandardErrors]],
    trusted: bool,
) -> None:
    """Set the gauges of a domain; the figures are asked for when they are read."""
    TRUSTED.labels(domain).set(trusted)
    _follow(domain, COMPARED, compared)
    _follow(domain, ESTIMATED, lambda: estimated()[0])
    _follow(domain, ERRORS, lambda: estimated()[1])


def _follow(domain: Domain, gauges: Mapping[str, Gauge], figures: Callable[[], TrustFigures | StandardErrors]) -> None:
    for name, gauge in gauges.items():
        gauge.labels(domain).set_function(partial(_value, figures, name))


def _value(figures: Callable[[], TrustFigures | StandardErrors], name: str) -> float:
    value = getattr(figures(), name)
    return math.nan if value is None else float(value)
