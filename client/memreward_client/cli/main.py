"""READ FIRST: the command `memreward`. Each command is a few lines that call the module named after its work.

    serve                    commands/serve.py, then memreward_service.app
    ingest, export           ingestion.py
    train, models            training.py
    rewards                  predictions.py
    label-set                memreward_trainer.label_sets.choose
    evaluate, bench          memreward_trainer.evaluation
    demo                     demo/tour.py

The base install carries all but serve, evaluate, bench and demo, whose libraries come with the service extra.
What goes wrong is one sentence on stderr and exit code 1; a wrong option or setting gives 2, Ctrl-C 130.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
from rich.console import Console

from memreward_client.cli.extras import (
    LocalFailureError,
    MissingExtraError,
    SettingError,
    service_module,
    service_sentences,
)
from memreward_client.cli.ingestion import Ingested, await_memory, export_file, ingest_file
from memreward_client.cli.predictions import predict_file, rewards_view, summarise_truth, write_predictions
from memreward_client.cli.training import follow_training, metrics_table, models_table
from memreward_client.client import RewardClient
from memreward_client.errors import MemRewardError, Unauthenticated, Unreachable
from memreward_client.files.rollouts import RolloutFileError
from memreward_client.transport.base import LOCAL_URL

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False,
    help="Rewards for RL fine-tuning when labels are scarce.",
)  # fmt: skip

Url = Annotated[str, typer.Option(envvar="MEMREWARD_URL", help="Where the service listens.")]
ApiKey = Annotated[
    str | None,
    typer.Option(envvar="MEMREWARD_API_KEYS", help="The service's key; of several, the first is used."),
]
ExistingFile = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, metavar="FILE")]
ANSWER_SECONDS = 600.0
"""A cold batch embeds all its texts first, which takes minutes on a slow CPU."""
CALL_SECONDS = 900.0
"""How long one call goes on while the service restarts or is full."""
RATIOS = "0.1,0.2,0.3,0.4,0.5,0.6,0.7"
"""Those of a label set where nobody says others."""
SHOWN_GROUPS = 20
"""Groups that are shown on the screen at most; a file has them all."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit. Raises SystemExit only."""
    try:
        app(None if arguments is None else list(arguments), prog_name="memreward")
    except MemRewardError as error:
        _leave(_sentence(error), 1)
    except (RolloutFileError, MissingExtraError, LocalFailureError) as error:
        _leave(str(error), 1)
    except SettingError as error:
        _leave(str(error), 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _leave(f"{where}{error.strerror or error}", 1)
    sys.exit(0)


def _leave(message: str, code: int) -> NoReturn:
    print(f"memreward: {message}", file=sys.stderr)
    sys.exit(code)


def _sentence(error: MemRewardError) -> str:
    """The message, with the option of the command line that helps."""
    if isinstance(error, Unauthenticated):
        return "The service refused the API key: give the service's key with --api-key or MEMREWARD_API_KEYS."
    if isinstance(error, Unreachable) and not error.sent:
        return error.message.replace("correct the URL", "name it by --url")
    return error.message


def _client(url: str, api_keys: str | None) -> RewardClient:
    """A client for people: that no service is there at all is told at once, one that restarts is waited for."""
    key = (api_keys or "").split(",")[0].strip() or None
    return RewardClient(url, key, timeout=ANSWER_SECONDS, deadline=CALL_SECONDS, await_service=False)


@app.command(
    "serve",
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def serve_command(context: typer.Context) -> None:
    """Run the service; `memreward serve --help` lists every setting."""
    from memreward_service.commands.serve import serve

    serve(context.args)


@app.command()
def ingest(
    file: ExistingFile,
    url: Url = LOCAL_URL,
    api_key: ApiKey = None,
    without_labels: Annotated[bool, typer.Option("--without-labels", help="Keep the file's labels back.")] = False,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Queries sent at once.")] = 50,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until predictions use it all.")] = True,
) -> None:
    """Store the rollouts of a JSON Lines file (plain or .gz) in the service's memory.

    Sending the same file again changes nothing, so an interrupted ingest is simply started again.

    \b
    Examples:
      memreward ingest rollouts.jsonl.gz
      memreward ingest rollouts.jsonl --without-labels --url http://rewards.internal:8080
    """
    done = Ingested()
    with _client(url, api_key) as client:
        try:
            ingest_file(client, file, with_labels=not without_labels, batch=batch, done=done)
        except KeyboardInterrupt:
            _leave(f"interrupted; {done.queries} queries are stored, start again to go on.", 130)
        print(
            f"{done.queries} queries read: {done.queries_added} new, {done.rollouts_added} new rollouts, "
            f"{done.labels_changed} new or changed labels."
        )
        if wait:
            try:
                print(f"Predictions use memory version {await_memory(client, done.version)}.")
            except KeyboardInterrupt:
                _leave("no longer waiting; everything is stored, and the service goes on indexing.", 130)


