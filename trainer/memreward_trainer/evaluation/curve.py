"""Figures over label budgets, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

Mean = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By method and metric: `mean` and `spread`."""

BUDGETS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7)


def draw_curve(path: Path, title: str, points: Sequence[tuple[float, Mean]], metric: str, name: str) -> None:
    """A PNG: `metric`, called `name`, of every method over the share of labels; bars are the spread of the splits."""
    figure = Figure(figsize=(7.0, 4.5), layout="constrained")
    axes = figure.subplots()
    for method in points[0][1]:
        known = [(budget, mean[method][metric]) for budget, mean in points if metric in mean[method]]
        axes.errorbar(
            [100 * budget for budget, _ in known],
            [100 * figure["mean"] for _, figure in known],
            yerr=[100 * figure["spread"] for _, figure in known],
            marker="o",
            capsize=3,
            label=method,
        )
    axes.set_xlabel("label budget, % of the rollouts")
    axes.set_ylabel(f"{name}, %")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120)
