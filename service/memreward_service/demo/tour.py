"""READ FIRST: what `memreward demo` shows, from top to bottom, on a service that runs for real."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from memreward_client.cli.ingestion import Ingested, await_memory, ingest_file
from memreward_client.cli.predictions import (
    RIGHT,
    PredictedGroup,
    TruthSummary,
    clip,
    predict_file,
    rewards_view,
    summarise_truth,
)  # fmt: skip
from memreward_client.cli.training import follow_training, metrics_table
from memreward_client.client import RewardClient
from memreward_client.files.rollouts import FileQuery, read_rollout_file, write_rollout_file
from memreward_service.demo.process import HOST, DemoError, ServiceProcess, free_port
from memreward_service.demo.rollouts import write_demo_files

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

    A second tour over the same folder finds its experience there. Raises DemoError, MemRewardError, OSError.
    """
    http_port, grpc_port = free_port(http_port, "--port"), free_port(grpc_port, "--grpc-port")
    labelled, asked = write_demo_files(data_dir, SEED)
    options = ["--host", HOST, "--http-port", str(http_port), "--grpc-port", str(grpc_port)]
    folder, log = data_dir / "service", data_dir / "service.log"
    url = f"http://{HOST}:{http_port}"
    console = Console()
    with ServiceProcess([*options, "--data-dir", str(folder)], log) as service:
        console.rule("1. A service starts, with everything it needs inside")
        print(f"Waiting for {url} (log: {log}) ...", flush=True)
        service.await_answer(url)
        with RewardClient(url) as client:
            _teach(client, console, labelled)
            _show_rewards(client, console, asked)
        console.rule("5. Try it yourself")
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


def _show_rewards(client: RewardClient, console: Console, asked: Path) -> None:
    console.rule("4. It predicts the rewards of the others, whose labels it never sees")
    groups = list(predict_file(client, asked, explain=True))
    shown = mixed_group(groups)
    console.print(rewards_view(shown, explain=True))
    for sentence in describe_group(shown):
        print(f"- {sentence}")
    print("Now the label of one rollout of each group goes with the question, as evidence for its siblings.")
    verified = verified_groups(client, asked)
    rows = {
        "agreement majority, no label": summarise_majority(groups),
        "MemReward, no label": summarise_truth(groups),
        "MemReward, 1 label of 8": summarise_truth(verified),
    }
    console.print(summary_table(rows))


def verified_groups(client: RewardClient, asked: Path) -> list[PredictedGroup]:
    """The groups of `asked` predicted once more, the label of each group's first rollout sent along."""
    queries = list(read_rollout_file(asked))
    one_label = asked.with_name("one-label.jsonl")
    write_rollout_file(one_label, map(only_first_label, queries))
    predicted = predict_file(client, one_label, with_labels=True)
    return [replace(group, query=query) for group, query in zip(predicted, queries, strict=True)]


def only_first_label(query: FileQuery) -> FileQuery:
    """The query as it is when the verifier has seen its first rollout only."""
    first, *others = query.rollouts
    return replace(query, rollouts=(first, *(replace(rollout, label=None) for rollout in others)))


def mixed_group(groups: Sequence[PredictedGroup]) -> PredictedGroup:
    """The first group with right and with wrong rollouts, whatever was predicted for it. Raises DemoError."""
    for group in groups:
        if {rollout.label for rollout in group.query.rollouts} == {0.0, 1.0}:
            return group
    raise DemoError("no group of the demo has both right and wrong rollouts.")


def majority_rewards(group: PredictedGroup) -> list[bool]:
    """What plain agreement rewards: the rollouts with the most shared answer, the earliest on a tie."""
    explanations = [prediction.explanation for prediction in group.scored.rollouts if prediction.explanation]
    winner = max(explanations, key=lambda explanation: explanation.agreement).answer_key
    return [explanation.answer_key == winner for explanation in explanations]


def summarise_majority(groups: Sequence[PredictedGroup]) -> TruthSummary:
    """The truth summary of `majority_rewards`, over every rollout of the groups that has a label."""
    compared = [
        (rewarded, rollout.label >= RIGHT)
        for group in groups
        for rollout, rewarded in zip(group.query.rollouts, majority_rewards(group), strict=True)
        if rollout.label is not None
    ]
    wrong = [rewarded for rewarded, right in compared if not right]
    return TruthSummary(
        len(compared),
        sum(rewarded == right for rewarded, right in compared) / len(compared) if compared else None,
        sum(wrong) / len(wrong) if wrong else None,
    )


def describe_group(group: PredictedGroup) -> list[str]:
    """A few sentences on what the table of one group shows."""
    truths = [(rollout.label or 0) >= RIGHT for rollout in group.query.rollouts]
    rewarded = [(prediction.reward or 0) >= RIGHT for prediction in group.scored.rollouts]
    majority_right = truths[majority_rewards(group).index(True)]
    matching = sum(reward == truth for reward, truth in zip(rewarded, truths, strict=True))
    sentences = [
        f"The true answer is {group.query.ground_truth}; {sum(truths)} of {len(truths)} rollouts reach it.",
        f"The answer that most rollouts share is {'right' if majority_right else 'wrong'} here.",
        f"MemReward's rewards match the truth for {matching} of {len(truths)} rollouts.",
    ]
    if group.scored.neighbors:
        nearest = group.scored.neighbors[0]
        text = clip(nearest.text, 70)
        sentences.append(f'The nearest query in memory (cosine {nearest.similarity:.2f}) is "{text}"')
    return sentences


def summary_table(rows: Mapping[str, TruthSummary]) -> Table:
    """By the source of the rewards: rollouts that were predicted, how many right, how many wrong ones rewarded."""
    table = Table("rewards from", "rollouts", "right", "wrong rollouts rewarded")
    for name, summary in rows.items():
        shares = (summary.right, summary.false_positive_rate)
        table.add_row(name, str(summary.compared), *("-" if share is None else f"{share:.1%}" for share in shares))
    table.caption = "Compare the last column too: a wrong rollout that is rewarded teaches the policy a mistake."
    return table


def serve_line(folder: Path, options: Sequence[str]) -> str:
    """A command to paste: the service of the tour again, on the same ports."""
    return shlex.join(["memreward", "serve", *options, "--data-dir", str(folder.resolve())])


def curl_line(url: str) -> str:
    """A command to paste: the rewards of three rollouts."""
    body = json.dumps({"groups": [EXAMPLE], "explain": True})
    return f"curl -s {url}/v1/rewards -H 'content-type: application/json' -d '{body}'"
