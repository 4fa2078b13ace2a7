"""What a query of a rollout file is to the client (records/), and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar, cast

from memreward_client.files.rollouts import FileQuery, FileRollout
from memreward_client.records import Domain, Experience, Group, Query, Rollout, StoredRollout

Item = TypeVar("Item")


def experience_of(line: FileQuery, *, with_labels: bool) -> Experience:
    """The query to store. `ground_truth` and `tests` belong to a verifier and stay here."""
    return Experience(
        _query(line),
        tuple(
            StoredRollout(
                _rollout(rollout, with_labels),
                rollout.id,
                rollout.label_source if with_labels and rollout.label is not None else None,
                rollout.policy,
                rollout.step,
            )
            for rollout in line.rollouts
        ),
    )


def group_of(line: FileQuery, group_id: str, *, with_labels: bool) -> Group:
    """The group to score; a label that is sent is evidence for its siblings."""
    return Group(_query(line), tuple(_rollout(rollout, with_labels) for rollout in line.rollouts), group_id)


def file_query(stored: Experience) -> FileQuery:
    """A stored query as a rollout file keeps it, ids and all."""
    query = stored.query
    rollouts = tuple(_file_rollout(rollout) for rollout in stored.rollouts)
    return FileQuery(query.text, rollouts, query.id, query.dataset, query.domain)


def batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items, the last one shorter."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _query(line: FileQuery) -> Query:
    return Query(line.query, line.id, cast(Domain | None, line.domain), line.dataset)


def _rollout(line: FileRollout, with_labels: bool) -> Rollout:
    label = line.label if with_labels else None
    return Rollout(line.response, line.thinking, line.answer, line.answer_key, label, line.behaviour)


def _file_rollout(stored: StoredRollout) -> FileRollout:
    rollout = stored.rollout
    return FileRollout(
        response=rollout.response,
        label=rollout.label,
        policy=stored.policy,
        id=stored.id,
        thinking=rollout.thinking,
        answer=rollout.answer,
        answer_key=rollout.answer_key,
        label_source=stored.label_source,
        step=stored.step,
        behaviour=None if rollout.behaviour is None else tuple(map(tuple, rollout.behaviour)),
    )
