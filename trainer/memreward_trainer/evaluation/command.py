"""What `memreward evaluate` does: measure, print one table a budget, write JSON, draw the curve."""

from __future__ import annotations

import json
import logging
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from memreward_proto.errors import InvalidArgument
from memreward_proto.records import Experience
from memreward_service.embedding.encoder import SentenceEncoder
from memreward_service.groups.batch import parse_groups
from memreward_service.settings import Settings
from memreward_service.store import ExperienceStore
from memreward_trainer.evaluation.comparison import compared
from memreward_trainer.evaluation.curve import BUDGETS, draw_curve
from memreward_trainer.evaluation.planned_labels import spendings
from memreward_trainer.evaluation.program_behaviour import SandboxRunner, needs_behaviour, with_behaviour
from memreward_trainer.evaluation.splits import labelled_queries, queries_split, rollouts_split
from memreward_trainer.evaluation.stored_encoder import CACHE_FOLDER, StoredEncoder
from memreward_trainer.evaluation.trust_check import DRAWS, LABELS, trust_figures

SPLITS = {"queries": queries_split, "rollouts": rollouts_split}


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
        "false_positive_rate": "FPR",
        "false_negative_rate": "FNR",
        "auc": "AUC",
        "labels_spent": "labels",
    },
    "right, FPR and FNR: rewards of all rollouts, labelled ones included; AUC: of those without a label; labels: "
    "spent. The planner stops where no label is expected to change a reward.",
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

Figures = dict[str, dict[str, float]]
"""Metrics by method."""


def evaluate(
    file: Path, *, regime: str, budget: float, seeds: int, rollouts: int | None, policies: list[str] | None,
    output: Path | None, data_dir: Path | None, epochs: int | None, planner: bool = False, curve: bool = False,
    behaviour: bool = True, trust: bool = False,
) -> None:  # fmt: skip
    """Score the rollouts of `file` whose labels a budget does not buy, print the comparison, write JSON.

    `planner`: how many of all rewards are right when the planner spends the budget, and when it is spent at random.
    `trust`: how often the intervals of trust hold the truth, on the queries that the budget does not buy.
    `curve`: for the budgets of curve.py instead of `budget`, drawn as a PNG beside the JSON. `behaviour`: programs
    without an answer key are run first, to be compared by what they do; else by their text. The JSON goes to `output`,
    by default memreward-evaluate-<file>-<regime>.json in the current folder.
    Raises InvalidArgument, NotEnoughLabels, RolloutFileError.
    """
    if regime not in SPLITS:
        raise InvalidArgument(f"--regime {regime!r} is unknown: use {' or '.join(SPLITS)}.", field="regime")
    if planner and regime != "rollouts":
        raise InvalidArgument("--planner chooses single rollouts: use it with --regime rollouts.", field="planner")
    if trust and (regime != "queries" or planner or curve):
        raise InvalidArgument(
            "--trust is measured on whole queries at one budget: use it with --regime queries, without --planner and "
            "--curve.",
            field="trust",
        )
    if not 0 < budget < 1:
        raise InvalidArgument(f"--budget {budget:g} leaves nothing to measure: use more than 0, less than 1.")
    logging.getLogger("memreward_service").setLevel(logging.WARNING)
    queries = labelled_queries(file, rollouts, policies)
    count = sum(len(experience.rollouts) for experience in queries)
    console, cache = Console(), (data_dir or CACHE_FOLDER).expanduser()
    queries = _compared_by_behaviour(queries, cache, console) if behaviour else queries
    what = f"{file.name}: {len(queries)} queries, {count} rollouts; regime {regime}"
    kind = TRUSTED if trust else PLANNED if planner else COMPARED
    points = []
    for share in BUDGETS if curve else (budget,):
        runs = _runs(queries, regime, share, seeds, kind, cache, epochs, console)
        title = f"{what}, {share:.0%} of the labels; mean ± spread of {seeds} seeds"
        console.print(figures_table(title, runs, kind))
        points.append((share, runs))
    target = output or Path(f"memreward-evaluate-{file.name.split('.')[0]}-{regime}.json")
    facts = {
        "file": file.name, "regime": regime, "planner": planner, "trust": trust, "queries": len(queries),
        "rollouts": count, "rollouts_a_query": rollouts, "policies": policies,
        "budgets": [{"budget": share, "runs": runs, "mean": means(runs)} for share, runs in points],
    }  # fmt: skip
    target.write_text(json.dumps(facts, indent=2) + "\n")
    console.print(f"Written to {target}.")
    if curve:
        drawn = target.with_suffix(".png")
        draw_curve(drawn, what, [(share, means(runs)) for share, runs in points], kind.headline, kind.headline_name)
        console.print(f"Drawn in {drawn}.")


def _runs(
    queries: Sequence[Experience], regime: str, budget: float, seeds: int, kind: Kind, cache: Path,
    epochs: int | None, console: Console,
) -> list[Figures]:  # fmt: skip
    """Figures of every seed, with progress."""
    store = ExperienceStore(f"sqlite:///{cache / 'embeddings.sqlite3'}")
    settings = Settings()
    encoder = StoredEncoder(
        SentenceEncoder(settings.embedding_model, settings.device, settings.embedding_batch_size), store
    )
    texts = [text for group in parse_groups([(e, e.rollouts) for e in queries]) for text in group.texts]
    runs: list[Figures] = []
    with _bars(console) as bars:
        embedding = bars.add_task("embedding texts (kept for the next run)", total=len(set(texts)))
        encoder.warm(texts, lambda done: bars.advance(embedding, done))
        for seed in range(seeds):
            bar = bars.add_task(f"{budget:.0%} of the labels, seed {seed + 1} of {seeds}: training", total=1.0)
            reached = partial(_reached, bars, bar)
            if kind is PLANNED:
                runs.append(spendings(queries, encoder, budget, seed, epochs, reached))
            elif kind is TRUSTED:
                runs.append(trust_figures(queries, encoder, budget, seed, epochs, reached))
            else:
                runs.append(compared(SPLITS[regime](queries, budget, seed), encoder, seed, epochs, reached))
    store.close()
    return runs


def _compared_by_behaviour(queries: list[Experience], cache: Path, console: Console) -> list[Experience]:
    """The queries with the behaviour of their programs, where they have some."""
    programs = sum(needs_behaviour(one, stored) for one in queries for stored in one.rollouts)
    if not programs:
        return queries
    with _bars(console) as bars:
        running = bars.add_task("running programs (kept for the next run)", total=programs)
        return with_behaviour(queries, SandboxRunner(), cache, lambda done: bars.advance(running, done))


def _bars(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%"), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True)


def _reached(bars: Progress, bar: TaskID, share: float) -> None:
    bars.update(bar, completed=share)


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


def _cell(figure: dict[str, Any] | None) -> str:
    return "-" if figure is None else f"{figure['mean']:.3f}±{figure['spread']:.3f}".replace("±0.", "±.")
