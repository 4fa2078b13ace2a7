"""`memreward ingest`, `memreward export`: rollout files into the memory and out of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from memreward_client.cli.progress import Track, track
from memreward_client.client import RewardClient
from memreward_client.files.convert import batches, experience_of, file_query
from memreward_client.files.rollouts import FileQuery, read_rollout_file, write_rollout_file

POLL_SECONDS = 0.5
PAGE_QUERIES = 200


@dataclass(slots=True)
class Ingested:
    """What an ingest did; `version` is the store's version that holds it all."""

    version: int = 0
    queries: int = 0
    queries_added: int = 0
    rollouts_added: int = 0
    refused: list[str] = field(default_factory=list)
    """Why rollouts were not stored, one sentence each."""
    labels_changed: int = 0


def ingest_file(
    client: RewardClient,
    path: Path,
    *,
    with_labels: bool = True,
    batch: int = 50,
    done: Ingested | None = None,
) -> Ingested:
    """Post every query of a rollout file, `batch` at a time; posting the same again changes nothing.

    The file is read through first, so a bad line is met before anything is sent. `done` is filled on the way,
    for a caller that wants to say how far an interrupted ingest came.
    Raises RolloutFileError, OSError, MemRewardError.
    """
    done = done or Ingested()
    total = sum(1 for _ in read_rollout_file(path))
    with track("storing", total, "queries") as progress:
        for queries in batches(read_rollout_file(path), batch):
            receipt = client.add_experience([experience_of(query, with_labels=with_labels) for query in queries])
            done.version = max(done.version, receipt.version)
            done.queries += len(queries)
            done.queries_added += receipt.queries_added
            done.rollouts_added += receipt.rollouts_added
            done.refused += [each.reason for each in receipt.refused]
            done.labels_changed += receipt.labels_changed
            progress.reached(done.queries)
    return done


def await_memory(client: RewardClient, version: int) -> int:
    """Wait until predictions use the store's `version`; returns the memory version. Raises MemRewardError."""
    status = client.memory()
    with track("indexing", status.stored.queries, "queries") as progress:
        while status.memory_version < version:
            progress.reached(status.indexed_queries, "building" if status.building else "waiting")
            time.sleep(POLL_SECONDS)
            status = client.memory()
        progress.reached(status.stored.queries)
    return status.memory_version


def export_file(client: RewardClient, path: Path) -> int:
    """Write all stored experience to a rollout file that ingest reads again; returns how many queries.

    The file appears whole or not at all. Raises MemRewardError, OSError.
    """
    total = client.memory().stored.queries
    with track("exporting", total, "queries") as progress:
        return write_rollout_file(path, _stored_queries(client, progress))


def _stored_queries(client: RewardClient, progress: Track) -> Iterator[FileQuery]:
    for done, stored in enumerate(client.experience(PAGE_QUERIES), start=1):
        yield file_query(stored)
        progress.reached(done)
