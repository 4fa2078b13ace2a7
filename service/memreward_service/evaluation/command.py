"""What `memreward evaluate` and `memreward bench` do: measure, print one table, write JSON."""

from __future__ import annotations

import json
import logging
import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from memreward_service.engine.encoder import SentenceEncoder
from memreward_service.engine.group_batch import parse_group
from memreward_service.errors import InvalidArgument
from memreward_service.evaluation.bench import Timing, timings
from memreward_service.evaluation.comparison import compared
from memreward_service.evaluation.labelled_file import Split, labelled_queries, queries_split, rollouts_split
from memreward_service.evaluation.stored_encoder import StoredEncoder
from memreward_service.records import Experience
from memreward_service.settings import Settings
from memreward_service.store import ExperienceStore

SPLITS = {"queries": queries_split, "rollouts": rollouts_split}
COLUMNS = {
    "auc": "AUC",
    "within_group_auc": "in-group AUC",
    "accuracy": "accuracy",
    "false_positive_rate": "FPR",
    "calibration_error": "ECE",
}
CAPTION = (
    "in-group AUC: among the rollouts of one query; FPR: share of the wrong rollouts that are rewarded; "
    "ECE: expected calibration error."
)
CACHE_FOLDER = Path("~/.cache/memreward")

Figures = dict[str, dict[str, float]]
"""Metrics by method."""


def evaluate(
    file: Path, *, regime: str, budget: float, seeds: int, rollouts: int | None, policies: list[str] | None,
    output: Path | None, data_dir: Path | None, epochs: int | None,
) -> None:  # fmt: skip
    """Score the rollouts of `file` whose labels a budget does not buy, print the comparison, write JSON.

    The JSON goes to `output`, by default memreward-evaluate-<file>-<regime>.json in the current folder. Raises
    InvalidArgument, NotEnoughLabels, RolloutFileError.
    """
    if regime not in SPLITS:
        raise InvalidArgument(f"--regime {regime!r} is unknown: use {' or '.join(SPLITS)}.", field="regime")
    if not 0 < budget < 1:
        raise InvalidArgument(f"--budget {budget:g} leaves nothing to measure: use more than 0, less than 1.")
    logging.getLogger("memreward_service").setLevel(logging.WARNING)
    queries = labelled_queries(file, rollouts, policies)
    splits = [SPLITS[regime](queries, budget, seed) for seed in range(seeds)]
    console = Console()
    runs = _runs(queries, splits, (data_dir or CACHE_FOLDER).expanduser(), epochs, console)
    count = sum(len(experience.rollouts) for experience in queries)
    spent = statistics.mean(split.labels_spent for split in splits)
    title = (
        f"{file.name}: {len(queries)} queries, {count} rollouts; regime {regime}, "
        f"{spent:.1%} of the labels; mean ± spread of {seeds} splits"
    )
    console.print(comparison_table(title, runs))
    target = output or Path(f"memreward-evaluate-{file.name.split('.')[0]}-{regime}.json")
    facts = {
        "file": file.name, "regime": regime, "budget": budget, "labels_spent": spent, "queries": len(queries),
        "rollouts": count, "rollouts_a_query": rollouts, "policies": policies, "runs": runs, "mean": means(runs),
    }  # fmt: skip
    target.write_text(json.dumps(facts, indent=2) + "\n")
    console.print(f"Written to {target}.")


def _runs(
    queries: Sequence[Experience], splits: Sequence[Split], cache: Path, epochs: int | None, console: Console
) -> list[Figures]:
    """Figures of every split, with progress."""
    store = ExperienceStore(f"sqlite:///{cache / 'embeddings.sqlite3'}")
    settings = Settings()
    encoder = StoredEncoder(
        SentenceEncoder(settings.embedding_model, settings.device, settings.embedding_batch_size), store
    )
    texts = [
        text
        for experience in queries
        for text in parse_group(experience.query, [stored.rollout for stored in experience.rollouts]).texts
    ]
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bars:
        embedding = bars.add_task("embedding texts (kept for the next run)", total=len(set(texts)))
        encoder.warm(texts, lambda done: bars.advance(embedding, done))
        runs = []
        for number, split in enumerate(splits):
            bar = bars.add_task(f"split {number + 1} of {len(splits)}: training", total=1.0)
            runs.append(
                compared(split, encoder, number, epochs, lambda share, bar=bar: bars.update(bar, completed=share))  # type: ignore[misc]
            )
    store.close()
    return runs


def bench(output: Path | None, memory_queries: int, groups: int, rollouts: int, repeats: int, http: bool) -> None:
    """Time requests against a memory of made-up word problems, print the table, write JSON to `output`."""
    logging.getLogger("memreward_service").setLevel(logging.WARNING)
    console = Console()
    folder = CACHE_FOLDER.expanduser() / f"bench-{memory_queries}x{rollouts}"
    rows = timings(folder, memory_queries, groups, rollouts, repeats, transports=http, console=console)
    console.print(timing_table(f"memory {memory_queries} x {rollouts} rollouts, {os.cpu_count()} cores", rows))
    if output is not None:
        facts = {
            "memory_queries": memory_queries, "groups": groups, "rollouts": rollouts, "cores": os.cpu_count(),
            "rows": [{"name": row.name, "milliseconds": row.milliseconds} for row in rows],
        }  # fmt: skip
        output.write_text(json.dumps(facts, indent=2) + "\n")
        console.print(f"Written to {output}.")


def timing_table(title: str, rows: Sequence[Timing]) -> Table:
    """Median, p95 and how many times faster than the first row the same rollouts are scored."""
    caption = (
        "published procedure: graph and network over the whole memory in every request "
        "(our own code; embeddings are given to it)"
    )
    table = Table(title=title, title_justify="left", caption=caption, caption_justify="left", box=SIMPLE_HEAD)
    table.add_column("request", no_wrap=True)
    for name in ("p50 ms", "p95 ms", "faster"):
        table.add_column(name, no_wrap=True, justify="right")
    for row in rows:
        same_work = row.rollouts == rows[0].rollouts
        speed = f"{rows[0].median / row.median:.1f} x" if same_work else ""
        table.add_row(row.name, f"{row.median:.1f}", f"{row.p95:.1f}", speed)
    return table


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


def comparison_table(title: str, runs: Sequence[Figures]) -> Table:
    """Methods by COLUMNS; a figure that is not defined is a dash."""
    table = Table(title=title, title_justify="left", caption=CAPTION, caption_justify="left", box=SIMPLE_HEAD)
    table.padding, table.pad_edge = (0, 1, 0, 0), False
    for name in ("mean±spread", *COLUMNS.values()):
        table.add_column(name, no_wrap=True)
    for method, figures in means(runs).items():
        table.add_row(method, *(_cell(figures.get(metric)) for metric in COLUMNS))
    return table


def _cell(figure: dict[str, Any] | None) -> str:
    return "-" if figure is None else f"{figure['mean']:.3f}±{figure['spread']:.3f}".replace("±0.", "±.")