@app.command()
def train(
    url: Url = LOCAL_URL,
    api_key: ApiKey = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Independent runs; the best is kept.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="At most so many epochs each.")] = None,
) -> None:
    """Train a model on the labels in the memory, and follow it until it answers requests.

    \b
    Examples:
      memreward train
      memreward train --seeds 1 --epochs 20
    """
    with _client(url, api_key) as client:
        job_id = client.start_training(seeds, epochs).job_id
        try:
            job = follow_training(client, job_id)
        except KeyboardInterrupt:
            _leave(f"no longer following; job {job_id} goes on in the service.", 130)
    Console().print(metrics_table(job))
    print(f"Model {job.model_version} answers from now on.")


@app.command()
def rewards(
    file: ExistingFile,
    url: Url = LOCAL_URL,
    api_key: ApiKey = None,
    out: Annotated[Path | None, typer.Option(help="Write all predictions to this JSON Lines file.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say what each group says about its rollouts.")] = False,
    with_labels: Annotated[
        bool, typer.Option("--with-labels", help="Send the file's labels, as evidence for their siblings.")
    ] = False,
) -> None:
    """Ask for the reward of every rollout of a file; its labels stay here and are shown beside as the truth.

    \b
    Examples:
      memreward rewards rollouts.jsonl
      memreward rewards rollouts.jsonl --explain --out rewards.jsonl
    """
    with _client(url, api_key) as client:
        predicted = predict_file(client, file, with_labels=with_labels, explain=explain)
        groups = list(predicted) if out is None else write_predictions(out, predicted)
    for group in groups[:SHOWN_GROUPS]:
        Console().print(rewards_view(group, explain=explain))
    if len(groups) > SHOWN_GROUPS:
        where = f"all are in {out}" if out else "--out FILE keeps them all"
        print(f"The first {SHOWN_GROUPS} of {len(groups)} groups are shown; {where}.")
    summary = summarise_truth(groups)
    if summary.right is not None:
        print(f"{summary.right:.1%} of {summary.compared} predicted rewards say what the file's labels say.")


@app.command("label-set")
def label_set_command(
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
        _leave(f"--ratios: {error}", 2)
    try:
        ids = query_ids(files, id_field)
        label_set = LabelSet.choose(ids, shares, seed)
    except LabelSetError as error:
        _leave(str(error), 1)
    label_set.write(out)
    Console().print(summary_table(label_set, ids))
    print(f"The label set is in {out}.")


@app.command()
def export(
    file: Annotated[Path, typer.Argument(dir_okay=False, metavar="FILE")], url: Url = LOCAL_URL, api_key: ApiKey = None
) -> None:
    """Write everything in the memory to a rollout file (.gz packs it) that `memreward ingest` reads again.

    \b
    Example:
      memreward export backup.jsonl.gz
    """
    with _client(url, api_key) as client:
        queries = export_file(client, file)
    print(f"{queries} queries written to {file}.")


@app.command()
def models(
    url: Url = LOCAL_URL,
    api_key: ApiKey = None,
    activate: Annotated[str | None, typer.Option(metavar="VERSION", help="Let this model answer from now on.")] = None,
) -> None:
    """List the trained models that the service keeps, or switch to one.

    \b
    Examples:
      memreward models
      memreward models --activate VERSION
    """
    with _client(url, api_key) as client:
        if activate is not None:
            client.activate_model(activate)
        kept = client.models()
    if not kept:
        print("No model is trained yet: `memreward train` makes one from the labels in the memory.")
        return
    Console().print(models_table(kept))


@app.command()
def evaluate(
    file: ExistingFile,
    regime: Annotated[
        Literal["queries", "rollouts"], typer.Option(help="What the label budget buys: queries or rollouts.")
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
        bool, typer.Option("--planner", help="Let the label planner choose the rollouts, beside a random choice.")
    ] = False,
    curve: Annotated[bool, typer.Option("--curve", help="Budgets from 5% to 70%, as JSON and PNG.")] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="Compare the trust that the service tells with the truth.")
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
    """
    with service_sentences():
        service_module("memreward_trainer.evaluation.command").evaluate(
            file, regime=regime, budget=budget, seeds=seeds, rollouts=rollouts, policies=policies, output=output,
            data_dir=data_dir, epochs=epochs, planner=planner, curve=curve,
            behaviour=not no_behaviour, trust=trust,
        )  # fmt: skip


@app.command()
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
    with service_sentences():
        service_module("memreward_trainer.bench.command").bench(output, memory_queries, groups, rollouts, repeats, http)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the tour instead of serving on.")] = False,
    data_dir: Annotated[Path, typer.Option(help="Folder of the demo's service.")] = Path("memreward-data/demo"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of HTTP; 0 takes a free one.")] = 8080,
    grpc_port: Annotated[int, typer.Option(min=0, max=65535, help="Port of gRPC; 0 takes a free one.")] = 50051,
) -> None:
    """Start a real service on made-up word problems, train it, and show what it predicts; then it serves on.

    \b
    Examples:
      memreward demo
      memreward demo --once --port 0 --grpc-port 0
    """
    from memreward_service.demo.process import DemoError
    from memreward_service.demo.tour import give_tour

    service_module("memreward_service.settings")
    try:
        give_tour(data_dir, http_port=port, grpc_port=grpc_port, once=once)
    except DemoError as error:
        _leave(str(error), 1)


if __name__ == "__main__":
    main()
