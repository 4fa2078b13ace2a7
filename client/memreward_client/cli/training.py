"""`memreward train`, `memreward models`: a training job followed to its end, and the models it leaves."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from memreward_client.cli.progress import PERCENT, track
from memreward_client.client import RewardClient
from memreward_proto.records import ModelInfo, TrainingJob

POLL_SECONDS = 0.5
HEADLINES = {"auc": "AUC", "accuracy": "accuracy", "false_positive_rate": "FPR"}
"""Metrics that a list of models shows, and their short names."""


def follow_training(client: RewardClient, job_id: str) -> TrainingJob:
    """Wait for a job with a progress bar; returns it as it is at the end. Raises MemRewardError."""
    with track("training", 100, PERCENT) as progress:
        return client.wait_for_training(
            job_id,
            poll=POLL_SECONDS,
            looked=lambda job: progress.reached(round(100 * job.progress), job.status),
        )


def metrics_table(job: TrainingJob) -> Table:
    """What a finished job measured on its held-out queries."""
    table = Table("metric (held-out queries)", "value", title=f"model {job.model_version}")
    table.columns[1].justify = "right"
    for name, value in job.metrics.items():
        table.add_row(name, f"{value:.4g}")
    table.caption = job.reason
    return table


def models_table(models: Sequence[ModelInfo]) -> Table:
    """The models that a service keeps, the active one marked; GET /v1/models has their other metrics."""
    names = [name for name in HEADLINES if any(name in model.metrics for model in models)]
    headings = ("", "model", "made (UTC)", "labels", *(HEADLINES[name] for name in names))
    table = Table(*headings, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))  # 80 columns hold it
    for column in table.columns[3:]:
        column.justify = "right"
    for model in models:
        metrics = (f"{model.metrics[name]:.3f}" if name in model.metrics else "" for name in names)
        labels = str(model.training_labels)
        made = model.created_at[:16].replace("T", " ")
        table.add_row("active" if model.active else "", model.model_version, made, labels, *metrics)
    reasons = [f"{model.model_version}: {model.reason}" for model in models if model.reason is not None]
    table.caption = "\n".join(reasons) or None
    return table
