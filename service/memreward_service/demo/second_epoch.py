"""The same queries in a second epoch, with other rollouts: what memory of the first one is worth without a label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from memreward_client.cli.ingestion import await_memory, ingest_file
from memreward_client.cli.predictions import PredictedGroup, TruthSummary, predict_file, summarise_truth
from memreward_client.client import RewardClient
from memreward_client.files.rollouts import FileQuery, read_rollout_file, write_rollout_file
from memreward_service.demo.figures import Known, summarise_majority, with_labels

FIRST_STEP = 1
"""The training step that the first epoch is stored under."""


def second_epoch(client: RewardClient, asked: Path, known: Known, again: Path) -> dict[str, TruthSummary]:
    """Rewards of the rollouts in `again`, no label of theirs sent: before and after memory learns of the first epoch,
    which is the rollouts in `asked` with their `known` labels."""
    before = list(predict_file(client, again, explain=True))
    first = asked.with_name("first-epoch.jsonl")
    write_rollout_file(first, as_stored(list(read_rollout_file(asked)), known))
    await_memory(client, ingest_file(client, first).version)
    after = list(predict_file(client, again))
    return epoch_rows(before, after)


def as_stored(queries: Sequence[FileQuery], known: Known) -> list[FileQuery]:
    """All rollouts of the first epoch, as a trainer stores them: with their step, and with the `known` labels."""
    return [
        replace(query, rollouts=tuple(replace(rollout, step=FIRST_STEP) for rollout in query.rollouts))
        for query in with_labels(queries, known)
    ]


def epoch_rows(before: Sequence[PredictedGroup], after: Sequence[PredictedGroup]) -> dict[str, TruthSummary]:
    """The rows of the table: plain agreement, and MemReward without and with memory of the queries."""
    return {
        "agreement majority": summarise_majority(before),
        "MemReward, no memory": summarise_truth(before),
        "MemReward, with memory": summarise_truth(after),
    }
