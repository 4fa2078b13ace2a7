"""What `memreward bench` does: time, print one table, write JSON."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from memreward_trainer.bench.bench import timings
from memreward_trainer.bench.timing import Timing
from memreward_trainer.evaluation.stored_encoder import CACHE_FOLDER


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
