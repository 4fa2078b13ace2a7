"""Figures over label budgets, as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from memreward_trainer.evaluation.epochs import Epoch

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


def draw_epochs(path: Path, title: str, runs: Sequence[Sequence[Epoch]]) -> None:
    """A PNG: labels spent and rewards right by epoch, with memory of the queries and without, means over the runs."""
    figure = Figure(figsize=(9.0, 4.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = np.arange(1, len(runs[0]) + 1)
    for axes, name, with_memory, without in (
        (left, "labels asked for, % of the rollouts", "labels", "labels_without"),
        (right, "rewards right, %", "right", "right_without"),
    ):
        for label, field in (("with memory of the query", with_memory), ("without", without)):
            axes.plot(
                epochs, [100 * np.mean([getattr(run[e], field) for run in runs]) for e in range(len(epochs))],
                marker="o", label=label,
            )  # fmt: skip
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle(title)
    figure.savefig(path, dpi=120)
