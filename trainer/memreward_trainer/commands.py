"""The commands that the trainer's package brings to `memreward`, as entry points of `memreward.commands`.

The module can be imported without any extra, so that --help lists them everywhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from memreward_client.cli.extras import CommandError, needs_extra

ExistingFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE")]
RATIOS = "0.1,0.2,0.3,0.4,0.5,0.6,0.7"
"""Those of a label set where nobody says others."""

app = typer.Typer()


@app.command("label-set")
def label_set(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="Write the label set to this JSON file.")],
    ratios: Annotated[str, typer.Option(help="Shares of the queries, with commas between.")] = RATIOS,
    seed: Annotated[int, typer.Option(help="Another seed chooses other queries.")] = 0,
    id_field: Annotated[str, typer.Option(help="Column with the id of a query in Parquet files.")] = "extra_info.index",
) -> None:
    """Choose the queries that get labels, out of rollout files or the Parquet files that verl trains on.

    The choice rests on seed, data set and id alone: a larger ratio holds all queries of a smaller one.

    \b
    Examples:
      memreward label-set train.parquet --out labels.json
      memreward label-set gsm8k.jsonl.gz commonsenseqa.jsonl.gz --ratios 0.1,0.2 --seed 1 --out labels.json
    """
    from memreward_trainer.label_sets.choose import LabelSet, LabelSetError, parse_ratios
    from memreward_trainer.label_sets.files import query_ids, summary_table

    try:
        shares = parse_ratios(ratios)
    except LabelSetError as error:
        raise CommandError(f"--ratios: {error}", 2) from error
    try:
        ids = query_ids(files, id_field)
        chosen = LabelSet.choose(ids, shares, seed)
    except LabelSetError as error:
        raise CommandError(str(error)) from error
    chosen.write(out)
    Console().print(summary_table(chosen, ids))
    print(f"The label set is in {out}.")


@app.command("evaluate")
def evaluate(
    file: ExistingFile,
    regime: Annotated[
        Literal["queries", "rollouts", "epochs"],
        typer.Option(help="What the label budget buys: queries, rollouts, or rollouts of a first epoch."),
    ] = "queries",
    budget: Annotated[float, typer.Option(min=0, max=1, help="Share of the labels that may be spent.")] = 0.2,
    seeds: Annotated[int, typer.Option(min=1, help="Independent splits; means and spread are over these.")] = 3,
    rollouts: Annotated[int | None, typer.Option(min=1, help="Use the first so many of each query.")] = None,
    policies: Annotated[
        list[str] | None,
        typer.Option("--policy", help="Use rollouts of these policies only; may be repeated."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the figures as JSON too.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Keep embeddings here between runs.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most so many epochs a training.")] = None,
    planner: Annotated[
        bool,
        typer.Option("--planner", help="Let the label planner choose rollouts, beside other ways to choose."),
    ] = False,
    curve: Annotated[bool, typer.Option("--curve", help="Budgets from 5% to 70%, as JSON and PNG.")] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Compare the trust that the service reports with the truth.")
    ] = False,
    rewards: Annotated[
        bool, typer.Option("--rewards", help="Compare what thresholded, soft and corrected rewards teach.")
    ] = False,
    no_behaviour: Annotated[
        bool, typer.Option("--no-behaviour", help="Compare programs by their text, and run none of them.")
    ] = False,
) -> None:
    """Measure the rewards on held-out queries of a labelled file, beside plain agreement; needs no service.

    \b
    Examples:
      memreward evaluate gsm8k.jsonl.gz --regime queries --budget 0.2 --seeds 3 --rollouts 8
      memreward evaluate rollouts.jsonl --regime rollouts --budget 0.15 --output figures.json
      memreward evaluate rollouts.jsonl --regime rollouts --planner --budget 0.17
      memreward evaluate rollouts.jsonl --regime rollouts --planner --curve --seeds 1
      memreward evaluate rollouts.jsonl --trust
      memreward evaluate rollouts.jsonl --rewards
      memreward evaluate rollouts.jsonl --regime epochs --budget 0.17
    """
    with needs_extra("service"):
        from memreward_trainer.evaluation.command import evaluate as measure
    measure(
        file, regime=regime, budget=budget, seeds=seeds, rollouts=rollouts, policies=policies, output=output,
        data_dir=data_dir, epochs=epochs, planner=planner, curve=curve,
        behaviour=not no_behaviour, trust=trust, rewards=rewards,
    )  # fmt: skip


@app.command("answers")
def answers(
    file: ExistingFile,
    disagree: Annotated[
        bool, typer.Option("--disagree", help="List the rollouts whose labels do not fit the reading.")
    ] = False,
    query: Annotated[str | None, typer.Option(help="Only the query with this id.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Show every row, however many there are.")] = False,
    output: Annotated[Path | None, typer.Option(dir_okay=False, help="Write every reading as JSON Lines too.")] = None,
    no_behaviour: Annotated[
        bool, typer.Option("--no-behaviour", help="Compare programs by their text, and run none of them.")
    ] = False,
) -> None:
    """Show how the final answer of every rollout is read: the answer, its key and the rule that found it.

    Needs no service.

    With labels in the file, --disagree lists the keys that have right and wrong labels, and the right answers of one
    query that have several keys: there the reading is wrong, or the label is.

    \b
    Examples:
      memreward answers rollouts.jsonl
      memreward answers rollouts.jsonl --query gsm8k-17
      memreward answers rollouts.jsonl --disagree
      memreward answers rollouts.jsonl --all --output readings.jsonl
    """
    with needs_extra("service"):
        from memreward_trainer.evaluation.answers import answers as show
    show(file, disagree=disagree, query_id=query, every=every, output=output, behaviour=not no_behaviour)


@app.command("bench")
def bench(
    output: Annotated[Path | None, typer.Option(help="Write the timings as JSON too.")] = None,
    memory_queries: Annotated[int, typer.Option(min=1, help="Queries in the memory.")] = 1104,
    groups: Annotated[int, typer.Option(min=1, help="Groups in one request.")] = 128,
    rollouts: Annotated[int, typer.Option(min=1, help="Rollouts in one group.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Timed repetitions.")] = 5,
    http: Annotated[bool, typer.Option("--http", help="Time requests over HTTP too.")] = False,
) -> None:
    """Time the scoring of groups, cold and warm.

    \b
    Example:
      memreward bench --groups 128 --rollouts 8 --http
    """
    with needs_extra("service"):
        from memreward_trainer.bench.command import bench as measure
    measure(output, memory_queries, groups, rollouts, repeats, http)
