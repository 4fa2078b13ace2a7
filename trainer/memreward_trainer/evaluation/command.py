"""What `memreward evaluate` does: measure, print one table a budget, write JSON, draw the curve."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from memreward_proto.errors import InvalidArgument
from memreward_proto.records import Experience
from memreward_service.embedding.encoder import SentenceEncoder
from memreward_service.groups.batch import parse_groups
from memreward_service.settings import Settings
from memreward_service.store import ExperienceStore
from memreward_trainer.evaluation.arms import spendings
from memreward_trainer.evaluation.comparison import compared
from memreward_trainer.evaluation.curve import BUDGETS, draw_curve, draw_epochs
from memreward_trainer.evaluation.epochs import Epoch, many_epochs, two_epochs
from memreward_trainer.evaluation.program_behaviour import SandboxRunner, needs_behaviour, with_behaviour
from memreward_trainer.evaluation.reward_modes import reward_mode_figures
from memreward_trainer.evaluation.splits import labelled_queries, queries_split, rollouts_split
from memreward_trainer.evaluation.stored_encoder import CACHE_FOLDER, StoredEncoder
from memreward_trainer.evaluation.tables import (
    COMPARED,
    PLANNED,
    TAUGHT,
    TRUSTED,
    TWO_EPOCHS,
    Figures,
    Kind,
    epochs_table,
    figures_table,
    means,
)
from memreward_trainer.evaluation.trust_check import trust_figures

SPLITS = {"queries": queries_split, "rollouts": rollouts_split}


EPOCHS = "epochs"
Reached = Callable[[float], None]
Found = TypeVar("Found")


def evaluate(
    file: Path, *, regime: str, budget: float, seeds: int, rollouts: int | None, policies: list[str] | None,
    output: Path | None, data_dir: Path | None, epochs: int | None, planner: bool = False, curve: bool = False,
    behaviour: bool = True, trust: bool = False, rewards: bool = False,
) -> None:  # fmt: skip
    """Score the rollouts of `file` whose labels a budget does not buy, print the comparison, write JSON.

    `planner`: how many of all rewards are right when the planner spends the budget, beside other ways (arms.py).
    `trust`: how often the intervals of trust hold the truth, on the queries that the budget does not buy.
    `rewards`: what thresholded, soft and corrected rewards teach, with whole queries bought and with labels planned.
    `curve`: for the budgets of curve.py instead of `budget`, drawn as a PNG beside the JSON. `behaviour`: programs
    without an answer key are run first, to be compared by what they do; else by their text. The JSON goes to `output`,
    by default memreward-evaluate-<file>-<regime>.json in the current folder.
    Raises InvalidArgument, NotEnoughLabels, RolloutFileError.
    """
    if regime not in (*SPLITS, EPOCHS):
        raise InvalidArgument(f"--regime {regime!r} is unknown: use {', '.join((*SPLITS, EPOCHS))}.", field="regime")
    if regime == EPOCHS and (planner or curve or trust or rewards):
        raise InvalidArgument("--regime epochs has a planner and a curve of its own: leave the other options out.")
    if planner and regime != "rollouts":
        raise InvalidArgument("--planner chooses single rollouts: use it with --regime rollouts.", field="planner")
    for name in [name for name, wanted in {"trust": trust, "rewards": rewards}.items() if wanted]:
        if regime != "queries" or planner or curve or (trust and rewards):
            raise InvalidArgument(
                f"--{name} is measured on whole queries at one budget: use it with --regime queries, alone.", field=name
            )
    if not 0 < budget < 1:
        raise InvalidArgument(f"--budget {budget:g} leaves nothing to measure: use more than 0, less than 1.")
    logging.getLogger("memreward_service").setLevel(logging.WARNING)
    queries = labelled_queries(file, rollouts, policies)
    count = sum(len(experience.rollouts) for experience in queries)
    console, cache = Console(), (data_dir or CACHE_FOLDER).expanduser()
    queries = _compared_by_behaviour(queries, cache, console) if behaviour else queries
    what = f"{file.name}: {len(queries)} queries, {count} rollouts; regime {regime}"
    target = output or Path(f"memreward-evaluate-{file.name.split('.')[0]}-{regime}.json")
    if regime == EPOCHS:
        _evaluate_epochs(queries, what, budget, seeds, cache, epochs, target, console)
        return
    kind = TRUSTED if trust else TAUGHT if rewards else PLANNED if planner else COMPARED
    points = []
    for share in BUDGETS if curve else (budget,):
        runs = _runs(queries, regime, share, seeds, kind, cache, epochs, console)
        title = f"{what}, {share:.0%} of the labels; mean ± spread of {seeds} seeds"
        console.print(figures_table(title, runs, kind))
        points.append((share, runs))
    facts = {
        "file": file.name, "regime": regime, "planner": planner, "trust": trust, "rewards": rewards,
        "queries": len(queries), "rollouts": count, "rollouts_a_query": rollouts, "policies": policies,
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

    def run(encoder: StoredEncoder, seed: int, reached: Reached) -> Figures:
        if kind is PLANNED:
            return spendings(queries, encoder, budget, seed, epochs, reached)
        if kind is TRUSTED:
            return trust_figures(queries, encoder, budget, seed, epochs, reached)
        if kind is TAUGHT:
            return reward_mode_figures(queries, encoder, budget, seed, epochs, reached)
        return compared(SPLITS[regime](queries, budget, seed), encoder, seed, epochs, reached)

    return _of_seeds(queries, f"{budget:.0%} of the labels", seeds, cache, console, run)


def _of_seeds(
    queries: Sequence[Experience], what: str, seeds: int, cache: Path, console: Console,
    run: Callable[[StoredEncoder, int, Reached], Found],
) -> list[Found]:  # fmt: skip
    """What `run` finds with every seed, with progress."""
    store = ExperienceStore(f"sqlite:///{cache / 'embeddings.sqlite3'}")
    settings = Settings()
    encoder = StoredEncoder(
        SentenceEncoder(settings.embedding_model, settings.device, settings.embedding_batch_size), store
    )
    texts = [text for group in parse_groups([(e, e.rollouts) for e in queries]) for text in group.texts]
    runs: list[Found] = []
    with _bars(console) as bars:
        embedding = bars.add_task("embedding texts (kept for the next run)", total=len(set(texts)))
        encoder.warm(texts, lambda done: bars.advance(embedding, done))
        for seed in range(seeds):
            bar = bars.add_task(f"{what}, seed {seed + 1} of {seeds}", total=1.0)
            runs.append(run(encoder, seed, partial(_reached, bars, bar)))
    store.close()
    return runs


def _evaluate_epochs(
    queries: Sequence[Experience], what: str, budget: float, seeds: int, cache: Path, epochs: int | None,
    target: Path, console: Console,
) -> None:  # fmt: skip
    """Regime epochs: two tables, JSON, and a picture."""

    def run(encoder: StoredEncoder, seed: int, reached: Reached) -> tuple[Figures, list[Epoch]]:
        two = two_epochs(queries, encoder, budget, seed, epochs, lambda share: reached(share / 2))
        return two, many_epochs(queries, encoder, budget, seed, epochs, lambda share: reached((1 + share) / 2))

    runs = _of_seeds(queries, f"epochs, {budget:.0%} of the labels of the first", seeds, cache, console, run)
    two, many = [one for one, _ in runs], [other for _, other in runs]
    title = f"{what}, two epochs, {budget:.0%} of the labels of the first; mean ± spread of {seeds} seeds"
    console.print(figures_table(title, two, TWO_EPOCHS))
    console.print(epochs_table(f"{what}, {len(many[0])} epochs; means of {seeds} seeds", many))
    facts = {"regime": EPOCHS, "budget": budget, "queries": len(queries), "two_epochs": two, "mean": means(two)}
    epochs_json = [[asdict(epoch) for epoch in run] for run in many]
    target.write_text(json.dumps(facts | {"many_epochs": epochs_json}, indent=2) + "\n")
    console.print(f"Written to {target}.")
    draw_epochs(target.with_suffix(".png"), what, many)
    console.print(f"Drawn in {target.with_suffix('.png')}.")


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
