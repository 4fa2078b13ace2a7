"""READ FIRST: the command `memreward`. Each command is a few lines that call the module named after its work.

    ingest, export           ingestion.py
    train, models            training.py
    rewards                  predictions.py
    prune                    pruning.py

Every other command is an entry point of the group `memreward.commands`: a typer.Typer that holds it. So the client
imports neither service nor trainer, and other packages may add commands.
What goes wrong is one sentence on stderr and exit code 1; a wrong option or setting gives 2, Ctrl-C 130.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from memreward_client.cli.extras import CommandError
from memreward_client.cli.ingestion import Ingested, await_memory, export_file, ingest_file
from memreward_client.cli.predictions import predict_file, rewards_view, summarise_truth, write_predictions
from memreward_client.cli.pruning import prune_table, summary
from memreward_client.cli.training import follow_training, metrics_table, models_table
from memreward_client.client import RewardClient
from memreward_client.errors import MemRewardError, Unauthenticated, Unreachable
from memreward_client.files.rollouts import RolloutFileError
from memreward_client.transport.base import LOCAL_URL
from memreward_proto.errors import MemRewardError as ServiceError

app = typer.Typer()

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
SHOWN_GROUPS = 20
"""Groups that are shown on the screen at most; a file has them all."""
COMMANDS = "memreward.commands"
"""The group of entry points that bring commands."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit. Raises SystemExit only."""
    try:
        command_line()(None if arguments is None else list(arguments), prog_name="memreward")
    except MemRewardError as error:
        _leave(_sentence(error), 1)
    except (RolloutFileError, ServiceError) as error:
        _leave(str(error), 1)
    except CommandError as error:
        _leave(str(error), error.code)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _leave(f"{where}{error.strerror or error}", 1)
    sys.exit(0)


def command_line() -> typer.Typer:
    """The commands of this file, then those of the entry points."""
    line = typer.Typer(
        no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False,
        help="Rewards for RL fine-tuning when labels are scarce.",
    )  # fmt: skip
    line.add_typer(app)
    for entry in sorted(entry_points(group=COMMANDS), key=lambda entry: entry.name):
        line.add_typer(_commands_of(entry))
    return line


def _commands_of(entry: EntryPoint) -> typer.Typer:
    """What the entry point brings; where it cannot be imported, a command of its name that says so."""
    try:
        loaded: typer.Typer = entry.load()
        return loaded
    except ImportError as error:
        why = f"cannot be imported: {error}"
    broken = typer.Typer()

    @broken.command(entry.name, help=f"({why})", context_settings={"ignore_unknown_options": True})
    def _broken(_: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
        raise CommandError(f"The command {entry.name} {why}.")

    return broken


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
    """A client for people: where no service is there at all, it says so at once; one that restarts is waited for."""
    key = (api_keys or "").split(",")[0].strip() or None
    return RewardClient(url, key, timeout=ANSWER_SECONDS, deadline=CALL_SECONDS, await_service=False)


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
        for reason, count in Counter(done.refused).items():
            print(f"{count} rollouts are not stored: {reason}")
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
def prune(
    url: Url = LOCAL_URL,
    api_key: ApiKey = None,
    rollouts: Annotated[int | None, typer.Option(min=1, help="Of each query so many stay: labelled, then new.")] = None,
    days: Annotated[float | None, typer.Option(min=0, help="Rollouts without a label stay so many days.")] = None,
    max_bytes: Annotated[int | None, typer.Option("--bytes", min=0, help="The texts of all may hold so much.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove them; without it nothing is removed.")] = False,
) -> None:
    """Say which stored rollouts are over a limit, and with --yes remove their texts.

    Without limits those of the service hold (MEMREWARD_KEEP_ROLLOUTS_PER_QUERY, _KEEP_DAYS, _KEEP_BYTES). Labelled
    rollouts stay longest, then the newest, and the last one of a query for ever. The history of a query never goes:
    its votes and labels count as before.

    \b
    Examples:
      memreward prune --rollouts 16
      memreward prune --days 30 --bytes 20000000000 --yes
    """
    with _client(url, api_key) as client:
        report = client.prune(dry_run=not yes, rollouts_per_query=rollouts, days=days, max_bytes=max_bytes)
    if report.rollouts:
        Console().print(prune_table(report))
    print(summary(report))


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


if __name__ == "__main__":
    main()
