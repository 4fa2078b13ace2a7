"""`memreward train`, `memreward models`: a training job followed to its end, and the models it leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from .progress import PERCENT, track
from .service_http import ServiceError, ServiceSession

POLL_SECONDS = 0.5
HEADLINES = {"auc": "AUC", "accuracy": "accuracy", "false_positive_rate": "FPR"}
"""Metrics that a list of models shows, and their short names."""


def start_training(session: ServiceSession, *, seeds: int | None = None, epochs: int | None = None) -> str:
    """Queue a training job; returns its id. Raises ServiceError, code conflict while another runs."""
    options = {"seeds": seeds, "epochs": epochs}
    body = {name: value for name, value in options.items() if value is not None}
    job_id: str = session.post("/v1/training", body, repeatable=False)["job_id"]
    return job_id


def follow_training(
    session: ServiceSession, job_id: str, *, sleep: Callable[[float], None] = time.sleep
) -> dict[str, Any]:
    """Wait for a job with a progress bar; returns it as GET /v1/training/{job_id} has it at the end.

    Raises ServiceError, also where the job failed.
    """
    with track("training", 100, PERCENT) as progress:
        while True:
            job = session.get(f"/v1/training/{job_id}")
            progress.reached(round(100 * job["progress"]), job["status"])
            if job["status"] == "failed":
                raise ServiceError(job["error"]["code"], f"Training failed: {job['error']['message']}")
            if job["status"] == "succeeded":
                return job
            sleep(POLL_SECONDS)


def metrics_table(job: Mapping[str, Any]) -> Table:
    """What a finished job measured on its held-out queries."""
    table = Table("metric (held-out queries)", "value", title=f"model {job['model_version']}")
    table.columns[1].justify = "right"
    for name, value in job["metrics"].items():
        table.add_row(name, f"{value:.4g}")
    return table


def models_table(models: list[dict[str, Any]]) -> Table:
    """The models that a service keeps, the active one marked; GET /v1/models has their other metrics."""
    names = [name for name in HEADLINES if any(name in model["metrics"] for model in models)]
    headings = ("", "model", "made (UTC)", "labels", *(HEADLINES[name] for name in names))
    table = Table(*headings, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))  # 80 columns hold it
    for column in table.columns[3:]:
        column.justify = "right"
    for model in models:
        metrics = (f"{model['metrics'][name]:.3f}" if name in model["metrics"] else "" for name in names)
        labels = str(model["training_labels"])
        made = model["created_at"][:16].replace("T", " ")
        table.add_row("active" if model["active"] else "", model["model_version"], made, labels, *metrics)
    return table
