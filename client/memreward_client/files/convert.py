"""What a query of a rollout file is to the client (memreward_proto/records), and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from memreward_client.files.rollouts import FileQuery, FileRollout
from memreward_proto.records import Experience, Group, Query, Rollout, StoredRollout, fields_of

Item = TypeVar("Item")


def experience_of(line: FileQuery, *, with_labels: bool) -> Experience:
    """The query to store. `ground_truth` and `tests` belong to a verifier and stay here."""
    rollouts = tuple(
        StoredRollout(
            **fields_of(_rollout(rollout, with_labels)),
            id=rollout.id,
            label_source=rollout.label_source if with_labels and rollout.label is not None else None,
            policy=rollout.policy,
            step=rollout.step,
        )
        for rollout in line.rollouts
    )
    return Experience(**fields_of(_query(line)), rollouts=rollouts)


def group_of(line: FileQuery, group_id: str, *, with_labels: bool) -> Group:
    """The group to score; a label that is sent is evidence for its siblings."""
    return Group(_query(line), tuple(_rollout(rollout, with_labels) for rollout in line.rollouts), group_id)


def file_query(stored: Experience) -> FileQuery:
    """A stored query as a rollout file keeps it, ids and all."""
    rollouts = tuple(FileRollout(**fields_of(rollout)) for rollout in stored.rollouts)
    return FileQuery(stored.text, rollouts, stored.id, stored.dataset, stored.domain)


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items, the last one shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _query(line: FileQuery) -> Query:
    return Query(line.query, line.id, line.domain, line.dataset)


def _rollout(line: FileRollout, with_labels: bool) -> Rollout:
    label = line.label if with_labels else None
    return Rollout(
        line.response, line.thinking, line.answer, line.answer_key, label, line.behaviour,
        behaviour_version=line.behaviour_version,
    )  # fmt: skip
