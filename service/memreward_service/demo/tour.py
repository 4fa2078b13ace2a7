"""READ FIRST: what `memreward demo` shows, from top to bottom, on a service that runs for real."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from rich.console import Console

from memreward_client.cli.ingestion import Ingested, await_memory, ingest_file
from memreward_client.cli.predictions import predict_file, summarise_truth
from memreward_client.cli.training import follow_training, metrics_table
from memreward_client.client import RewardClient
from memreward_client.files.rollouts import read_rollout_file
from memreward_service.demo.figures import score_with, summarise_majority, summary_table
from memreward_service.demo.label_curve import (
    BUDGETS,
    chance_groups,
    curve,
    curve_table,
    planned_labels,
    random_labels,
)
from memreward_service.demo.one_label import show_one_label
from memreward_service.demo.process import HOST, ServiceProcess, free_port
from memreward_service.demo.rollouts import DemoFiles, write_demo_files
from memreward_service.demo.second_epoch import second_epoch
from memreward_service.demo.trust_beside_truth import of_math, true_figures, trust_table

SEED = 7
EXAMPLE = {
    "query": {
        "text": "A shop sells mugs for 8 dollars each. Ada buys 5 of them and pays with a 10 dollar voucher "
        "and cash. How much cash in dollars does Ada pay?",
        "domain": "math",
    },
    "rollouts": [
        {"response": "8*5=40; 40-10=30\nA: 30"},
        {"response": "For price we take 8 times 5. So we get 40. For cash 40 minus 10. The answer is 30."},
        {"response": "8*5=40; 40+10=50\nA: 50"},
    ],
}


def give_tour(data_dir: Path, *, http_port: int, grpc_port: int, once: bool) -> None:
    """Start a service on `data_dir`, teach it, show what it predicts; serve on until Ctrl-C unless `once`.

    A second tour over the same folder has a service of its own. Raises DemoError, MemRewardError, OSError.
    """
    http_port, grpc_port = free_port(http_port, "--port"), free_port(grpc_port, "--grpc-port")
    files = write_demo_files(data_dir, SEED)
    options = ["--host", HOST, "--http-port", str(http_port), "--grpc-port", str(grpc_port)]
    folder, log = fresh_folder(data_dir), data_dir / "service.log"
    url = f"http://{HOST}:{http_port}"
    console = Console()
    with ServiceProcess([*options, "--no-retrain", "--data-dir", str(folder)], log) as service:
        console.rule("1. A service starts, with everything it needs inside")
        print(f"Waiting for {url} (log: {log}) ...", flush=True)
        service.await_answer(url)
        with RewardClient(url) as client:
            _teach(client, console, files.labelled)
            _show(client, console, files)
        console.rule("8. Try it yourself")
        if once:
            print("The service of this tour ends now. Start it again with what it knows:")
            print(f"\n{serve_line(folder, options)}")
            print(f"\nand ask it from another terminal:\n\n{curl_line(url)}", flush=True)
            return
        print(curl_line(url), flush=True)
        print(f"\nThe service goes on at {url} (API: {url}/docs). Ctrl-C ends it.", flush=True)
        try:
            service.wait()
        except KeyboardInterrupt:
            print("\nThe service stops.")


def _teach(client: RewardClient, console: Console, labelled: Path) -> None:
    console.rule("2. It stores rollouts whose true rewards are known: a fifth of all queries")
    done: Ingested = ingest_file(client, labelled)
    await_memory(client, done.version)
    print(f"{done.queries} queries stored ({done.queries_added} of them new), 8 labelled rollouts each.")
    console.rule("3. It trains a graph neural network on them")
    job = follow_training(client, client.start_training().job_id)
    console.print(metrics_table(job))


def _show(client: RewardClient, console: Console, files: DemoFiles) -> None:
    console.rule("4. It predicts the rewards of the others, whose labels it never sees")
    queries = list(read_rollout_file(files.asked))
    groups = list(predict_file(client, files.asked, explain=True))
    order = random_labels(queries, SEED)
    # Before any plan: labels drawn by chance are an audit, from which the service says how good its rewards are.
    chance = chance_groups(client, queries, order)
    trust = of_math(client.trust())
    show_one_label(client, console, groups)
    rows = {"agreement majority": summarise_majority(groups), "MemReward, no label": summarise_truth(groups)}
    console.print(summary_table(rows))

    console.rule("5. Labels spent, rewards right")
    planned = planned_labels(client, queries, len(order))
    by_plan = [(known, score_with(client, queries, known)) for known in planned]
    console.print(curve_table(curve(groups, order, chance, by_plan)))
    print("A label counts as a right reward. Where the planner asks, each label is worth most.")

    console.rule("6. The same queries again, with other rollouts, and no further label")
    rows = second_epoch(client, files.asked, planned[-1], files.again)
    console.print(summary_table(rows))
    print("What the planner's labels said about an answer stays known when the query comes again.")

    console.rule("7. What it says of its own rewards, beside the truth")
    print(f"GET /v1/trust, when {BUDGETS[-1]:.0%} of the labels of the first epoch were drawn by chance:")
    console.print(trust_table(trust, true_figures(chance[-1])))


def fresh_folder(data_dir: Path) -> Path:
    """A folder for the service that does not exist yet: what a tour before this one stored would answer for it."""
    names = ("service" if number == 1 else f"service-{number}" for number in count(1))
    return next(data_dir / name for name in names if not (data_dir / name).exists())


def serve_line(folder: Path, options: Sequence[str]) -> str:
    """A command to paste: the service of the tour again, on the same ports."""
    return shlex.join(["memreward", "serve", *options, "--data-dir", str(folder.resolve())])


def curl_line(url: str) -> str:
    """A command to paste: the rewards of three rollouts."""
    body = json.dumps({"groups": [EXAMPLE], "explain": True})
    return f"curl -s {url}/v1/rewards -H 'content-type: application/json' -d '{body}'"
