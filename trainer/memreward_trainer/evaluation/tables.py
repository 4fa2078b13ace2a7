"""What `memreward evaluate` prints: which figures a comparison shows, and the tables of their means."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from memreward_trainer.evaluation.epochs import Epoch
from memreward_trainer.evaluation.reward_modes import AUDIT, PLANNED_LABELS
from memreward_trainer.evaluation.trust_check import DRAWS, LABELS

Figures = dict[str, dict[str, float]]
"""Metrics by method."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a comparison shows: metric -> title of its column, and the metric of its curve."""

    columns: dict[str, str]
    caption: str
    headline: str
    headline_name: str


COMPARED = Kind(
    {
        "auc": "AUC",
        "within_group_auc": "in-group AUC",
        "accuracy": "accuracy",
        "false_positive_rate": "FPR",
        "calibration_error": "ECE",
    },
    "in-group AUC: among the rollouts of one query; FPR: share of the wrong rollouts that are rewarded; "
    "ECE: expected calibration error.",
    "accuracy",
    "rewards right, of rollouts without a label",
)
PLANNED = Kind(
    {
        "right": "right",
        "right_without_network": "no network",
        "false_positive_rate": "FPR",
        "false_negative_rate": "FNR",
        "labels_spent": "labels",
    },
    "right, FPR and FNR: rewards of all rollouts, labelled ones included; no network: right by agreement and the same "
    "labels alone; labels: spent. The planner and the rules stop where no label is worth asking for.",
    "right",
    "rewards right",
)

TRUSTED = Kind(
    {
        "auc": "AUC",
        "false_positive_rate": "FPR",
        "false_negative_rate": "FNR",
        "audited": "audited",
        "given": "given",
    },
    f"{LABELS:.0%} of the rollouts that arrive after training are labelled, {DRAWS} times anew: by chance, of whole "
    "groups, or asked for by the planner. Truth and estimate are of the predicted rewards; width: of the 95% interval; "
    "holds: share of the draws whose interval holds the truth; audited: rollouts that the estimate rests on; given: "
    "share of the draws in which these are enough for one.",
    "auc",
    "AUC",
)

TAUGHT = Kind(
    {
        "correlation": "corr.",
        "correlation_undivided": "undivided",
        "no_gradient": "no grad.",
        "false_gradient": "false grad.",
        "right": "right",
    },
    "corr.: correlation of GRPO's advantages with those of the true rewards, over rollouts; undivided: the same where "
    "none is divided by the standard deviation of its group; no grad.: share of the groups with right and wrong "
    "rollouts whose rewards are equal; false grad.: share of the other groups whose rewards are not; right: rewards on "
    f"the right side of one half. Queries: whole groups of predictions; planned: {PLANNED_LABELS:.0%} of the rollouts "
    f"have labels that the planner asked for. Corrected: by the rates of errors in an audit of {AUDIT:.0%}.",
    "correlation",
    "correlation of advantages with the true ones",
)

TWO_EPOCHS = replace(
    PLANNED,
    columns={
        "right": "right",
        "false_positive_rate": "FPR",
        "false_negative_rate": "FNR",
        "auc": "AUC",
        "labels_spent": "labels",
    },
    caption="right, FPR and FNR: rewards of all rollouts of the second epoch, labelled ones included; AUC: of those "
    "without a label; labels: spent in it. The first epoch has the better half of the policies, the second the others.",
)


def means(runs: Sequence[Figures]) -> dict[str, dict[str, dict[str, float]]]:
    """By method and metric: mean and spread (sample standard deviation) over the runs that have it."""
    return {
        method: {
            metric: {"mean": statistics.mean(values), "spread": statistics.stdev(values) if len(values) > 1 else 0.0}
            for metric in runs[0][method]
            if (values := [run[method][metric] for run in runs if metric in run[method]])
        }
        for method in runs[0]
    }


def figures_table(title: str, runs: Sequence[Figures], kind: Kind) -> Table:
    """Methods by the columns of `kind`; a figure that is not defined is a dash."""
    table = Table(title=title, title_justify="left", caption=kind.caption, caption_justify="left", box=SIMPLE_HEAD)
    table.padding, table.pad_edge = (0, 1, 0, 0), False
    for name in ("mean±spread", *kind.columns.values()):
        table.add_column(name, no_wrap=True)
    for method, figures in means(runs).items():
        table.add_row(method, *(_cell(figures.get(metric)) for metric in kind.columns))
    return table


def epochs_table(title: str, runs: Sequence[Sequence[Epoch]]) -> Table:
    """Means over the runs, an epoch a row; the last row is all of them together."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for name in ("epoch", "labels", "right", "FPR", "labels, no memory", "right, no memory"):
        table.add_column(name, no_wrap=True)
    count = len(runs[0])
    for number in range(count + 1):
        chosen = [run[number] for run in runs] if number < count else [epoch for run in runs for epoch in run]
        columns = zip(*map(astuple, chosen), strict=True)
        table.add_row(str(number + 1) if number < count else "all", *(f"{statistics.mean(one):.2%}" for one in columns))
    return table


def _cell(figure: dict[str, Any] | None) -> str:
    return "-" if figure is None else f"{figure['mean']:.3f}±{figure['spread']:.3f}".replace("±0.", "±.")
